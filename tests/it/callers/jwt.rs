//! JSON Web Tokens of callers.

use std::fs;

use serde_json::json;
use tonic::{Code, Request};
use verigate::proto::v1::access_service_client::AccessServiceClient;

use super::{issuer::Issuer, token, with_file};
use crate::world::{World, check_request};

/// The code of a check with these values of `authorization` and `x-verigate-token`.
async fn asked(world: &World, authorization: &str, own: Option<&str>) -> Code {
    let address = format!("http://{}", world.service.addresses.grpc);
    let mut client = AccessServiceClient::connect(address).await.unwrap();
    let mut request = Request::new(check_request("front-door", "fresh"));
    let metadata = request.metadata_mut();
    metadata.insert("authorization", authorization.parse().unwrap());
    if let Some(own) = own {
        metadata.insert("x-verigate-token", own.parse().unwrap());
    }
    let answer = client.check_access(request).await;
    answer.map_or_else(|status| status.code(), |_| Code::Ok)
}

/// Credentials in `authorization` and in `x-verigate-token`, and the code of a check with them.
fn cases(issuer: &Issuer, foreign: &Issuer, now: i64) -> Vec<(String, Option<String>, Code)> {
    let signed = |issuer: &Issuer, audience: &str, subject: &str, expires_at: i64| {
        let claims = json!({ "aud": audience, "sub": subject, "exp": expires_at, "iat": null });
        issuer.token(now, json!({}), claims)
    };
    let good = signed(issuer, "verigate", "gateway-1", now + 600);
    let session = signed(issuer, "wiki", "ada", now + 600);
    vec![
        (format!("Bearer {good}"), None, Code::Ok),
        (format!("Bearer {session}"), None, Code::Unauthenticated),
        (format!("Bearer {session}"), Some(good.clone()), Code::Ok),
        (
            format!("Bearer {session}"),
            Some(token(1).reveal().to_owned()),
            Code::Ok,
        ),
        (
            format!("Bearer {good}"),
            Some(token(1).reveal().to_owned()),
            Code::Unauthenticated,
        ),
        (
            format!(
                "Bearer {}",
                signed(issuer, "verigate", "gateway-2", now + 600)
            ),
            None,
            Code::Unauthenticated,
        ),
        (
            format!(
                "Bearer {}",
                signed(issuer, "verigate", "gateway-1", now - 60)
            ),
            None,
            Code::Unauthenticated,
        ),
        (
            format!("Bearer {}", signed(issuer, "verigate", "", now - 60)),
            Some(token(1).reveal().to_owned()),
            Code::Unauthenticated,
        ),
        (
            format!(
                "Bearer {}",
                signed(foreign, "verigate", "gateway-1", now + 600)
            ),
            None,
            Code::Unauthenticated,
        ),
        (
            format!("Bearer {session}"),
            Some(session.clone()),
            Code::Unauthenticated,
        ),
        ("Bearer a.b.c".to_owned(), None, Code::Unauthenticated),
        (
            "Bearer a.b.c".to_owned(),
            Some("a.b.c".to_owned()),
            Code::Unauthenticated,
        ),
    ]
}

#[tokio::test]
async fn a_jwt_names_its_caller_by_issuer_audience_and_subject() {
    let folder = tempfile::tempdir().unwrap();
    let (path, keys) = (
        folder.path().join("verigate.toml"),
        folder.path().join("jwks.json"),
    );
    let (issuer, foreign) = (Issuer::new("ec"), Issuer::new("ec"));
    fs::write(&keys, issuer.ec_set()).unwrap();
    let text = format!(
        "[callers.sso]\njwt = {{ issuer = \"https://id.example.com\", audience = \"verigate\", jwks_file = \"{}\", subjects = [\"gateway-1\"] }}\npolicies = [\"*\"]\n[callers.door]\ntoken_sha256 = [\"{}\"]\npolicies = [\"*\"]\n",
        keys.display(),
        token(1).entry()
    );
    let world = World::with(|config| with_file(&path, &text, config)).await;
    let now = world.clock_now().as_second();
    for (authorization, own, expected) in cases(&issuer, &foreign, now) {
        let code = asked(&world, &authorization, own.as_deref()).await;
        assert_eq!(code, expected, "{authorization} {own:?}");
    }
}
