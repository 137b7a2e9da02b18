//! Maps every error of a call to its one gRPC status. A decision is never among them.

use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt as _};

use super::step_up_request::InvalidStepUpRequest;
use crate::{
    gate::CheckError,
    jitter,
    proto::{time::duration, v1},
    step_up::StepUpError,
    violations::Violations,
};

/// When to retry a link that the upstream did not create.
const LINK_RETRY_AFTER: Duration = Duration::from_secs(2);

/// When to repeat a call that was refused because too many are in flight: at the earliest, and at the latest twice that.
const CALLS_RETRY_AFTER: Duration = Duration::from_millis(100);
/// When to open another stream of checks, at the latest about twice that.
const STREAM_RETRY_AFTER: Duration = Duration::from_secs(1);
/// The metadata in which gRPC clients read when to retry, in milliseconds.
const PUSHBACK: &str = "grpc-retry-pushback-ms";

/// How many bytes the wrong fields that are listed may take in the message of a status, as percent-encoded, and in its details. Peers
/// limit the headers of an answer, some of them to 4 KiB in all; the details have the message again, and are sent as base64.
const MESSAGE_BYTES_MAX: usize = 900;
const DETAILS_BYTES_MAX: usize = 900;

/// `INVALID_ARGUMENT`, with the wrong fields as `google.rpc.BadRequest` has them: as many as fit into an answer that every client can
/// read, and how many more there are. That number stands in the message, and in a last violation that names no field.
pub(super) fn invalid_argument(violations: &Violations) -> Status {
    let lines: Vec<String> = violations
        .iter()
        .map(|(field, description)| format!("{field} {description}"))
        .collect();
    let shown = fitting(
        MESSAGE_BYTES_MAX,
        lines.iter().map(|line| encoded_len(line)),
    );
    let more = |shown: usize| violations.count().saturating_sub(shown);
    let unlisted = more(shown);
    let unlisted = (unlisted > 0).then(|| format!("and {unlisted} more"));
    let message: Vec<String> = lines.into_iter().take(shown).chain(unlisted).collect();
    let sizes = violations
        .iter()
        .map(|(field, description)| field.len().saturating_add(description.len()));
    let listed = fitting(DETAILS_BYTES_MAX, sizes);
    let mut fields: Vec<FieldViolation> = violations
        .iter()
        .take(listed)
        .map(|(field, description)| FieldViolation::new(field, description))
        .collect();
    if more(listed) > 0 {
        let description = format!("{} more are not listed", more(listed));
        fields.push(FieldViolation::new("", description));
    }
    let details = ErrorDetails::with_bad_request(fields);
    Status::with_error_details(Code::InvalidArgument, message.join("; "), details)
}

/// How many of these sizes fit into a bound. The first always does: a description is bounded by itself.
fn fitting(bytes_max: usize, sizes: impl Iterator<Item = usize>) -> usize {
    /// What each costs beside its texts: separators, lengths and tags.
    const OVERHEAD: usize = 8;
    let mut left = bytes_max;
    let fits = |size: usize| {
        let rest = left.checked_sub(size.saturating_add(OVERHEAD));
        left = rest.unwrap_or(0);
        rest.is_some()
    };
    sizes.map(fits).take_while(|fits| *fits).count().max(1)
}

/// The length of a text in a status message, where all but letters, digits and some marks is percent-encoded.
fn encoded_len(text: &str) -> usize {
    let encoded = |b: u8| {
        if b.is_ascii_alphanumeric() { 1 } else { 3 }
    };
    text.bytes().map(encoded).sum()
}

/// Maps an error of a check.
pub(super) fn check_error(error: &CheckError) -> Status {
    match error {
        CheckError::NotPermitted(_) => Status::permission_denied(error.to_string()),
        CheckError::NoSuchPolicy(_) => Status::not_found(error.to_string()),
        CheckError::OverRate(over_rate) => {
            retry_after(Code::ResourceExhausted, error, over_rate.retry_after)
        }
        CheckError::OverQuota(over_quota) => {
            retry_after(Code::ResourceExhausted, error, over_quota.retry_after)
        }
        CheckError::Late => deadline_exceeded(),
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
        InvalidStepUpRequest::NotPermitted(error) => {
            step_up_error(&StepUpError::NotPermitted(*error))
        }
    }
}

/// Maps an error of a step-up.
pub(super) fn step_up_error(error: &StepUpError) -> Status {
    match error {
        StepUpError::NotPermitted(_) => Status::permission_denied(error.to_string()),
        StepUpError::NoSuchPolicy(_) => Status::not_found(error.to_string()),
        StepUpError::KeyReused => invalid_argument(&Violations::one("request_id", error)),
        StepUpError::OverRate(over_quota) | StepUpError::OverQuota(over_quota) => {
            retry_after(Code::ResourceExhausted, error, over_quota.retry_after)
        }
        StepUpError::Upstream(_) => retry_after(Code::Unavailable, error, LINK_RETRY_AFTER),
    }
}

/// Not even a degraded answer fitted into the caller's deadline.
pub(super) fn deadline_exceeded() -> Status {
    Status::deadline_exceeded("no answer within the deadline")
}

/// The message of a call did not arrive within the call's deadline.
pub(super) fn message_too_late() -> Status {
    Status::deadline_exceeded("the message of the request did not arrive within the deadline")
}

/// As many calls are in flight as may be. The answer says when to retry.
pub(super) fn too_many_calls() -> Status {
    let after = CALLS_RETRY_AFTER.saturating_add(jitter::up_to(CALLS_RETRY_AFTER));
    pushed_back(
        Code::ResourceExhausted,
        "too many calls are in flight",
        after,
    )
}

/// As many streams of checks are open as may be. The answer says when to retry.
pub(super) fn too_many_streams() -> Status {
    let after = STREAM_RETRY_AFTER.saturating_add(jitter::up_to(STREAM_RETRY_AFTER));
    let message = "too many streams of checks are open: send more checks in each";
    pushed_back(Code::ResourceExhausted, message, after)
}

/// A stream of checks ends although nothing is wrong with it. The status says when to open another, and not at the same time to all.
pub(super) fn stream_ends(why: &str) -> Status {
    let after = CALLS_RETRY_AFTER.saturating_add(jitter::up_to(STREAM_RETRY_AFTER));
    let message = format!("{why}: open another stream, and repeat what was not answered");
    pushed_back(Code::Unavailable, &message, after)
}

/// A status with a time to retry, where clients read it and where people do.
fn pushed_back(code: Code, message: &str, after: Duration) -> Status {
    let mut status = retry_after(code, &message, after);
    // Digits are always a valid value.
    if let Ok(after) = after.as_millis().to_string().parse() {
        status.metadata_mut().insert(PUSHBACK, after);
    }
    status
}

/// As many watches of health are open as may be.
pub(super) fn too_many_watches() -> Status {
    Status::resource_exhausted("too many watches of health are open: call Health/Check instead")
}

/// The result of one of several checks that was not decided. Its code is never that of success.
pub(super) fn item_error(status: &Status) -> v1::CheckError {
    let retry = status.get_details_retry_info();
    let code = match status.code() {
        Code::Ok => Code::Internal,
        code => code,
    };
    v1::CheckError {
        code: code.into(),
        message: status.message().to_owned(),
        retry_after: retry.and_then(|retry| retry.retry_delay).map(duration),
    }
}

fn retry_after(code: Code, error: &impl ToString, retry_after: Duration) -> Status {
    let details = ErrorDetails::with_retry_info(Some(retry_after));
    Status::with_error_details(code, error.to_string(), details)
}
