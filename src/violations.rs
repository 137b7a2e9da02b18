//! Collects every wrong field of a request, so that a caller learns of all of them at once.

use std::fmt::Display;

/// The longest `request_id` and `identity_id`, in bytes.
pub const ID_BYTES_MAX: usize = 128;

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

    /// Each wrong field with its description.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0
            .iter()
            .map(|violation| (violation.field, violation.description.as_str()))
    }
}
