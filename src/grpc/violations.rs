//! Collects every wrong field of a request, so that a caller learns of all of them at once.

use std::fmt::Display;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt as _};

/// The longest `request_id` and `identity_id`, in bytes.
pub(super) const ID_BYTES_MAX: usize = 128;

/// The wrong fields of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Violations(Vec<Violation>);

/// One wrong field, as `google.rpc.BadRequest` has it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Violation {
    field: &'static str,
    description: String,
}

impl Violations {
    /// One wrong field.
    pub(super) fn one(field: &'static str, description: impl Display) -> Self {
        let mut violations = Self::default();
        violations.add(field, description);
        violations
    }

    /// Adds a wrong field.
    pub(super) fn add(&mut self, field: &'static str, description: impl Display) {
        let description = description.to_string();
        self.0.push(Violation { field, description });
    }

    /// Adds the field if it could not be parsed.
    pub(super) fn parse<T, E: Display>(
        &mut self,
        field: &'static str,
        parsed: Result<T, E>,
    ) -> Option<T> {
        parsed.map_err(|error| self.add(field, error)).ok()
    }

    /// Adds the field if it is longer than this many bytes.
    pub(super) fn at_most(&mut self, field: &'static str, text: &str, bytes_max: usize) {
        if text.len() > bytes_max {
            self.add(field, format_args!("must be at most {bytes_max} bytes"));
        }
    }

    /// Whether no field is wrong.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `INVALID_ARGUMENT`, with every wrong field.
    pub(super) fn status(&self) -> Status {
        let violations = self.0.iter();
        let lines: Vec<String> = violations
            .map(|violation| format!("{} {}", violation.field, violation.description))
            .collect();
        let fields = self
            .0
            .iter()
            .map(|violation| FieldViolation::new(violation.field, violation.description.clone()))
            .collect::<Vec<_>>();
        Status::with_error_details(
            Code::InvalidArgument,
            lines.join("; "),
            ErrorDetails::with_bad_request(fields),
        )
    }

    /// The names of the wrong fields.
    #[cfg(test)]
    pub(super) fn fields(&self) -> Vec<&'static str> {
        self.0.iter().map(|violation| violation.field).collect()
    }
}
