//! A token that was verified is cached, and no longer than it would be accepted.

use std::{fs, sync::Arc, time::Duration};

use serde_json::json;
use tokio::sync::Notify;
use tonic::{Code, Request};

use super::{
    issuer::{AUDIENCE, ISSUER, Issuer},
    with_file,
};
use crate::world::{World, check_request, until};

async fn code(world: &World, token: &str) -> Code {
    let mut request = Request::new(check_request("front-door", "fresh"));
    let value = format!("Bearer {token}").parse().unwrap();
    request.metadata_mut().insert("authorization", value);
    let answer = world.client.clone().check_access(request).await;
    answer.map_or_else(|status| status.code(), |_| Code::Ok)
}

const REFUSED: Code = Code::Unauthenticated;

#[tokio::test]
async fn a_cached_token_is_refused_once_it_expires_its_key_goes_or_its_caller_does() {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("jwks.json");
    let path = folder.path().join("verigate.toml");
    let text = |subject: &str| {
        format!(
            "[callers.sso]\njwt = {{ issuer = \"{ISSUER}\", audience = \"{AUDIENCE}\", jwks_file = \"{}\", subjects = [\"{subject}\"] }}\npolicies = [\"*\"]\n",
            keys.display()
        )
    };
    let (first, second) = (Issuer::new("first"), Issuer::new("second"));
    fs::write(&keys, first.ec_set()).unwrap();
    let mut world = World::with(|config| with_file(&path, &text("gateway-1"), config)).await;
    let now = world.clock_now().as_second();
    let lived = |issuer: &Issuer, seconds: i64| {
        issuer.token(now, json!({}), json!({ "exp": now + seconds }))
    };
    let (short, long) = (lived(&first, 60), lived(&first, 3_600));
    for _ in 0..3 {
        assert_eq!(code(&world, &short).await, Code::Ok);
        assert_eq!(code(&world, &long).await, Code::Ok);
    }
    // Nearly the same text is another token.
    let (head, last) = long.split_at(long.len() - 1);
    let other = char::from(last.as_bytes()[0] ^ 1);
    assert_eq!(code(&world, &format!("{head}{other}")).await, REFUSED);
    world.clock.advance(Duration::from_secs(89));
    assert_eq!(code(&world, &short).await, Code::Ok, "within the leeway");
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(code(&world, &short).await, REFUSED, "it has expired");
    assert_eq!(code(&world, &long).await, Code::Ok);

    fs::write(&keys, second.ec_set()).unwrap();
    let by_second = lived(&second, 3_600);
    assert_eq!(code(&world, &by_second).await, Code::Ok, "a new key");
    assert_eq!(code(&world, &long).await, REFUSED, "its key has gone");

    world.service.watch(Arc::new(Notify::new()));
    fs::write(&path, text("gateway-2")).unwrap();
    until("the caller has gone", async || {
        code(&world, &by_second).await == REFUSED
    })
    .await;
}
