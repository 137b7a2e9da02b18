//! Every problem of a configuration at once, each with its place.

use std::{fmt, path::PathBuf};

use crate::{callers::without_tokens, policy::yaml::visible};

/// One problem: where it is, what it is, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// A file with line and column, a variable of the environment, or the name of the setting.
    pub place: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// Why a setting cannot be set.
#[derive(Debug)]
pub(super) struct SettingError {
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

impl SettingError {
    pub(super) fn new(message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            message,
            hint: None,
        }
    }
}

/// Every problem of a configuration, in the order in which they were found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// The problems.
    pub problems: Vec<Problem>,
    /// Where the policies are, if that is known all the same.
    pub policies: Option<PathBuf>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.problems.len();
        let plural = if count == 1 { "" } else { "s" };
        write!(f, "{count} problem{plural} in the configuration")?;
        for problem in &self.problems {
            f.write_str("\n  ")?;
            if !problem.message.starts_with(&problem.place) {
                write!(f, "{}: ", shown(&problem.place))?;
            }
            f.write_str(&shown(&problem.message))?;
            if let Some(hint) = &problem.hint {
                write!(f, "\n    hint: {}", shown(hint))?;
            }
        }
        Ok(())
    }
}

/// A text of a problem without control characters and without secrets of callers.
fn shown(text: &str) -> String {
    without_tokens(&visible(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_in_a_wrong_setting_is_not_shown() {
        let token = format!("vg_abcd1234_{}", "aB3-_".repeat(8) + "xyz");
        for text in [
            token.clone(),
            format!("`{token}` is no policy"),
            format!("Bearer {token}, {token}"),
            format!("vg_{token}"),
            format!("vg_vg_x{token}"),
        ] {
            let error = ConfigError {
                problems: vec![Problem {
                    place: text.clone(),
                    message: format!("x {text}"),
                    hint: Some(text.clone()),
                }],
                policies: None,
            };
            let shown = error.to_string();
            assert!(!shown.contains("aB3"), "{shown}");
            assert!(shown.contains("vg_abcd1234_…"), "{shown}");
        }
        let harmless = "vg_abc is no token, and neither is vg_ABCD1234_x, nor `vg_`";
        assert_eq!(shown(harmless), harmless);
    }
}
