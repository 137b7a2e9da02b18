//! The names of callers, which the configuration gives them.

use std::{
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
};

use super::priority::CallerPriority;
use crate::rate_limit::Rate;

/// The longest name, in bytes.
const NAME_BYTES_MAX: usize = 64;
/// What journal, metrics and logs say of callers without a name.
const RESERVED: [&str; 3] = [
    CallerName::ANONYMOUS,
    CallerName::INTERNAL,
    CallerName::UNKNOWN,
];

/// The name of a caller, as the configuration gives it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallerName(Arc<str>);

/// A text is not the name of a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCallerNameError {
    /// Its form is another.
    #[error(
        "is not a name: 1 to 64 of a-z, 0-9, `.`, `_` and `-`, with a letter or digit at both ends"
    )]
    Form,
    /// It means something else in the journal and in metrics.
    #[error("is a name that journal and metrics give to callers without a name")]
    Reserved,
}

impl CallerName {
    /// The name of every caller that the configuration does not name.
    pub const ANONYMOUS: &'static str = "anonymous";
    /// The name of the service itself.
    pub const INTERNAL: &'static str = "internal";
    /// What metrics and the journal say of a caller that could not be authenticated.
    pub const UNKNOWN: &'static str = "unknown";

    /// Parses a name.
    pub fn parse(text: &str) -> Result<Self, InvalidCallerNameError> {
        let is_inner = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"._-".contains(&c);
        let is_end =
            |c: Option<&u8>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        let bytes = text.as_bytes();
        let fits = bytes.len() <= NAME_BYTES_MAX && bytes.iter().all(|c| is_inner(*c));
        if !fits || !is_end(bytes.first()) || !is_end(bytes.last()) {
            return Err(InvalidCallerNameError::Form);
        }
        if RESERVED.contains(&text) {
            return Err(InvalidCallerNameError::Reserved);
        }
        Ok(Self(text.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CallerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A caller that the configuration names, with what the order and the quota of its fetches depend on. It is the same caller as long as
/// its name is, whatever a reload changes. Cheap to clone.
#[derive(Debug, Clone)]
pub struct NamedCaller(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: CallerName,
    fetches: Option<Rate>,
    priority: CallerPriority,
}

impl NamedCaller {
    /// A caller of this name. `fetches` is the quota of its fetches of evidence; `None` is that of every caller.
    pub fn new(name: CallerName, fetches: Option<Rate>, priority: CallerPriority) -> Self {
        Self(Arc::new(Inner {
            name,
            fetches,
            priority,
        }))
    }

    /// Its name.
    pub fn name(&self) -> &CallerName {
        &self.0.name
    }

    /// The quota of its fetches of evidence, if it has one of its own.
    pub fn fetches(&self) -> Option<Rate> {
        self.0.fetches
    }

    /// Whether its calls are served before those of others.
    pub fn priority(&self) -> CallerPriority {
        self.0.priority
    }
}

impl PartialEq for NamedCaller {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.name == other.0.name
    }
}

impl Eq for NamedCaller {}

impl Hash for NamedCaller {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.name.hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_lower_case_letters_digits_and_marks_between_them_and_none_that_is_taken() {
        let longest = "a".repeat(64);
        for name in ["a", "7", "door-1", "main.gate_2", "a--b", &longest] {
            assert_eq!(CallerName::parse(name).unwrap().as_str(), name);
        }
        let too_long = "a".repeat(65);
        for text in [
            "", "-", "a-", "-a", ".a", "A", "Door", "door 1", "tür", "a/b", "a\"b", "a\nb",
            &too_long,
        ] {
            let error = CallerName::parse(text).unwrap_err();
            assert_eq!(error, InvalidCallerNameError::Form, "{text}");
        }
        for text in ["anonymous", "unknown", "internal"] {
            let error = CallerName::parse(text).unwrap_err();
            assert_eq!(error, InvalidCallerNameError::Reserved, "{text}");
        }
    }
}
