//! Parses a `BeginStepUpRequest` into a [`StepUpRequest`], or reports every wrong field; renders the step-up that has begun.

use crate::{
    callers::{Caller, NotPermittedError},
    policy::{PolicyName, VerificationId},
    proto::{time::timestamp, v1},
    step_up::{Begun, LoginHint, RedirectError, StepUpRequest, StepUps},
    violations::{ID_BYTES_MAX, Violations},
};

/// Why a request is not valid.
#[derive(Debug)]
pub(super) enum InvalidStepUpRequest {
    /// These fields are wrong.
    Malformed(Violations),
    /// There is no such policy.
    NoSuchPolicy(PolicyName),
    /// The caller may not begin it.
    NotPermitted(NotPermittedError),
}

/// Parses a request.
pub(super) fn step_up_request(
    request: v1::BeginStepUpRequest,
    step_ups: &StepUps,
    caller: &Caller,
) -> Result<StepUpRequest, InvalidStepUpRequest> {
    let mut violations = Violations::default();
    let verification = VerificationId::parse(&request.verification_id);
    let verification = violations.parse("verification_id", verification);
    let policy = violations.parse("policy", PolicyName::parse(&request.policy));
    let login_hint = violations.parse("login_hint", LoginHint::parse(&request.login_hint));
    let redirect = step_ups.redirect(caller, policy.as_ref(), &request.redirect_url);
    match &redirect {
        Err(RedirectError::NotPermitted(error)) => {
            return Err(InvalidStepUpRequest::NotPermitted(*error));
        }
        Ok(_) | Err(RedirectError::NoSuchPolicy) => {}
        Err(error) => violations.add("redirect_url", error),
    }
    violations.at_most("request_id", &request.request_id, ID_BYTES_MAX);
    match (verification, policy, login_hint, redirect) {
        _ if !violations.is_empty() => Err(InvalidStepUpRequest::Malformed(violations)),
        (Some(verification), Some(policy), Some(login_hint), Ok(redirect)) => Ok(StepUpRequest {
            verification,
            policy,
            login_hint,
            redirect,
            request_id: request.request_id.into(),
        }),
        (_, Some(policy), _, Err(RedirectError::NoSuchPolicy)) => {
            Err(InvalidStepUpRequest::NoSuchPolicy(policy))
        }
        _ => Err(InvalidStepUpRequest::Malformed(violations)),
    }
}

/// Renders a step-up that has begun.
pub(super) fn begin_step_up_response(begun: Begun) -> v1::BeginStepUpResponse {
    let trace = begun.link.trace.as_ref();
    v1::BeginStepUpResponse {
        step_up_id: begun.id.to_string(),
        verification_link: begun.link.url.into(),
        trace_id: trace.map_or_else(String::new, |trace| trace.as_str().to_owned()),
        expires_at: Some(timestamp(begun.expires_at)),
    }
}
