//! Every error of a call and its one gRPC code. A decision is never among them.

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt as _};

use super::question::Violation;
use crate::gate::NoRuling;

/// The question is malformed: `INVALID_ARGUMENT`, with every field that is wrong.
pub(super) fn malformed(violations: &[Violation]) -> Status {
    let told: Vec<String> = violations
        .iter()
        .map(|violation| format!("{} {}", violation.field, violation.description))
        .collect();
    let fields = violations
        .iter()
        .map(|violation| FieldViolation::new(violation.field, violation.description.clone()))
        .collect::<Vec<_>>();
    Status::with_error_details(
        Code::InvalidArgument,
        told.join("; "),
        ErrorDetails::with_bad_request(fields),
    )
}

/// There is no answer.
pub(super) fn no_ruling(none: &NoRuling) -> Status {
    match none {
        NoRuling::NoSuchPolicy(_) => Status::not_found(none.to_string()),
        NoRuling::OverQuota { retry_after } => {
            let details = ErrorDetails::with_retry_info(Some(*retry_after));
            Status::with_error_details(Code::ResourceExhausted, none.to_string(), details)
        }
        NoRuling::NotRecorded(_) => Status::unavailable(none.to_string()),
    }
}

/// Not even a degraded answer fitted into the caller's deadline.
pub(super) fn too_late() -> Status {
    Status::deadline_exceeded("no answer within the deadline")
}

/// A call that the contract names and this version does not answer.
pub(super) fn to_come(call: &str) -> Status {
    Status::unimplemented(format!("{call} is yet to come"))
}
