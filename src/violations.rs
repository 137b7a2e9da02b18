//! Collects every wrong field of a request, so that a caller learns of all of them at once.

use std::fmt::{self, Display};

/// The longest `request_id` and `identity_id`, in bytes.
pub const ID_BYTES_MAX: usize = 128;

/// Attributes that a request may have.
pub const ATTRIBUTES_MAX: usize = 32;
/// The longest key of an attribute, in bytes.
pub const ATTRIBUTE_KEY_BYTES_MAX: usize = 64;
/// The longest value of an attribute, in bytes.
pub const ATTRIBUTE_VALUE_BYTES_MAX: usize = 256;

/// How much of a caller's text a description quotes, in characters.
const QUOTED_CHARS_MAX: usize = 40;

/// The wrong fields of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Violations(Vec<Violation>);

/// One wrong field, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Violation {
    field: &'static str,
    description: String,
}

impl Violations {
    /// One wrong field.
    pub fn one(field: &'static str, description: impl Display) -> Self {
        let mut violations = Self::default();
        violations.add(field, description);
        violations
    }

    /// Adds a wrong field.
    pub fn add(&mut self, field: &'static str, description: impl Display) {
        let description = description.to_string();
        self.0.push(Violation { field, description });
    }

    /// Adds the field if it could not be parsed.
    pub fn parse<T, E: Display>(&mut self, field: &'static str, parsed: Result<T, E>) -> Option<T> {
        parsed.map_err(|error| self.add(field, error)).ok()
    }

    /// Adds the field if it is longer than this many bytes.
    pub fn at_most(&mut self, field: &'static str, text: &str, bytes_max: usize) {
        if text.len() > bytes_max {
            self.add(field, format_args!("must be at most {bytes_max} bytes"));
        }
    }

    /// Whether no field is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Each wrong field with its description.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0
            .iter()
            .map(|violation| (violation.field, violation.description.as_str()))
    }
}

/// A caller's text in a description: in backticks, cut to a bound, and without control characters.
#[derive(Debug, Clone, Copy)]
pub struct Quoted<'a>(pub &'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`")?;
        for c in self.0.chars().take(QUOTED_CHARS_MAX) {
            if c.is_ascii_graphic() || c == ' ' || c.is_alphanumeric() {
                write!(f, "{c}")?;
            } else {
                write!(f, "{}", c.escape_unicode())?;
            }
        }
        let cut = self.0.chars().nth(QUOTED_CHARS_MAX).is_some();
        f.write_str(if cut { "…`" } else { "`" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_text_is_short_and_cannot_control_a_terminal() {
        let quoted = |text: &str| Quoted(text).to_string();
        assert_eq!(quoted("site"), "`site`");
        assert_eq!(quoted("Zürich 1"), "`Zürich 1`");
        assert_eq!(
            quoted("\u{1b}[31m\u{202e}\n\u{9b}"),
            "`\\u{1b}[31m\\u{202e}\\u{a}\\u{9b}`"
        );
        assert_eq!(quoted(&"k".repeat(40)), format!("`{}`", "k".repeat(40)));
        assert_eq!(quoted(&"k".repeat(41)), format!("`{}…`", "k".repeat(40)));
    }
}
