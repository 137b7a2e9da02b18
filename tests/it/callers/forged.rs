//! Forged tokens, through the whole service: none is a caller's, and none makes the vendor hear of it.

use std::fs;

use serde_json::json;
use tonic::{Code, Request};

use super::{
    issuer::{AUDIENCE, ISSUER, Issuer, SUBJECT, base64url, changed, right},
    with_file,
};
use crate::world::{World, check_request};

/// The code of a check with this token in a header.
async fn code(world: &World, header: &'static str, token: &str) -> Code {
    let mut request = Request::new(check_request("front-door", "fresh"));
    let value = match header {
        "authorization" => format!("Bearer {token}"),
        _ => token.to_owned(),
    };
    let value = value.parse().unwrap();
    request.metadata_mut().insert(header, value);
    let answer = world.client.clone().check_access(request).await;
    answer.map_or_else(|status| status.code(), |_| Code::Ok)
}

/// Tokens that choose their algorithm.
fn algorithms(issuer: &Issuer, now: i64) -> Vec<(String, String)> {
    let claims = right(now).to_string();
    let of = |alg: &str, kid: &str| json!({ "alg": alg, "kid": kid, "typ": "JWT" }).to_string();
    let mut forged = Vec::new();
    for alg in ["none", "None", "NONE", "nOnE", "", "es256", "ES256 "] {
        let message = format!("{}.{}", base64url(of(alg, issuer.kid)), base64url(&claims));
        forged.push((format!("alg `{alg}`, no signature"), format!("{message}.")));
        forged.push((
            format!("alg `{alg}`"),
            issuer.sign("ES256", &of(alg, issuer.kid), &claims),
        ));
    }
    let pem = format!(
        "-----BEGIN RSA PUBLIC KEY-----\n{}\n-----END RSA PUBLIC KEY-----\n",
        base64url(issuer.rsa_der())
    );
    let secrets: [(&str, &[u8]); 5] = [
        ("the modulus", &issuer.modulus().into_bytes()),
        ("the DER", issuer.rsa_der()),
        ("the PEM", pem.as_bytes()),
        ("the secret of the set", b"a shared secret"),
        ("nothing", b""),
    ];
    for (what, secret) in secrets {
        for kid in ["rsa", "oct", issuer.kid] {
            for alg in ["HS256", "RS256", "ES256"] {
                let token = Issuer::hmac(secret, &of(alg, kid), &claims);
                forged.push((format!("HMAC with {what}, {alg}, {kid}"), token));
            }
        }
    }
    forged
}

/// Tokens with headers that choose another key, or how they are read.
fn headers(issuer: &Issuer, now: i64) -> Vec<(String, String)> {
    let mut forged = Vec::new();
    for kid in [
        "",
        " ",
        "EC",
        "unknown",
        "oct",
        "p384",
        "../../../dev/null",
        "/dev/null",
        "file:///etc/passwd",
        "https://evil.example/jwks.json",
        "' or 1=1 --",
        "| id",
        "ec\u{0}",
        "ec\n",
    ] {
        forged.push((
            format!("kid {kid:?}"),
            issuer.token(now, json!({ "kid": kid }), json!({})),
        ));
    }
    for header in [
        json!({ "kid": null }),
        json!({ "kid": 1 }),
        json!({ "kid": [issuer.kid] }),
        json!({ "alg": null }),
        json!({ "alg": ["ES256"] }),
        json!({ "crit": ["exp"] }),
        json!({ "crit": [] }),
        json!({ "crit": ["b64"], "b64": false }),
        json!({ "b64": false }),
        json!({ "zip": "DEF" }),
        json!({ "enc": "A256GCM" }),
        json!({ "cty": "JWT" }),
        json!({ "typ": "dpop+jwt" }),
        json!({ "typ": "logout+jwt" }),
        json!({ "typ": "JOSE" }),
        json!({ "typ": 1 }),
    ] {
        forged.push((
            format!("header {header}"),
            issuer.token(now, header.clone(), json!({})),
        ));
    }
    forged
}

