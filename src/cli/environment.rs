//! The environment of the process, and what it says of colours.

use std::{ffi::OsString, io::IsTerminal};

/// The environment as it was when the process started.
pub type Environment = Vec<(OsString, OsString)>;

/// Whether the user permits colours. Made once from the environment, and passed to the commands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Colours {
    permitted: bool,
}

impl Colours {
    /// Permitted unless `NO_COLOR` is set and not empty, as <https://no-color.org> defines.
    pub(super) fn of(environment: &Environment) -> Self {
        let refused = environment
            .iter()
            .any(|(name, value)| name == "NO_COLOR" && !value.is_empty());
        Self {
            permitted: !refused,
        }
    }

    /// Whether this output gets colours: only a terminal does.
    pub(super) fn on(self, output: &impl IsTerminal) -> bool {
        self.permitted && output.is_terminal()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_refused_by_a_variable_that_is_not_empty() {
        let permitted =
            |name: &str, value: &str| Colours::of(&vec![(name.into(), value.into())]).permitted;
        assert!(!permitted("NO_COLOR", "1"));
        assert!(permitted("NO_COLOR", ""));
        assert!(permitted("NO_COLORS", "1"));
    }
}
