//! JSON Web Tokens of callers.

use std::{fs, path::Path};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    rand::SystemRandom,
    signature::{Ed25519KeyPair, KeyPair as _},
};
use tonic::{Code, Request};
use verigate::proto::v1::access_service_client::AccessServiceClient;

use super::{token, with_file};
use crate::world::{World, check_request};

/// A key set with one key, and tokens that it signs.
struct Issuer(Ed25519KeyPair);

impl Issuer {
    fn new(path: &Path) -> Self {
        let random = SystemRandom::new();
        let key = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
        let key = Ed25519KeyPair::from_pkcs8(key.as_ref()).unwrap();
        let x = base64url(key.public_key().as_ref());
        let set = format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","kid":"k","x":"{x}"}}]}}"#);
        fs::write(path, set).unwrap();
        Self(key)
    }

    fn token(&self, audience: &str, subject: &str, expires_at: i64) -> String {
        let header = base64url(br#"{"alg":"EdDSA","kid":"k","typ":"JWT"}"#);
        let claims = format!(
            r#"{{"iss":"https://id.example.com","aud":"{audience}","sub":"{subject}","exp":{expires_at}}}"#
        );
        let signed = format!("{header}.{}", base64url(claims.as_bytes()));
        let signature = self.0.sign(signed.as_bytes());
        format!("{signed}.{}", base64url(signature.as_ref()))
    }
}

fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

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
    let good = issuer.token("verigate", "gateway-1", now + 600);
    let session = issuer.token("wiki", "ada", now + 600);
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
                issuer.token("verigate", "gateway-2", now + 600)
            ),
            None,
            Code::Unauthenticated,
        ),
        (
            format!("Bearer {}", issuer.token("verigate", "gateway-1", now - 60)),
            None,
            Code::Unauthenticated,
        ),
        (
            format!("Bearer {}", issuer.token("verigate", "", now - 60)),
            Some(token(1).reveal().to_owned()),
            Code::Unauthenticated,
        ),
        (
            format!(
                "Bearer {}",
                foreign.token("verigate", "gateway-1", now + 600)
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
    let (issuer, foreign) = (
        Issuer::new(&keys),
        Issuer::new(&folder.path().join("other.json")),
    );
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
