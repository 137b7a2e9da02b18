//! Forward auth with the token of the session: it says how the session was authenticated and who the person is, and nothing else does.

use std::{fs, time::Duration};

use http::HeaderName;
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use tempfile::TempDir;
use verigate::{
    jwt::{self, Keys},
    session::Config,
};

use super::{asked, callers, get, status, token, with_policies};
use crate::{
    callers::{
        forged::forged,
        issuer::{AUDIENCE, ISSUER, Issuer},
        with_file,
    },
    world::World,
};

struct Scene {
    world: World,
    issuer: Issuer,
    _folder: TempDir,
}

impl Scene {
    /// The identity and the verification are in these claims.
    async fn new(identity: Option<&str>, verification: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let issuer = Issuer::new("ec");
        let file = folder.path().join("jwks.json");
        fs::write(&file, issuer.set()).unwrap();
        let world = World::with(|config| {
            with_policies(folder.path(), config);
            with_file(&folder.path().join("verigate.toml"), &callers(), config);
            config.session = Some(Config {
                header: HeaderName::from_static("authorization"),
                token: jwt::Config::new(ISSUER, vec![AUDIENCE.to_owned()], Keys::File(file)),
                identity_claim: identity.map(str::to_owned),
                verification_claim: verification.map(str::to_owned),
                email_claim: None,
            });
        })
        .await;
        Self {
            world,
            issuer,
            _folder: folder,
        }
    }

    fn now(&self) -> i64 {
        self.world.clock_now().as_second()
    }

    /// A token with these claims beside its own.
    fn token(&self, claims: Value) -> String {
        self.issuer.token(self.now(), json!({}), claims)
    }

    /// A token of a session that was authenticated by a second factor a minute ago.
    fn strong(&self) -> String {
        self.token(json!({ "acr": "urn:x:mfa", "amr": ["hwk"], "auth_time": self.now() - 60 }))
    }
}

trait WithToken {
    fn session(self, token: &str) -> Self;
}

impl WithToken for RequestBuilder {
    fn session(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }
}

#[tokio::test]
async fn how_the_session_was_authenticated_is_taken_from_its_token_alone() {
    let scene = Scene::new(None, None).await;
    let (world, now) = (&scene.world, scene.now());
    let mfa = |token: &str| asked(world, "/check/mfa", "fresh").session(token);
    assert_eq!(status(asked(world, "/check/mfa", "fresh")).await, 401);
    assert_eq!(status(mfa(&scene.strong())).await, 200);
    for weak in [
        json!({}),
        json!({ "acr": "urn:x:pwd", "auth_time": now }),
        json!({ "acr": "urn:x:mfa" }),
        json!({ "acr": "urn:x:mfa", "auth_time": now - 901 }),
        json!({ "acr": "urn:x:mfa", "auth_time": now + 20 }),
        json!({ "acr": "urn:x:mfa", "auth_time": now, "exp": now - 60 }),
        json!({ "acr": "urn:x:mfa", "auth_time": now, "aud": "wiki" }),
        json!({ "acr": ["urn:x:mfa"], "auth_time": now }),
    ] {
        let found = status(mfa(&scene.token(weak.clone()))).await;
        let expected = if weak == json!({ "acr": "urn:x:mfa", "auth_time": now + 20 }) {
            200
        } else {
            401
        };
        assert_eq!(found, expected, "{weak}");
    }
    assert_eq!(
        status(mfa(&scene.token(
            json!({ "acrs": ["c1", "urn:x:mfa"], "auth_time": now })
        )))
        .await,
        200
    );
    // A policy that needs no authentication is not affected by a token that is not valid.
    assert_eq!(
        status(asked(world, "/check/once", "fresh").session("x.y.z")).await,
        200
    );
    // Once the token has expired, it proves nothing.
    let strong = scene.strong();
    world.clock.advance(Duration::from_secs(631));
    assert_eq!(status(mfa(&strong)).await, 401);
}

#[tokio::test]
async fn no_forged_token_lets_anybody_in() {
    let scene = Scene::new(None, Some("verification")).await;
    let (world, now) = (&scene.world, scene.now());
    let proxy = |path| get(world, path).header("x-verigate-token", token(1).reveal());
    let right =
        scene.token(json!({ "verification": "fresh", "acr": "urn:x:mfa", "auth_time": now }));
    assert_eq!(status(proxy("/check/once").session(&right)).await, 200);
    assert_eq!(status(proxy("/check/mfa").session(&right)).await, 200);
    let calls = world.calls();
    for (what, forged) in forged(&scene.issuer, &Issuer::new("ec"), now) {
        for path in ["/check/once", "/check/mfa"] {
            let found = status(proxy(path).session(&forged)).await;
            assert_eq!(found, 403, "{path} {what}");
            // What a client sends beside it does not stand in for it.
            let beside = proxy(path)
                .session(&forged)
                .header("x-verification-id", "fresh");
            assert_eq!(status(beside).await, 403, "{path} {what}");
        }
    }
    assert_eq!(world.calls(), calls);
    let metrics = world.metrics().await;
    let refused = "verigate_forward_auth_total{outcome=\"no_valid_token\"} 0";
    assert!(!metrics.contains(refused));
}

#[tokio::test]
async fn an_id_of_the_token_counts_alone_and_a_header_that_differs_is_refused() {
    let scene = Scene::new(Some("person"), Some("verification")).await;
    let world = &scene.world;
    let own = scene.token(json!({ "verification": "fresh", "person": "id-ada" }));
    // A caller that may assert nothing.
    let plain = |path| get(world, path).header("x-verigate-token", token(2).reveal());
    assert_eq!(status(plain("/check/own").session(&own)).await, 200);
    let bob = scene.token(json!({ "verification": "fresh", "person": "id-bob" }));
    assert_eq!(status(plain("/check/own").session(&bob)).await, 403);
    for (header, value, expected) in [
        ("x-verification-id", "fresh", 200),
        ("x-verification-id", "month-old", 403),
        ("x-verification-id", "../x", 403),
        ("x-identity-id", "id-ada", 200),
        ("x-identity-id", "id-bob", 403),
        ("x-identity-id", "id-ada,id-bob", 403),
    ] {
        let request = plain("/check/own").session(&own).header(header, value);
        assert_eq!(status(request).await, expected, "{header}: {value}");
    }
    for claims in [
        json!({ "person": "id-ada" }),
        json!({ "verification": null, "person": "id-ada" }),
        json!({ "verification": ["fresh"], "person": "id-ada" }),
        json!({ "verification": "fresh" }),
        json!({ "verification": "fresh", "person": 1 }),
    ] {
        for header in [None, Some("x-verification-id"), Some("x-identity-id")] {
            let mut request = plain("/check/own").session(&scene.token(claims.clone()));
            if let Some(header) = header {
                let value = if header == "x-identity-id" {
                    "id-ada"
                } else {
                    "fresh"
                };
                request = request.header(header, value);
            }
            assert_eq!(status(request).await, 403, "{claims} {header:?}");
        }
    }
    // Without any token.
    let none = plain("/check/own")
        .header("x-verification-id", "fresh")
        .header("x-identity-id", "id-ada");
    assert_eq!(status(none).await, 403);
    // A token that is given twice.
    assert_eq!(
        status(plain("/check/own").session(&own).session(&own)).await,
        403
    );
}
