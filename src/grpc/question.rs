//! The wire's request as a question, or everything that is wrong with it.

use crate::{
    policy::{Authentication, PolicyName, Request, Timestamp, VerificationId, from_millis},
    proto::v1,
};

const TEXT_BYTES_MAX: usize = 128;
const ATTRIBUTES_MAX: usize = 32;
const ATTRIBUTE_KEY_BYTES_MAX: usize = 64;
const ATTRIBUTE_VALUE_BYTES_MAX: usize = 256;
const ACR_BYTES_MAX: usize = 256;
const AMR_MAX: usize = 32;
const AMR_BYTES_MAX: usize = 64;

/// One field that is wrong, as `google.rpc.BadRequest` tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Violation {
    pub(super) field: &'static str,
    pub(super) description: String,
}

/// Reads a request; every field that is wrong is told.
pub(super) fn question(request: v1::CheckAccessRequest) -> Result<Request, Vec<Violation>> {
    let mut wrong = Vec::new();
    let mut refuse = |field, description: String| wrong.push(Violation { field, description });

    let verification = VerificationId::parse(&request.verification_id)
        .map_err(|why| refuse("verification_id", why.to_string()))
        .ok();
    let policy = PolicyName::parse(&request.policy)
        .map_err(|why| refuse("policy", why.to_string()))
        .ok();
    for (field, text) in [
        ("identity_id", &request.identity_id),
        ("request_id", &request.request_id),
    ] {
        if text.len() > TEXT_BYTES_MAX {
            refuse(field, format!("must be at most {TEXT_BYTES_MAX} bytes"));
        }
    }
    if request.attributes.len() > ATTRIBUTES_MAX {
        refuse("attributes", format!("must be at most {ATTRIBUTES_MAX}"));
    }
    for (key, value) in &request.attributes {
        if key.is_empty() || key.len() > ATTRIBUTE_KEY_BYTES_MAX {
            let description = format!("a key must be 1 to {ATTRIBUTE_KEY_BYTES_MAX} bytes");
            refuse("attributes", description);
        }
        if value.len() > ATTRIBUTE_VALUE_BYTES_MAX {
            let description = format!("a value must be at most {ATTRIBUTE_VALUE_BYTES_MAX} bytes");
            refuse("attributes", description);
        }
    }
    let authentication = request
        .authentication
        .and_then(|given| authentication(given, &mut refuse));
    match (verification, policy) {
        (Some(verification), Some(policy)) if wrong.is_empty() => Ok(Request {
            policy,
            verification,
            identity: (!request.identity_id.is_empty()).then(|| request.identity_id.into()),
            authentication,
            attributes: request.attributes.into_iter().collect(),
            id: request.request_id.into(),
        }),
        _ => Err(wrong),
    }
}

fn authentication(
    given: v1::Authentication,
    refuse: &mut impl FnMut(&'static str, String),
) -> Option<Authentication> {
    if given.acr.len() > ACR_BYTES_MAX {
        let description = format!("must be at most {ACR_BYTES_MAX} bytes");
        refuse("authentication.acr", description);
    }
    if given.amr.len() > AMR_MAX || given.amr.iter().any(|amr| amr.len() > AMR_BYTES_MAX) {
        let description = format!("must be at most {AMR_MAX} of at most {AMR_BYTES_MAX} bytes");
        refuse("authentication.amr", description);
    }
    let auth_time = match given.auth_time.map(instant) {
        None => None,
        Some(Some(instant)) => Some(instant),
        Some(None) => {
            let description = "must be between the years 1 and 9999".to_owned();
            refuse("authentication.auth_time", description);
            return None;
        }
    };
    Some(Authentication {
        acr: given.acr,
        amr: given.amr,
        auth_time,
    })
}

/// An instant of the wire, to the millisecond; nothing if it is outside the wire's own range.
fn instant(wire: prost_types::Timestamp) -> Option<Timestamp> {
    let in_range = (-62_135_596_800..=253_402_300_799).contains(&wire.seconds)
        && (0..=999_999_999).contains(&wire.nanos);
    let millis = wire
        .seconds
        .checked_mul(1000)?
        .checked_add(i64::from(wire.nanos / 1_000_000))?;
    in_range.then(|| from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> v1::CheckAccessRequest {
        v1::CheckAccessRequest {
            verification_id: "v-1".into(),
            policy: "front-door".into(),
            ..v1::CheckAccessRequest::default()
        }
    }

    fn wrong_fields(request: v1::CheckAccessRequest) -> Vec<&'static str> {
        let wrong = question(request).err().unwrap_or_default();
        wrong.into_iter().map(|violation| violation.field).collect()
    }

    #[test]
    fn every_field_that_is_wrong_is_told_at_once() {
        let request = v1::CheckAccessRequest {
            verification_id: "../x".into(),
            policy: "Front".into(),
            identity_id: "i".repeat(129),
            request_id: "r".repeat(129),
            attributes: [("k".repeat(65), "v".repeat(257))].into(),
            authentication: Some(v1::Authentication {
                acr: "a".repeat(257),
                amr: vec!["m".repeat(65)],
                auth_time: Some(prost_types::Timestamp {
                    seconds: i64::MAX,
                    nanos: 0,
                }),
            }),
        };
        assert_eq!(
            wrong_fields(request),
            [
                "verification_id",
                "policy",
                "identity_id",
                "request_id",
                "attributes",
                "attributes",
                "authentication.acr",
                "authentication.amr",
                "authentication.auth_time"
            ]
        );
    }

    #[test]
    fn what_is_just_within_the_limits_is_taken() {
        let request = v1::CheckAccessRequest {
            identity_id: "i".repeat(128),
            request_id: "r".repeat(128),
            attributes: (0..32)
                .map(|n| (format!("{n:064}"), "v".repeat(256)))
                .collect(),
            ..request()
        };
        assert_eq!(wrong_fields(request), [""; 0]);
    }

    #[test]
    fn too_many_attributes_are_refused() {
        let request = v1::CheckAccessRequest {
            attributes: (0..33).map(|n| (n.to_string(), String::new())).collect(),
            ..request()
        };
        assert_eq!(wrong_fields(request), ["attributes"]);
    }
}
