//! Every error of a call and its one gRPC code. A decision is never among them.

use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt as _};

use super::{question::Violation, wish::NoWish};
use crate::{gate::NoRuling, step_up::NoStepUp};

/// When it is worth asking again for a link that the upstream did not make.
const LINK_AGAIN_AFTER: Duration = Duration::from_secs(2);

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

/// There is no wish to be fulfilled.
pub(super) fn no_wish(none: &NoWish) -> Status {
    match none {
        NoWish::Malformed(violations) => malformed(violations),
        NoWish::NoSuchPolicy(policy) => no_step_up(&NoStepUp::NoSuchPolicy(policy.clone())),
    }
}

/// No step-up has begun.
pub(super) fn no_step_up(none: &NoStepUp) -> Status {
    match none {
        NoStepUp::NoSuchPolicy(_) => Status::not_found(none.to_string()),
        NoStepUp::AnotherCall => malformed(&[Violation {
            field: "request_id",
            description: none.to_string(),
        }]),
        NoStepUp::OverQuota { retry_after } => {
            let details = ErrorDetails::with_retry_info(Some(*retry_after));
            Status::with_error_details(Code::ResourceExhausted, none.to_string(), details)
        }
        NoStepUp::NoLink(_) => {
            let details = ErrorDetails::with_retry_info(Some(LINK_AGAIN_AFTER));
            Status::with_error_details(Code::Unavailable, none.to_string(), details)
        }
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
