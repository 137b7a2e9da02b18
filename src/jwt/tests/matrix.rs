//! One issuer, many tokens: which are accepted, and why the others are not.

use serde_json::{Value, json};

use super::issuer::{ALGORITHMS, AUDIENCE, Bench, ISSUER, Issuer, NOW, claims_of_now, now};
use crate::jwt::{ClaimValue, Rejected, RsaAlgorithm};

#[tokio::test]
async fn right_tokens_are_accepted() {
    let bench = Bench::new(|_| ());
    for algorithm in ALGORITHMS {
        for (what, header, claims) in [
            ("as is", json!({}), json!({})),
            (
                "a list of audiences",
                json!({}),
                json!({ "aud": ["other", AUDIENCE] }),
            ),
            ("no nbf", json!({}), json!({ "nbf": null })),
            ("no iat", json!({}), json!({ "iat": null })),
            ("no sub", json!({}), json!({ "sub": null })),
            (
                "exp within the leeway",
                json!({}),
                json!({ "exp": NOW - 29 }),
            ),
            (
                "a fractional exp",
                json!({}),
                json!({ "exp": 1_800_000_300.5 }),
            ),
            (
                "nbf within the leeway",
                json!({}),
                json!({ "nbf": NOW + 30 }),
            ),
            (
                "iat within the leeway",
                json!({}),
                json!({ "iat": NOW + 30 }),
            ),
            (
                "the longest lifetime",
                json!({}),
                json!({ "exp": NOW + 86_400 }),
            ),
            ("no typ", json!({ "typ": null }), json!({})),
            ("an access token", json!({ "typ": "at+jwt" }), json!({})),
            (
                "a whole media type",
                json!({ "typ": "application/AT+JWT" }),
                json!({}),
            ),
            (
                "a key of its own, ignored",
                json!({ "jwk": bench.issuer.ec_jwk() }),
                json!({}),
            ),
            (
                "a claim that nobody asks for",
                json!({}),
                json!({ "x": { "y": [1, null] } }),
            ),
        ] {
            let token = bench.issuer.token(algorithm, header, claims);
            assert_eq!(bench.verify(&token).await, Ok(()), "{algorithm}: {what}");
        }
    }
}

#[tokio::test]
async fn claims_that_are_wrong_are_refused() {
    use Rejected::*;
    let bench = Bench::new(|_| ());
    for (claims, reason) in [
        (json!({ "exp": NOW - 100 }), Expired),
        (json!({ "exp": NOW - 30 }), Expired),
        (json!({ "exp": 0 }), Expired),
        (json!({ "sub": ["door-gateway"] }), Malformed),
        (json!({ "exp": [NOW + 300] }), Malformed),
        (json!({ "nbf": NOW + 100 }), NotYetValid),
        (json!({ "iat": NOW + 31 }), IssuedInFuture),
        (
            json!({ "iat": NOW + 100_000, "exp": NOW + 100_100 }),
            IssuedInFuture,
        ),
        (json!({ "exp": NOW + 86_401 }), LifetimeTooLong),
        (json!({ "exp": 253_402_300_799_u64 }), LifetimeTooLong),
        (
            json!({ "exp": 253_402_300_799_u64, "iat": null }),
            LifetimeTooLong,
        ),
        (json!({ "exp": u64::MAX }), LifetimeTooLong),
        (json!({ "iat": NOW - 90_000 }), LifetimeTooLong),
        (json!({ "iss": "https://other.example.com" }), WrongIssuer),
        (json!({ "iss": format!("{ISSUER}/") }), WrongIssuer),
        (json!({ "iss": ISSUER.to_uppercase() }), WrongIssuer),
        (
            json!({ "iss": "https://id.ex\u{430}mple.com" }),
            WrongIssuer,
        ),
        (json!({ "iss": format!("{ISSUER}\u{0}") }), WrongIssuer),
        (json!({ "iss": format!(" {ISSUER}") }), WrongIssuer),
        (json!({ "aud": "other" }), WrongAudience),
        (json!({ "aud": "Verigate" }), WrongAudience),
        (json!({ "aud": "verigate/" }), WrongAudience),
        (json!({ "aud": "" }), WrongAudience),
        (json!({ "aud": [] }), WrongAudience),
        (json!({ "aud": ["other", "another"] }), WrongAudience),
    ] {
        for algorithm in ALGORITHMS {
            let token = bench.issuer.token(algorithm, json!({}), claims.clone());
            assert_eq!(
                bench.verify(&token).await,
                Err(reason),
                "{algorithm} {claims}"
            );
        }
    }
}