/// Tokens by keys that they bring along, and by other keys of the issuer.
fn keys(issuer: &Issuer, stranger: &Issuer, now: i64) -> Vec<(String, String)> {
    let claims = right(now).to_string();
    let of = |alg: &str, kid: &str| json!({ "alg": alg, "kid": kid, "typ": "JWT" }).to_string();
    let own = issuer.header();
    let mut forged = Vec::new();
    let jwk = serde_json::from_str::<serde_json::Value>(&stranger.ec_set()).unwrap();
    for brought in [
        json!({}),
        json!({ "jwk": jwk["keys"][0] }),
        json!({ "jku": "https://evil.example/jwks.json" }),
        json!({ "x5u": "https://evil.example/cert.pem" }),
        json!({ "x5c": ["MIIB"], "x5t": "AAAA" }),
    ] {
        let header = changed(own.clone(), &brought).to_string();
        forged.push((
            format!("a stranger's key, {brought}"),
            stranger.sign("ES256", &header, &claims),
        ));
    }
    // The algorithm of another key, and of none.
    for (signed, alg, kid) in [
        ("ES384", "ES384", "p384"),
        ("ES384", "ES256", issuer.kid),
        ("ES384", "ES384", issuer.kid),
        ("PS256", "PS256", "rsa"),
        ("PS256", "RS256", "rsa"),
        ("RS256", "RS256", issuer.kid),
        ("ES256", "ES256", "rsa"),
        ("EdDSA", "ES256", issuer.kid),
        ("EdDSA", "EdDSA", "rsa"),
        ("ES256", "EdDSA", "ed"),
    ] {
        forged.push((
            format!("signed by {signed}, says {alg} of {kid}"),
            issuer.sign(signed, &of(alg, kid), &claims),
        ));
    }
    forged
}

/// Tokens that the issuer has signed and that say what they must not say.
fn claims(issuer: &Issuer, now: i64) -> Vec<(String, String)> {
    let mut forged = Vec::new();
    for claims in [
        json!({ "iss": null }),
        json!({ "iss": "" }),
        json!({ "iss": format!("{ISSUER}/") }),
        json!({ "iss": ISSUER.to_uppercase() }),
        json!({ "iss": [ISSUER] }),
        json!({ "iss": ["https://evil.example", ISSUER] }),
        json!({ "aud": null }),
        json!({ "aud": "" }),
        json!({ "aud": [] }),
        json!({ "aud": 1 }),
        json!({ "aud": [AUDIENCE, 1] }),
        json!({ "aud": "wiki" }),
        json!({ "aud": ["wiki", "mail"] }),
        json!({ "aud": "Verigate" }),
        json!({ "sub": [SUBJECT] }),
        json!({ "exp": null }),
        json!({ "exp": (now + 600).to_string() }),
        json!({ "exp": true }),
        json!({ "exp": [now + 600] }),
        json!({ "exp": -1 }),
        json!({ "exp": 0 }),
        json!({ "exp": 1e300 }),
        json!({ "exp": u64::MAX }),
        json!({ "exp": 253_402_300_799_i64 }),
        json!({ "exp": now + 90_000 }),
        json!({ "exp": now - 30 }),
        json!({ "exp": now - 3600 }),
        json!({ "nbf": now + 31 }),
        json!({ "nbf": now.to_string() }),
        json!({ "nbf": -1 }),
        json!({ "nbf": 1e300 }),
        json!({ "iat": now + 31 }),
        json!({ "iat": now.to_string() }),
        json!({ "iat": -1 }),
        json!({ "iat": now - 100_000 }),
    ] {
        forged.push((
            format!("claims {claims}"),
            issuer.token(now, json!({}), claims.clone()),
        ));
    }
    forged
}

