//! Claims of tokens that Envoy has verified: what they name and prove, and for whom.

use prost_types::{Struct, Value};
use verigate::{callers::Assertion, proto::ext_authz::envoy::config::core::v3::Metadata};

use super::*;

/// With these claims of a token that Envoy has verified.
fn with_claims(mut attributes: AttributeContext, claims: &[(&str, Kind)]) -> AttributeContext {
    let object = |fields: &[(&str, Kind)]| {
        let fields = fields.iter().map(|(name, kind)| {
            let kind = Some(kind.clone());
            ((*name).to_owned(), Value { kind })
        });
        Struct {
            fields: fields.collect(),
        }
    };
    let payload = object(&[("corp", Kind::StructValue(object(claims)))]);
    let filter = "envoy.filters.http.jwt_authn".to_owned();
    attributes.metadata_context = Some(Metadata {
        filter_metadata: [(filter, payload)].into(),
    });
    attributes
}

#[tokio::test]
async fn claims_name_the_person_where_they_are_configured_and_no_header_stands_in_for_them() {
    let world = world(|config| {
        config.ext_authz.verification = Some("vid".into());
        config.ext_authz.identity = Some("sub".into());
    })
    .await;
    let bare = |policy: &str| without_header(asking(policy, ""), "x-verification-id");
    let both = [("vid", text("fresh")), ("sub", text("id-ada"))];
    for (what, attributes, expected) in [
        ("claims", with_claims(bare("owner"), &both), "0"),
        ("a header alone", asking("front-door", "fresh"), "7 403"),
        (
            "the same header",
            with_claims(asking("owner", "fresh"), &both),
            "0",
        ),
        (
            "another header",
            with_claims(asking("owner", "minor"), &both),
            "7 403",
        ),
        (
            "a header for a claim that is absent",
            with_claims(
                with_header(bare("owner"), "x-identity-id", "id-ada"),
                &both[..1],
            ),
            "7 403",
        ),
        (
            "no verification",
            with_claims(bare("front-door"), &both[1..]),
            "7 403",
        ),
        (
            "a number",
            with_claims(bare("front-door"), &[("vid", Kind::NumberValue(1.0))]),
            "7 403",
        ),
        (
            "two in one",
            with_claims(bare("front-door"), &[("vid", text("fresh,minor"))]),
            "7 403",
        ),
    ] {
        assert_eq!(shown(&ask(&world, attributes).await), expected, "{what}");
    }
}

#[tokio::test]
async fn how_a_session_was_authenticated_counts_for_callers_that_may_assert_it() {
    let world = world(|config| {
        let all = [Assertion::Authentication];
        config.callers = vec![
            caller(1, "trusted", &["*"], &all, false),
            caller(2, "other", &["*"], &[], false),
            caller(3, "narrow", &["front-*"], &all, false),
        ];
    })
    .await;
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let now = world.clock_now().as_second() as f64;
    let claims = |auth_time: f64| {
        let amr = Kind::StringValue("hwk".to_owned());
        let time = Kind::NumberValue(auth_time);
        let claims = [("acr", text("mfa")), ("amr", amr), ("auth_time", time)];
        with_claims(asking("login", "fresh"), &claims)
    };
    for (what, token, attributes, expected) in [
        ("trusted", Some(1), claims(now - 60.0), "0"),
        ("too old", Some(1), claims(now - 301.0), "16 401"),
        ("in the future", Some(1), claims(now + 3600.0), "7 403"),
        (
            "without claims",
            Some(1),
            asking("login", "fresh"),
            "16 401",
        ),
        ("not trusted", Some(2), claims(now - 60.0), "16 401"),
        ("another policy", Some(3), claims(now - 60.0), "7 403"),
        ("nobody", None, claims(now - 60.0), "7 403"),
        ("a false token", Some(9), claims(now - 60.0), "7 403"),
        (
            "an identity that may not be asserted",
            Some(1),
            with_header(asking("front-door", "fresh"), "x-identity-id", "id-ada"),
            "7 403",
        ),
    ] {
        let answer = ask_as(&world, token, attributes).await;
        assert_eq!(shown(&answer), expected, "{what}");
    }
    let metrics = world.metrics().await;
    for line in [
        r#"verigate_calls_total{code="UNAUTHENTICATED",method="ext_authz"} 2"#,
        r#"verigate_calls_total{code="PERMISSION_DENIED",method="ext_authz"} 2"#,
        r#"verigate_calls_total{code="INVALID_ARGUMENT",method="ext_authz"} 1"#,
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
}
