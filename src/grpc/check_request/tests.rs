//! Which requests are valid, and what is reported of those that are not.

use super::*;

fn request() -> v1::CheckAccessRequest {
    v1::CheckAccessRequest {
        verification_id: "v-1".into(),
        policy: "front-door".into(),
        ..v1::CheckAccessRequest::default()
    }
}

fn wrong_fields(request: v1::CheckAccessRequest) -> Vec<&'static str> {
    let violations = check_request(request).err().unwrap_or_default();
    violations.iter().map(|(field, _)| field).collect()
}

#[test]
fn every_wrong_field_is_reported_at_once() {
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
fn values_at_the_limits_are_accepted() {
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
fn too_many_attributes_are_rejected() {
    let request = v1::CheckAccessRequest {
        attributes: (0..33).map(|n| (n.to_string(), String::new())).collect(),
        ..request()
    };
    assert_eq!(wrong_fields(request), ["attributes"]);
}