#[tokio::test]
async fn claims_that_are_missing_or_of_another_type_are_refused() {
    use Rejected::*;
    let bench = Bench::new(|_| ());
    for claims in [
        json!({ "exp": null }),
        json!({ "aud": null }),
        json!({ "iss": null }),
        json!({ "exp": (NOW + 300).to_string() }),
        json!({ "exp": -1 }),
        json!({ "exp": 1e300 }),
        json!({ "exp": true }),
        json!({ "nbf": NOW.to_string() }),
        json!({ "nbf": -1 }),
        json!({ "iat": NOW.to_string() }),
        json!({ "iss": [ISSUER] }),
        json!({ "iss": [ISSUER, "https://other.example.com"] }),
        json!({ "iss": { "0": ISSUER } }),
        json!({ "aud": 7 }),
        json!({ "aud": [AUDIENCE, 7] }),
        json!({ "aud": { "0": AUDIENCE } }),
        json!({ "sub": 7 }),
    ] {
        let token = bench.issuer.token("ES256", json!({}), claims.clone());
        assert_eq!(bench.verify(&token).await, Err(MalformedClaim), "{claims}");
    }
}

#[tokio::test]
async fn headers_that_change_how_a_token_is_read_are_refused() {
    use Rejected::*;
    let bench = Bench::new(|_| ());
    for (header, reason) in [
        (json!({ "crit": ["b64"], "b64": false }), UnsupportedHeader),
        (json!({ "crit": ["x"] }), UnsupportedHeader),
        (json!({ "crit": [] }), UnsupportedHeader),
        (json!({ "crit": "x" }), UnsupportedHeader),
        (json!({ "b64": false }), UnsupportedHeader),
        (json!({ "b64": true }), UnsupportedHeader),
        (json!({ "zip": "DEF" }), UnsupportedHeader),
        (json!({ "enc": "A128GCM" }), UnsupportedHeader),
        (json!({ "cty": "JWT" }), UnsupportedHeader),
        (json!({ "typ": "dpop+jwt" }), WrongType),
        (json!({ "typ": "logout+jwt" }), WrongType),
        (json!({ "typ": "secevent+jwt" }), WrongType),
        (json!({ "typ": "application/application/jwt" }), WrongType),
        (json!({ "typ": "" }), WrongType),
        (json!({ "typ": 7 }), Malformed),
        (json!({ "kid": 7 }), Malformed),
        (json!({ "kid": ["ec"] }), Malformed),
        (json!({ "alg": 7 }), Malformed),
        (json!({ "alg": null }), WrongAlgorithm),
        (json!({ "alg": "none" }), WrongAlgorithm),
        (json!({ "alg": "None" }), WrongAlgorithm),
        (json!({ "alg": "nOnE" }), WrongAlgorithm),
        (json!({ "alg": "" }), WrongAlgorithm),
        (json!({ "alg": "es256" }), WrongAlgorithm),
        (json!({ "alg": "ES256 " }), WrongAlgorithm),
        (json!({ "alg": "ES384" }), WrongAlgorithm),
        (json!({ "alg": "HS256" }), WrongAlgorithm),
        (json!({ "alg": "PS256" }), WrongAlgorithm),
        (json!({ "alg": "RS256" }), WrongAlgorithm),
        (json!({ "alg": "EdDSA" }), WrongAlgorithm),
    ] {
        let token = bench.issuer.token("ES256", header.clone(), json!({}));
        assert_eq!(bench.verify(&token).await, Err(reason), "{header}");
    }
    for kid in [
        "",
        "RSA",
        "rsa ",
        "unknown",
        "short",
        "empty",
        "oct",
        "quantum",
        "p384",
        "encryption",
        "wrapping",
        "other-algorithm",
        "../../etc/passwd",
        "' or 1=1 --",
        "rsa\u{0}",
        "\n\r\u{1b}[2J",
        "https://evil.example.com/",
    ] {
        let token = bench
            .issuer
            .token("RS256", json!({ "kid": kid }), json!({}));
        assert_eq!(bench.verify(&token).await, Err(UnknownKey), "{kid:?}");
    }
    let unnamed = bench
        .issuer
        .token("RS256", json!({ "kid": null }), json!({}));
    assert_eq!(bench.verify(&unnamed).await, Err(UnknownKey));
}

