//! Keys by which more than the issuer could sign, or of which two readers could see two: none is used.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::issuer::{Bench, Issuer, base64url, claims_of_now};
use crate::jwt::{
    KeySetError, Rejected, RsaAlgorithm, key_set::KeySet, small_order::tests::encodings,
};

fn parse(text: &str) -> Result<KeySet, KeySetError> {
    KeySet::parse(text.as_bytes(), RsaAlgorithm::default())
}

/// Why the one key of a set is not used.
fn refused(key: &str) -> String {
    match parse(&format!("{{\"keys\":[{key}]}}")) {
        Err(KeySetError::NoUsableKey { reasons, .. }) => reasons.join("; "),
        other => panic!("{key}: {other:?}"),
    }
}

#[tokio::test]
async fn a_key_for_which_everybody_can_sign_is_not_used() {
    let points = encodings();
    assert_eq!(points.len(), 14);
    let issuer = Issuer::new();
    for (index, point) in points.iter().enumerate() {
        let weak = json!({ "kty": "OKP", "crv": "Ed25519", "kid": "weak", "x": base64url(point) });
        assert!(
            refused(&weak.to_string()).contains("small order"),
            "{index}"
        );
        let parsed = parse(&json!({ "keys": [weak, issuer.ec_jwk()] }).to_string()).unwrap();
        assert_eq!((parsed.len(), parsed.skipped()), (1, 1), "{index}");
    }
    // The identity point verifies the signature of nobody: R is the identity too, and the number is zero.
    let identity = [&[1][..], &[0; 31]].concat();
    let weak = json!({ "kty": "OKP", "crv": "Ed25519", "kid": "weak", "x": base64url(&identity) });
    let set = json!({ "keys": [weak, issuer.ec_jwk()] });
    let bench = Bench::with(issuer, &set, |_| ());
    let header = json!({ "alg": "EdDSA", "kid": "weak" }).to_string();
    let signature = base64url([&identity[..], &[0; 32]].concat());
    let (header, claims) = (base64url(header), base64url(claims_of_now().to_string()));
    let forged = format!("{header}.{claims}.{signature}");
    assert_eq!(bench.verify(&forged).await, Err(Rejected::UnknownKey));
}

#[test]
fn an_rsa_key_has_an_odd_exponent_of_65537_or_more() {
    let issuer = Issuer::new();
    let with = |exponent: &[u8]| {
        let mut key = Issuer::rsa_jwk(&issuer.rsa, "rsa");
        key["e"] = base64url(exponent).into();
        key.to_string()
    };
    for exponent in [
        &[1][..],
        &[3],
        &[17],
        &[0xff, 0xff],
        &[1, 0, 0],
        &[1, 0, 2],
        &[2, 0, 0, 0, 1],
        &[0xff; 9],
    ] {
        let said = refused(&with(exponent));
        assert!(said.contains("exponent"), "{exponent:?}: {said}");
    }
    for exponent in [&[][..], &[0], &[0, 1, 0, 1]] {
        let said = refused(&with(exponent));
        assert!(said.contains("not an object"), "{exponent:?}: {said}");
    }
    for exponent in [&[1, 0, 1][..], &[1, 0, 3], &[1, 0xff, 0xff, 0xff, 0xff]] {
        assert!(
            parse(&format!("{{\"keys\":[{}]}}", with(exponent))).is_ok(),
            "{exponent:?}"
        );
    }
}

#[test]
fn a_key_with_two_members_of_one_name_is_not_used_and_the_others_are() {
    let issuer = Issuer::new();
    let (ec, ed) = (issuer.ec_jwk().to_string(), issuer.ed_jwk().to_string());
    let members: Value = serde_json::from_str(&ec).unwrap();
    for (name, value) in members.as_object().unwrap() {
        // The same value or another one, before or after, also spelled otherwise.
        let (first, rest) = name.split_at(1);
        let escaped = format!("\\u{:04x}{rest}", u32::from(first.as_bytes()[0]));
        for twice in [
            ec.replacen('{', &format!("{{\"{name}\":{value},"), 1),
            ec.replacen('{', &format!("{{\"{name}\":\"other\","), 1),
            ec.replacen('{', &format!("{{\"{escaped}\":{value},"), 1),
            format!("{},\"{name}\":null}}", ec.strip_suffix('}').unwrap()),
        ] {
            assert_eq!(refused(&twice), "it has two members of the same name");
            let set = parse(&format!("{{\"keys\":[{twice},{ed}]}}")).unwrap();
            assert_eq!((set.len(), set.skipped()), (1, 1), "{twice}");
        }
    }
    for unread in [
        r#""kty":"oct","#,
        r#""x5t":1,"x5t":1,"#,
        r#""oth":[{"r":"a","r":"b"}],"#,
        r#""ext":{"a":{"b":1,"b":1}},"#,
    ] {
        let twice = ec.replacen('{', &format!("{{{unread}"), 1);
        assert_eq!(refused(&twice), "it has two members of the same name");
    }
    assert_eq!(refused("[]"), "it is not an object of a key's members");
}

#[test]
fn a_set_with_two_members_of_one_name_is_not_used() {
    let ec = Issuer::new().ec_jwk().to_string();
    for text in [
        format!("{{\"keys\":[{ec}],\n\"keys\":[{ec}]}}"),
        format!("{{\"keys\":[{ec}],\n\"keys\":[]}}"),
        format!("{{\"keys\":[],\n\"k\\u0065ys\":[{ec}]}}"),
        format!("{{\"x\":1,\"keys\":[{ec}],\n\"x\":1}}"),
        format!("{{\"keys\":[{ec}],\n\"x\":{{\"a\":1,\"a\":2}}}}"),
        format!("{{\"keys\":[{ec}],\n\"x\":[{{\"a\":[{{\"b\":1,\"b\":2}}]}}]}}"),
    ] {
        let error = parse(&text).unwrap_err();
        assert!(
            matches!(error, KeySetError::Ambiguous { line: 2, .. }),
            "{text}: {error}"
        );
    }
    assert!(parse(&format!("{{\"x\":[1,{{}}],\"keys\":[{ec}],\"X\":null}}")).is_ok());
    for text in [
        "",
        "[]",
        "{}",
        r#"{"keys":{}}"#,
        r#"{"keys":[]"#,
        r#"{"keys":null}"#,
    ] {
        let error = parse(text).unwrap_err();
        assert!(
            matches!(error, KeySetError::NotAKeySet { .. }),
            "{text}: {error}"
        );
    }
}

#[test]
fn the_coordinates_of_a_key_are_text_in_base64url() {
    let point = URL_SAFE_NO_PAD.encode([7; 32]);
    for x in [
        json!(7),
        json!([point]),
        json!(""),
        json!("="),
        json!("AA"),
        json!(format!("{point}A")),
    ] {
        let key = json!({ "kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": x });
        assert_eq!(
            refused(&key.to_string()),
            "it is not an object of a key's members",
            "{x}"
        );
    }
}
