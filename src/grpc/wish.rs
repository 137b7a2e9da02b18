//! The wire's request as a wish for a link, or everything that is wrong with it.

use super::question::Violation;
use crate::{
    policy::{PolicyName, VerificationId},
    proto::v1,
    step_up::{LoginHint, NoRedirect, StepUps, Wish},
};

const REQUEST_ID_BYTES_MAX: usize = 128;

/// Why a request is no wish.
#[derive(Debug)]
pub(super) enum NoWish {
    /// These fields are wrong.
    Malformed(Vec<Violation>),
    /// There is no such policy.
    NoSuchPolicy(PolicyName),
}

/// Reads a request; every field that is wrong is told.
pub(super) fn wish(request: v1::BeginStepUpRequest, step_ups: &StepUps) -> Result<Wish, NoWish> {
    let mut wrong = Vec::new();
    let mut refuse = |field, description: String| wrong.push(Violation { field, description });

    let verification = VerificationId::parse(&request.verification_id)
        .map_err(|why| refuse("verification_id", why.to_string()))
        .ok();
    let policy = PolicyName::parse(&request.policy)
        .map_err(|why| refuse("policy", why.to_string()))
        .ok();
    let login_hint = LoginHint::parse(&request.login_hint)
        .map_err(|why| refuse("login_hint", why.to_string()))
        .ok();
    let redirect = step_ups.redirect(policy.as_ref(), &request.redirect_url);
    match &redirect {
        Ok(_) | Err(NoRedirect::NoSuchPolicy) => {}
        Err(why) => refuse("redirect_url", why.to_string()),
    }
    if request.request_id.len() > REQUEST_ID_BYTES_MAX {
        let description = format!("must be at most {REQUEST_ID_BYTES_MAX} bytes");
        refuse("request_id", description);
    }
    match (verification, policy, login_hint, redirect) {
        _ if !wrong.is_empty() => Err(NoWish::Malformed(wrong)),
        (Some(verification), Some(policy), Some(login_hint), Ok(redirect)) => Ok(Wish {
            verification,
            policy,
            login_hint,
            redirect,
            request_id: request.request_id.into(),
        }),
        (_, Some(policy), _, Err(NoRedirect::NoSuchPolicy)) => Err(NoWish::NoSuchPolicy(policy)),
        _ => Err(NoWish::Malformed(wrong)),
    }
}
