//! Maps every error of a call to its one gRPC status. A decision is never among them.

use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt as _};

use super::step_up_request::InvalidStepUpRequest;
use crate::{gate::CheckError, step_up::StepUpError, violations::Violations};

/// When to retry a link that the upstream did not create.
const LINK_RETRY_AFTER: Duration = Duration::from_secs(2);

/// `INVALID_ARGUMENT`, with every wrong field as `google.rpc.BadRequest` has it.
pub(super) fn invalid_argument(violations: &Violations) -> Status {
    let lines: Vec<String> = violations
        .iter()
        .map(|(field, description)| format!("{field} {description}"))
        .collect();
    let fields = violations
        .iter()
        .map(|(field, description)| FieldViolation::new(field, description))
        .collect::<Vec<_>>();
    Status::with_error_details(
        Code::InvalidArgument,
        lines.join("; "),
        ErrorDetails::with_bad_request(fields),
    )
}

/// Maps an error of a check.
pub(super) fn check_error(error: &CheckError) -> Status {
    match error {
        CheckError::NoSuchPolicy(_) => Status::not_found(error.to_string()),
        CheckError::OverQuota(over_quota) => {
            retry_after(Code::ResourceExhausted, error, over_quota.retry_after)
        }
        CheckError::NotRecorded(_) => Status::unavailable(error.to_string()),
    }
}

/// Maps a validation error of a step-up.
pub(super) fn invalid_step_up_request(error: &InvalidStepUpRequest) -> Status {
    match error {
        InvalidStepUpRequest::Malformed(violations) => invalid_argument(violations),
        InvalidStepUpRequest::NoSuchPolicy(policy) => {
            step_up_error(&StepUpError::NoSuchPolicy(policy.clone()))
        }
    }
}

/// Maps an error of a step-up.
pub(super) fn step_up_error(error: &StepUpError) -> Status {
    match error {
        StepUpError::NoSuchPolicy(_) => Status::not_found(error.to_string()),
        StepUpError::KeyReused => invalid_argument(&Violations::one("request_id", error)),
        StepUpError::OverQuota(over_quota) => {
            retry_after(Code::ResourceExhausted, error, over_quota.retry_after)
        }
        StepUpError::Upstream(_) => retry_after(Code::Unavailable, error, LINK_RETRY_AFTER),
    }
}

/// Not even a degraded answer fitted into the caller's deadline.
pub(super) fn deadline_exceeded() -> Status {
    Status::deadline_exceeded("no answer within the deadline")
}

/// A call that the contract defines and this version does not implement.
pub(super) fn not_implemented(call: &str) -> Status {
    Status::unimplemented(format!("{call} is not implemented"))
}

fn retry_after(code: Code, error: &impl ToString, retry_after: Duration) -> Status {
    let details = ErrorDetails::with_retry_info(Some(retry_after));
    Status::with_error_details(code, error.to_string(), details)
}