/// Tokens with claims that name no caller, or several. Those of a session may have them.
fn nobody(issuer: &Issuer, now: i64) -> Vec<(String, String)> {
    let claims = [
        // For the audiences of two callers at once.
        json!({ "aud": [AUDIENCE, "verigate-doors"] }),
        json!({ "sub": null }),
        json!({ "sub": "" }),
        json!({ "sub": "gateway-2" }),
        json!({ "sub": "GATEWAY-1" }),
        json!({ "sub": format!("{SUBJECT} ") }),
        // Another caller's subject, of another audience.
        json!({ "sub": "door-1" }),
    ];
    let named = |claims: serde_json::Value| {
        let token = issuer.token(now, json!({}), claims.clone());
        (format!("claims {claims}"), token)
    };
    claims.into_iter().map(named).collect()
}

/// The same, where the texts are not what JSON can say.
fn texts(issuer: &Issuer, now: i64) -> Vec<(String, String)> {
    let mut forged = Vec::new();
    let own = issuer.header().to_string();
    let right = right(now).to_string();
    let twice = |text: &str, member: &str| text.replacen('{', &format!("{{{member},"), 1);
    for (what, header, claims) in [
        ("aud twice", own.clone(), twice(&right, r#""aud":"wiki""#)),
        ("exp twice", own.clone(), twice(&right, r#""exp":1"#)),
        (
            "aud twice, escaped",
            own.clone(),
            twice(&right, r#""\u0061ud":"wiki""#),
        ),
        ("alg twice", twice(&own, r#""alg":"none""#), right.clone()),
        ("kid twice", twice(&own, r#""kid":"rsa""#), right.clone()),
        ("a list of claims", own.clone(), format!("[{right}]")),
        (
            "trailing data in the claims",
            own.clone(),
            format!("{right}x"),
        ),
        (
            "trailing data in the header",
            format!("{own}{{}}"),
            right.clone(),
        ),
        ("an exp beyond numbers", own.clone(), {
            right.replace(&format!("{}", now + 600), "1e999")
        }),
        ("a padding of 9 KiB", own.clone(), {
            twice(&right, &format!("\"x\":\"{}\"", "x".repeat(6_500)))
        }),
    ] {
        forged.push((what.to_owned(), issuer.sign("ES256", &header, &claims)));
    }
    forged
}

/// Tokens whose parts or signature are others than those of a right one.
fn parts(issuer: &Issuer, now: i64) -> Vec<(String, String)> {
    let right = issuer.token(now, json!({}), json!({}));
    let [header, claims, signature] = right.split('.').collect::<Vec<_>>().try_into().unwrap();
    let order = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
        0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let mut one = [0; 32];
    one[31] = 1;
    let der = [0x30, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01];
    let zero = [0; 32];
    let signatures: [(&str, Vec<u8>); 9] = [
        ("r and s are 0", [zero, zero].concat()),
        ("r is 0", [zero, one].concat()),
        ("s is 0", [one, zero].concat()),
        ("r and s are 1", [one, one].concat()),
        ("r is the order", [order, one].concat()),
        ("both are the order", [order, order].concat()),
        ("DER", der.to_vec()),
        ("a byte", vec![0]),
        ("96 bytes", vec![1; 96]),
    ];
    let mut forged: Vec<(String, String)> = signatures
        .into_iter()
        .map(|(what, bytes)| {
            (
                what.to_owned(),
                format!("{header}.{claims}.{}", base64url(bytes)),
            )
        })
        .collect();
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    let other = base64url(right_for("gateway-2", now));
    for (what, text) in [
        (
            "flipped",
            format!("{header}.{claims}.{flipped}{}", &signature[1..]),
        ),
        ("other claims", format!("{header}.{other}.{signature}")),
        ("no signature", format!("{header}.{claims}.")),
        ("two parts", format!("{header}.{claims}")),
        ("four parts", format!("{right}.{signature}")),
        ("a point at the end", format!("{right}.")),
        ("padding", format!("{header}.{claims}.{signature}==")),
        ("padded claims", format!("{header}.{claims}=.{signature}")),
        (
            "letters of base64",
            format!("{header}.{claims}.+/{}", &signature[2..]),
        ),
        ("trailing data", format!("{right}x")),
        ("trailing bits", trailing_bits(header, claims, signature)),
        ("a blank", format!("{header} .{claims}.{signature}")),
        ("twice, by comma", format!("{right},{right}")),
        ("no header", format!(".{claims}.{signature}")),
        ("no claims", format!("{header}..{signature}")),
        ("points", "..".to_owned()),
        (
            "a token in a token",
            issuer.sign("ES256", &issuer.header().to_string(), &right),
        ),
        (
            "the JSON form",
            format!(r#"{{"protected":"{header}","payload":"{claims}","signature":"{signature}"}}"#),
        ),
    ] {
        forged.push((what.to_owned(), text));
    }
    forged
}

fn right_for(subject: &str, now: i64) -> String {
    changed(right(now), &json!({ "sub": subject })).to_string()
}

/// The last letter of a signature has bits that stand for nothing: one of them is set.
fn trailing_bits(header: &str, claims: &str, signature: &str) -> String {
    let (start, last) = signature.split_at(signature.len() - 1);
    let next = char::from(last.as_bytes()[0] + 1);
    format!("{header}.{claims}.{start}{next}")
}

/// Every token that is wrong for everybody, with what is wrong with it.
pub fn forged(issuer: &Issuer, stranger: &Issuer, now: i64) -> Vec<(String, String)> {
    let mut forged = algorithms(issuer, now);
    forged.extend(headers(issuer, now));
    forged.extend(keys(issuer, stranger, now));
    forged.extend(texts(issuer, now));
    forged.extend(claims(issuer, now));
    forged.extend(parts(issuer, now));
    forged
}

#[tokio::test]
async fn no_forged_token_is_a_callers_and_the_vendor_is_never_asked() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jwks.json");
    let (issuer, stranger) = (Issuer::new("ec"), Issuer::new("ec"));
    fs::write(&file, issuer.set()).unwrap();
    let file = file.display();
    let text = format!(
        "[callers.sso]\njwt = {{ issuer = \"{ISSUER}\", audience = \"{AUDIENCE}\", jwks_file = \"{file}\", subjects = [\"{SUBJECT}\"] }}\npolicies = [\"*\"]\n[callers.doors]\njwt = {{ issuer = \"{ISSUER}\", audience = \"verigate-doors\", jwks_file = \"{file}\", subjects = [\"door-1\"] }}\npolicies = [\"*\"]\n"
    );
    let path = folder.path().join("verigate.toml");
    let world = World::with(|config| with_file(&path, &text, config)).await;
    let now = world.clock_now().as_second();
    let mut forged = forged(&issuer, &stranger, now);
    forged.extend(nobody(&issuer, now));
    assert!(forged.len() > 150, "{}", forged.len());
    for (what, token) in &forged {
        for header in ["authorization", "x-verigate-token"] {
            let code = code(&world, header, token).await;
            assert_eq!(code, Code::Unauthenticated, "{header}: {what}");
        }
    }
    let calls = world.calls();
    assert_eq!((calls.authorize, calls.details, calls.link), (0, 0, 0));
    // What is right, and nearly wrong, is not refused.
    for (header, claims) in [
        (json!({}), json!({})),
        (json!({ "typ": "at+jwt" }), json!({})),
        (json!({ "typ": null }), json!({ "iat": null })),
        (json!({}), json!({ "aud": ["wiki", AUDIENCE] })),
        (json!({}), json!({ "exp": now - 29 })),
        (json!({}), json!({ "nbf": now + 30, "iat": now + 30 })),
        (
            json!({ "jku": "https://evil.example/" }),
            json!({ "email": "ada@example.com" }),
        ),
    ] {
        let token = issuer.token(now, header, claims.clone());
        for header in ["authorization", "x-verigate-token"] {
            assert_eq!(
                code(&world, header, &token).await,
                Code::Ok,
                "{header} {claims}"
            );
        }
    }
    for (alg, kid) in [("RS256", "rsa"), ("EdDSA", "ed")] {
        let header = json!({ "alg": alg, "kid": kid }).to_string();
        let token = issuer.sign(alg, &header, &right(now).to_string());
        assert_eq!(code(&world, "authorization", &token).await, Code::Ok);
    }
    let (_, journal) = world.stop().await;
    assert!(!journal.contains("eyJ"), "a token is in the journal");
}
