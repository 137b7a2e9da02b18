//! Parses a `CheckAccessRequest` into a [`Request`], or reports every wrong field.

use std::collections::{BTreeMap, HashMap};

use crate::{
    policy::{Authentication, ClaimedIdentity, PolicyName, Request, VerificationId},
    proto::{time::instant, v1},
    request_id::cleaned,
    violations::{
        ATTRIBUTE_KEY_BYTES_MAX, ATTRIBUTE_VALUE_BYTES_MAX, ATTRIBUTES_MAX, ID_BYTES_MAX, Quoted,
        Violations,
    },
};

const ACR_BYTES_MAX: usize = 256;
const AMR_MAX: usize = 32;
const AMR_BYTES_MAX: usize = 64;

/// Parses a request.
pub(super) fn check_request(request: v1::CheckAccessRequest) -> Result<Request, Violations> {
    let mut violations = Violations::default();
    let verification = VerificationId::parse(&request.verification_id);
    let verification = violations.parse("verification_id", verification);
    let policy = violations.parse("policy", PolicyName::parse(&request.policy));
    violations.at_most("identity_id", &request.identity_id, ID_BYTES_MAX);
    violations.at_most("request_id", &request.request_id, ID_BYTES_MAX);
    attributes(&request.attributes, &mut violations);
    let authentication = request.authentication;
    let authentication = authentication.and_then(|a| self::authentication(a, &mut violations));
    match (verification, policy) {
        (Some(verification), Some(policy)) if violations.is_empty() => Ok(Request {
            policy,
            verification,
            identity: ClaimedIdentity::parse(request.identity_id),
            authentication,
            attributes: request.attributes.into_iter().collect(),
            id: cleaned(request.request_id),
        }),
        _ => Err(violations),
    }
}

/// Checks the attributes, in the order of their keys. What is wrong names the key.
fn attributes(attributes: &HashMap<String, String>, violations: &mut Violations) {
    if attributes.len() > ATTRIBUTES_MAX {
        let count = attributes.len();
        let bound = format_args!("must be at most {ATTRIBUTES_MAX}; there are {count}");
        violations.add("attributes", bound);
    }
    for (key, value) in attributes.iter().collect::<BTreeMap<_, _>>() {
        let shown = Quoted(key);
        if key.is_empty() || key.len() > ATTRIBUTE_KEY_BYTES_MAX {
            let (max, bytes) = (ATTRIBUTE_KEY_BYTES_MAX, key.len());
            let bound = format_args!("key {shown} must be 1 to {max} bytes, and has {bytes}");
            violations.add("attributes", bound);
        }
        if value.len() > ATTRIBUTE_VALUE_BYTES_MAX {
            let (max, bytes) = (ATTRIBUTE_VALUE_BYTES_MAX, value.len());
            let bound =
                format_args!("value of {shown} must be at most {max} bytes, and has {bytes}");
            violations.add("attributes", bound);
        }
    }
}

fn authentication(
    authentication: v1::Authentication,
    violations: &mut Violations,
) -> Option<Authentication> {
    let v1::Authentication {
        acr,
        amr,
        auth_time,
    } = authentication;
    violations.at_most("authentication.acr", &acr, ACR_BYTES_MAX);
    if amr.len() > AMR_MAX || amr.iter().any(|amr| amr.len() > AMR_BYTES_MAX) {
        let bound = format_args!("must be at most {AMR_MAX} of at most {AMR_BYTES_MAX} bytes");
        violations.add("authentication.amr", bound);
    }
    let auth_time = match auth_time.map(instant) {
        None => None,
        Some(Some(instant)) => Some(instant),
        Some(None) => {
            let range = "must be between the years 1 and 9999";
            violations.add("authentication.auth_time", range);
            return None;
        }
    };
    Some(Authentication {
        acr,
        amr,
        auth_time,
    })
}

#[cfg(test)]
mod tests;
