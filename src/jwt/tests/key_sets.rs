//! The keys of an issuer in a file: which are used, how a new one takes effect, and what a broken file changes.

use std::{fs, time::Duration};

use serde_json::{Value, json};

use super::issuer::{Bench, Issuer};
use crate::{jwt::Rejected, metrics::render};

async fn unnamed(set: Value, issuer: Issuer) -> Result<(), Rejected> {
    let bench = Bench::with(issuer, &set, |_| ());
    let token = bench
        .issuer
        .token("RS256", json!({ "kid": null }), json!({}));
    bench.verify(&token).await
}

#[tokio::test]
async fn a_key_without_a_name_is_used_only_if_it_is_the_only_one() {
    let issuer = Issuer::new();
    let mut key = Issuer::rsa_jwk(&issuer.rsa, "");
    key.as_object_mut().unwrap().remove("kid");
    let (one, two) = (
        json!({ "keys": [key] }),
        json!({ "keys": [key, issuer.ec_jwk()] }),
    );
    let named = json!({ "keys": [Issuer::rsa_jwk(&issuer.rsa, "rsa")] });
    assert_eq!(unnamed(one, issuer).await, Ok(()));
    assert_eq!(unnamed(two, Issuer::new()).await, Err(Rejected::UnknownKey));
    assert_eq!(
        unnamed(named, Issuer::new()).await,
        Err(Rejected::UnknownKey)
    );
}

#[tokio::test]
async fn a_new_key_in_the_file_is_found_once_in_30_s_and_a_broken_file_keeps_the_last_good_one() {
    let issuer = Issuer::new();
    let first = json!({ "keys": [issuer.ec_jwk()] });
    let bench = Bench::with(issuer, &first, |_| ());
    let path = bench.folder.path().join("jwks.json");
    let by_ec = bench.issuer.token("ES256", json!({}), json!({}));
    let by_ed = bench.issuer.token("EdDSA", json!({}), json!({}));
    assert_eq!(bench.verify(&by_ec).await, Ok(()));
    assert_eq!(bench.verify(&by_ed).await, Err(Rejected::UnknownKey));
    let both = json!({ "keys": [bench.issuer.ec_jwk(), bench.issuer.ed_jwk()] }).to_string();
    for broken in [
        "",
        "{",
        "[]",
        r#"{"keys":[]}"#,
        r#"{"keys":[{"kty":"oct","k":"AA"}]}"#,
        &"x".repeat(300_000),
    ] {
        fs::write(&path, broken).unwrap();
        bench.clock.advance(Duration::from_secs(30));
        assert_eq!(bench.verify(&by_ed).await, Err(Rejected::UnknownKey));
        assert_eq!(bench.verify(&by_ec).await, Ok(()), "{broken:.20}");
    }
    let text = render(&bench.deps.registry).unwrap();
    let line = |text: &str, start: &str| {
        text.lines()
            .find(|line| line.starts_with(start))
            .unwrap()
            .to_owned()
    };
    assert!(
        line(&text, "verigate_jwks_age_seconds").ends_with(" 180"),
        "{text}"
    );
    assert!(line(&text, "verigate_jwks_keys").ends_with(" 1"), "{text}");
    fs::write(&path, &both).unwrap();
    bench.clock.advance(Duration::from_secs(30));
    assert_eq!(bench.verify(&by_ed).await, Ok(()));
    let text = render(&bench.deps.registry).unwrap();
    assert!(
        line(&text, "verigate_jwks_age_seconds").ends_with(" 0"),
        "{text}"
    );
    assert!(
        line(
            &text,
            "verigate_jwt_verifications_total{result=\"unknown_key\"}"
        )
        .ends_with(" 7"),
        "{text}"
    );
    assert!(line(&text, "verigate_jwks_keys").ends_with(" 2"), "{text}");
}

#[tokio::test]
async fn more_keys_than_64_are_not_read() {
    let issuer = Issuer::new();
    let many: Vec<Value> = (0..65).map(|_| issuer.ec_jwk()).collect();
    let set = json!({ "keys": many[..64] });
    let bench = Bench::with(issuer, &set, |_| ());
    fs::write(
        bench.folder.path().join("jwks.json"),
        json!({ "keys": many }).to_string(),
    )
    .unwrap();
    let other = bench.issuer.token("EdDSA", json!({}), json!({}));
    assert_eq!(bench.verify(&other).await, Err(Rejected::UnknownKey));
    let text = render(&bench.deps.registry).unwrap();
    assert!(
        text.contains("verigate_jwks_refreshes_total{outcome=\"unusable\"} "),
        "{text}"
    );
    assert!(text.contains("verigate_jwks_keys{source="), "{text}");
}