#[tokio::test]
async fn a_forger_cannot_choose_key_or_algorithm() {
    use Rejected::*;
    let bench = Bench::new(|_| ());
    let issuer = &bench.issuer;
    let header = |alg: &str, kid: &str| json!({ "alg": alg, "kid": kid }).to_string();
    let claims = claims_of_now().to_string();
    let modulus = Issuer::rsa_jwk(&issuer.rsa, "rsa")["n"]
        .as_str()
        .unwrap()
        .to_owned();
    // The secret of HMAC is what everybody knows: the public key, in some form, or the key that the set shows.
    for secret in [modulus.as_str(), "a shared secret of 32 bytes or so", ""] {
        for kid in ["rsa", "oct"] {
            let token = issuer.sign(secret, &header("HS256", kid), &claims);
            assert_eq!(bench.verify(&token).await, Err(WrongAlgorithm));
        }
    }
    let foreign = "RS256 by another key";
    for key in [
        json!({ "jwk": Issuer::rsa_jwk(&issuer.other_rsa, "rsa") }),
        json!({ "jku": "https://evil.example.com/jwks.json" }),
        json!({ "x5u": "https://evil.example.com/cert.pem" }),
        json!({ "x5c": ["MIIB"] }),
        json!({ "x5t": "AAAA" }),
        json!({}),
    ] {
        let mut header = key.clone();
        header["alg"] = "RS256".into();
        header["kid"] = "rsa".into();
        let token = issuer.sign(foreign, &header.to_string(), &claims);
        assert_eq!(bench.verify(&token).await, Err(WrongSignature), "{key}");
    }
    for (signed_with, says, kid) in [
        ("ES256", "ES256", "rsa"),
        ("RS256", "RS256", "ec"),
        ("EdDSA", "ES256", "ed"),
        ("PS256", "PS256", "rsa"),
    ] {
        let token = issuer.sign(signed_with, &header(says, kid), &claims);
        assert_eq!(
            bench.verify(&token).await,
            Err(WrongAlgorithm),
            "{says} {kid}"
        );
    }
    let pss = issuer.sign("PS256", &header("RS256", "rsa"), &claims);
    assert_eq!(bench.verify(&pss).await, Err(WrongSignature));
}

#[tokio::test]
async fn the_configuration_chooses_the_algorithm_of_rsa_the_type_and_the_lifetime() {
    let bench = Bench::new(|config| {
        config.rsa = RsaAlgorithm::Ps256;
        config.token_type = Some("at+jwt".to_owned());
        config.lifetime_max = std::time::Duration::from_mins(10);
    });
    let typed = json!({ "typ": "at+jwt" });
    let verify = |algorithm, header: &Value, claims| {
        let token = bench.issuer.token(algorithm, header.clone(), claims);
        let bench = &bench;
        async move { bench.verify(&token).await }
    };
    assert_eq!(verify("PS256", &typed, json!({})).await, Ok(()));
    assert_eq!(
        verify("RS256", &typed, json!({})).await,
        Err(Rejected::WrongAlgorithm)
    );
    for typ in [json!({}), json!({ "typ": null })] {
        assert_eq!(
            verify("PS256", &typ, json!({})).await,
            Err(Rejected::WrongType)
        );
    }
    let long = json!({ "exp": NOW + 601 });
    assert_eq!(
        verify("PS256", &typed, long).await,
        Err(Rejected::LifetimeTooLong)
    );
}

#[tokio::test]
async fn only_claims_that_are_wanted_are_kept_and_none_is_shown() {
    let bench = Bench::new(|config| {
        config.kept_claims = [
            "acr",
            "amr",
            "auth_time",
            "flag",
            "object",
            "mixed",
            "null",
            "absent",
        ]
        .map(str::to_owned)
        .into();
    });
    let token = bench.issuer.token("EdDSA", json!({}), json!({
        "acr": "gold", "amr": ["hwk", "pin"], "auth_time": NOW, "flag": true, "object": {}, "mixed": ["a", 1], "null": null, "email": "ada@example.com",
    }));
    let claims = bench
        .verifier
        .verify(&token, now(), std::time::Duration::ZERO)
        .await
        .unwrap()
        .claims;
    assert_eq!(claims.subject.as_deref(), Some("door-gateway"));
    assert_eq!(claims.issuer, ISSUER);
    assert_eq!(claims.audiences, [AUDIENCE]);
    assert_eq!(
        claims.expires_at.as_second(),
        i64::try_from(NOW + 300).unwrap()
    );
    assert_eq!(
        claims.get("acr"),
        Some(&ClaimValue::Text("gold".to_owned()))
    );
    assert_eq!(
        claims.get("amr"),
        Some(&ClaimValue::Texts(vec!["hwk".to_owned(), "pin".to_owned()]))
    );
    assert_eq!(claims.get("flag"), Some(&ClaimValue::Flag(true)));
    assert!(claims.get("auth_time").is_some());
    // What cannot be read is not taken for what is not there.
    assert_eq!(claims.get("object"), Some(&ClaimValue::Other));
    assert_eq!(claims.get("mixed"), Some(&ClaimValue::Other));
    assert_eq!(claims.get("null"), None);
    assert_eq!(claims.get("absent"), None);
    assert_eq!(claims.get("email"), None);
    let shown = format!("{claims:?} {:?}", claims.get("acr"));
    for secret in ["ada", "gold", "hwk", "door-gateway"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
