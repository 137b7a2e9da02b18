//! Texts that are not exactly a token, and what is read of a token before its signature is verified.

use proptest::prelude::*;
use serde_json::json;

use super::issuer::{ALGORITHMS, AUDIENCE, Bench, ISSUER, Issuer, base64url, claims_of_now};
use crate::jwt::{Rejected, issuer_and_audience_unverified};

#[tokio::test]
async fn texts_that_are_not_exactly_a_token_are_refused() {
    let bench = Bench::new(|_| ());
    let issuer = &bench.issuer;
    let token = issuer.token("ES256", json!({}), json!({}));
    let parts: Vec<&str> = token.split('.').collect();
    let (header, claims, signature) = (parts[0], parts[1], parts[2]);
    let own = json!({ "alg": "ES256", "kid": "ec" }).to_string();
    let right = claims_of_now().to_string();
    let twice = |json: &str, member: &str| json.replacen('{', &format!("{{{member},"), 1);
    let texts = [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        format!("{header}.{claims}"),
        format!("{header}.{claims}."),
        format!(".{claims}.{signature}"),
        format!("{header}..{signature}"),
        format!("{token}."),
        format!("{token}.{signature}"),
        format!(" {token}"),
        format!("{token}\n"),
        format!("{header} .{claims}.{signature}"),
        format!("{token}=="),
        format!("{header}.{claims}=.{signature}"),
        format!(
            "{header}.{claims}.{}",
            signature.replace(['-', '_'], "+") + "+"
        ),
        format!("Bearer {token}"),
        // A token within a token, a list, a text, nothing.
        issuer.sign("ES256", &own, &token),
        issuer.sign("ES256", &own, &format!("[{right}]")),
        issuer.sign("ES256", &own, "null"),
        issuer.sign("ES256", &own, ""),
        issuer.sign("ES256", &own, &format!("{right} x")),
        issuer.sign("ES256", &format!("[{own}]"), &right),
        issuer.sign("ES256", &own, r#"{"exp":1e400}"#),
        // Duplicate names, in any order and in any spelling.
        issuer.sign("ES256", &own, &twice(&right, r#""aud":"other""#)),
        issuer.sign("ES256", &own, &twice(&right, r#""aud":"verigate""#)),
        issuer.sign("ES256", &own, &twice(&right, r#""\u0061ud":"other""#)),
        issuer.sign("ES256", &own, &twice(&right, r#""x":1,"x":1"#)),
        issuer.sign("ES256", &twice(&own, r#""alg":"none""#), &right),
        issuer.sign("ES256", &twice(&own, r#""kid":"rsa""#), &right),
        issuer.sign("ES256", &twice(&own, r#""x":1,"x":1"#), &right),
    ];
    for text in texts {
        assert_eq!(
            bench.verify(&text).await,
            Err(Rejected::Malformed),
            "{text:?}"
        );
    }
    for forged in [
        "A".repeat(86),
        "A".repeat(96),
        base64url([0; 64]),
        base64url([0x30; 70]),
        "AA".to_owned(),
    ] {
        let forged = format!("{header}.{claims}.{forged}");
        assert!(bench.verify(&forged).await.is_err(), "{forged}");
    }
}

#[tokio::test]
async fn nothing_of_a_token_of_more_than_8_kib_is_decoded() {
    let bench = Bench::new(|_| ());
    let padded = |bytes: usize| {
        bench
            .issuer
            .token("ES256", json!({}), json!({ "x": "x".repeat(bytes) }))
    };
    let most = (5_000..6_200)
        .rev()
        .map(padded)
        .find(|token| token.len() <= 8192)
        .unwrap();
    assert_eq!(bench.verify(&most).await, Ok(()));
    let more = "A".repeat(8193);
    for token in [padded(6_200), more, "x".repeat(1 << 20)] {
        assert_eq!(bench.verify(&token).await, Err(Rejected::TooLarge));
        assert_eq!(issuer_and_audience_unverified(&token), None);
    }
}

#[test]
fn whom_a_token_claims_to_be_for_is_read_without_its_signature() {
    let issuer = Issuer::new();
    let unverified =
        |claims| issuer_and_audience_unverified(&issuer.token("ES256", json!({}), claims));
    let one = unverified(json!({})).unwrap();
    assert_eq!(
        (one.issuer.as_str(), one.audiences),
        (ISSUER, vec![AUDIENCE.to_owned()])
    );
    assert_eq!(
        unverified(json!({ "aud": ["a", "b"] })).unwrap().audiences,
        ["a", "b"]
    );
    for claims in [
        json!({ "iss": null }),
        json!({ "iss": [ISSUER] }),
        json!({ "aud": 7 }),
        json!({ "aud": null }),
    ] {
        assert_eq!(unverified(claims), None);
    }
    for text in ["", "vg_abcdefgh_secret", "a.b", "a.b.c", "..", "a.b.c.d"] {
        assert_eq!(issuer_and_audience_unverified(text), None, "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_token_with_another_byte_anywhere_is_refused(
        algorithm in 0..3_usize, at in any::<prop::sample::Index>(), byte in any::<u8>(), how in 0..3_u8,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let bench = Bench::new(|_| ());
            let token = bench.issuer.token(ALGORITHMS[algorithm], json!({}), json!({}));
            let mut bytes = token.clone().into_bytes();
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => drop(bytes.remove(at)),
            }
            let changed = String::from_utf8_lossy(&bytes).into_owned();
            let verified = bench.verify(&changed).await;
            prop_assert_eq!(verified.is_ok(), changed == token);
            Ok(())
        })?;
    }

    #[test]
    fn no_text_is_a_token_by_chance_and_none_panics(text in "\\PC{0,200}|[A-Za-z0-9_.-]{0,200}") {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let verified = runtime.block_on(async { Bench::new(|_| ()).verify(&text).await });
        prop_assert!(verified.is_err());
    }
}
