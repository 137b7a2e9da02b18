//! Who is admitted, by every credential.

mod stored;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use tokio::time::timeout;

use super::*;
use crate::{
    callers::{CertificatePattern, ConflictingCallersError, Glob, Token},
    clock::ManualClock,
    deps::Deps,
    peer::{Memo, PeerAddress, Urgency},
    policy::from_millis,
};

/// Headers, the peer, and who that is.
type Case<'c> = (Vec<(&'static str, String)>, &'c Peer, &'c str);

fn token(n: u8) -> Token {
    Token::from_random([n; 8], [n; 32])
}

fn caller(name: &str, tokens: &[u8], certificates: &[&str]) -> CallerConfig {
    let pattern = |text: &&str| CertificatePattern::parse(text).unwrap();
    CallerConfig {
        tokens: tokens.iter().map(|n| token(*n).entry()).collect(),
        certificates: certificates.iter().map(pattern).collect(),
        ..CallerConfig::new(CallerName::parse(name).unwrap())
    }
}

fn in_force(configs: &[CallerConfig]) -> Callers {
    // In 2027.
    let clock = Arc::new(ManualClock::at(from_millis(1_800_000_000_000)));
    let key_sets = KeySets::new(&Deps::new(Arc::clone(&clock) as _)).unwrap();
    Callers::new(configs, key_sets, clock).unwrap()
}

fn callers() -> Vec<CallerConfig> {
    vec![
        caller("door", &[1, 2], &["spiffe://example.org/door/*"]),
        caller("gateway", &[3], &["dns:gateway.example.org"]),
    ]
}

fn peer(uris: &[&str], dns: &[&str]) -> Peer {
    let boxed = |texts: &[&str]| texts.iter().map(|text| (*text).into()).collect();
    let certificate = PeerCertificate {
        uris: boxed(uris),
        dns_names: boxed(dns),
    };
    Peer {
        address: PeerAddress::Unix,
        certificate: (!uris.is_empty() || !dns.is_empty()).then(|| Arc::new(certificate)),
        urgency: Urgency::default(),
        authenticated: Memo::default(),
    }
}

/// Who makes a request with these headers on this connection: a name, or the reason of the refusal.
async fn who(callers: &Callers, headers: &[(&'static str, &str)], peer: &Peer) -> String {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(
            *name,
            http::HeaderValue::from_bytes(value.as_bytes()).unwrap(),
        );
    }
    match callers.authenticate(&map, Some(peer)).await {
        Ok(caller) => caller.id.as_str().to_owned(),
        Err(error) => error.as_str().to_owned(),
    }
}

async fn check(callers: &Callers, cases: &[Case<'_>]) {
    for (headers, peer, expected) in cases {
        let headers: Vec<(&'static str, &str)> =
            headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
        assert_eq!(
            who(callers, &headers, peer).await,
            *expected,
            "{headers:?} {peer:?}"
        );
    }
}

#[tokio::test]
async fn each_credential_names_its_caller_and_two_must_name_the_same() {
    let callers = in_force(&callers());
    let bearer = |n| format!("Bearer {}", token(n).reveal());
    let plain = |n| token(n).reveal().to_owned();
    let none = peer(&[], &[]);
    let session = "Bearer eyJhbGciOiJFUzI1NiJ9.e30.c2ln";
    let cases: Vec<Case<'_>> = vec![
        (vec![], &none, "no_credential"),
        (vec![("authorization", bearer(1))], &none, "door"),
        (vec![("authorization", bearer(3))], &none, "gateway"),
        (vec![("x-verigate-token", plain(1))], &none, "door"),
        (vec![("x-verigate-token", bearer(1))], &none, "bad_token"),
        (vec![("authorization", plain(1))], &none, "bad_token"),
        (
            vec![("authorization", session.into())],
            &none,
            "no_credential",
        ),
        (
            vec![
                ("authorization", session.into()),
                ("x-verigate-token", plain(3)),
            ],
            &none,
            "gateway",
        ),
        (
            vec![("authorization", bearer(1)), ("x-verigate-token", plain(2))],
            &none,
            "door",
        ),
        (
            vec![("authorization", bearer(1)), ("x-verigate-token", plain(3))],
            &none,
            "conflicting_credentials",
        ),
        (
            vec![("authorization", bearer(1)), ("x-verigate-token", plain(4))],
            &none,
            "bad_token",
        ),
        (
            vec![("authorization", bearer(4)), ("x-verigate-token", plain(1))],
            &none,
            "bad_token",
        ),
        (
            vec![("authorization", bearer(1)), ("authorization", bearer(1))],
            &none,
            "bad_token",
        ),
        (
            vec![
                ("x-verigate-token", plain(1)),
                ("x-verigate-token", plain(1)),
            ],
            &none,
            "bad_token",
        ),
    ];
    check(&callers, &cases).await;
}

#[tokio::test]
async fn a_certificate_names_its_caller_and_a_token_beside_it_must_name_the_same() {
    let callers = in_force(&callers());
    let bearer = |n| format!("Bearer {}", token(n).reveal());
    let door = peer(&["spiffe://example.org/door/1"], &[]);
    let gateway = peer(&[], &["gateway.example.org"]);
    let session = "Bearer eyJhbGciOiJFUzI1NiJ9.e30.c2ln";
    let cases: Vec<Case<'_>> = vec![
        (vec![], &door, "door"),
        (vec![], &gateway, "gateway"),
        (vec![("authorization", bearer(1))], &door, "door"),
        (
            vec![("authorization", bearer(3))],
            &door,
            "conflicting_credentials",
        ),
        (vec![("authorization", bearer(4))], &door, "bad_token"),
        (vec![("authorization", session.into())], &door, "door"),
    ];
    check(&callers, &cases).await;
}

#[tokio::test]
async fn a_certificate_without_a_caller_is_refused_also_beside_a_good_token() {
    let callers = in_force(&callers());
    let bearer = format!("Bearer {}", token(1).reveal());
    let strangers = [
        peer(&["spiffe://example.org/gate/1"], &[]),
        peer(
            &["spiffe://example.org/door/1", "spiffe://example.org/door/2"],
            &[],
        ),
        peer(&["spiffe://example.org/door/1/"], &["gateway.example.org"]),
        peer(&[], &["door.example.org"]),
        peer(&[], &["*.example.org"]),
    ];
    for stranger in &strangers {
        assert_eq!(
            who(&callers, &[], stranger).await,
            "unknown_certificate",
            "{stranger:?}"
        );
        let beside = who(&callers, &[("authorization", &bearer)], stranger).await;
        assert_eq!(beside, "unknown_certificate", "{stranger:?}");
    }
    // A certificate without any name at all.
    let nameless = Peer {
        certificate: Some(Arc::new(PeerCertificate {
            uris: vec![],
            dns_names: vec![],
        })),
        ..peer(&[], &[])
    };
    assert_eq!(who(&callers, &[], &nameless).await, "unknown_certificate");
    // The URI goes before the DNS names.
    let both = peer(&["spiffe://example.org/door/1"], &["gateway.example.org"]);
    assert_eq!(who(&callers, &[], &both).await, "door");
}

#[tokio::test]
async fn a_text_that_is_nearly_a_token_names_nobody() {
    let callers = in_force(&callers());
    let good = token(1).reveal().to_owned();
    let last = if good.ends_with('A') { "B" } else { "A" };
    let odd = [
        String::new(),
        " ".into(),
        "vg_".into(),
        "vg__".into(),
        format!("vg_bbbbbbbb_{}", "_".repeat(43)),
        good.to_uppercase(),
        good.replacen("vg_", "VG_", 1),
        good.replacen("vg_", "vg", 1),
        good.replacen("vg_", "vg__", 1),
        format!(" {good}"),
        format!("{good} "),
        format!("\t{good}"),
        format!("{good}="),
        format!("{good}{good}"),
        format!("{good},{good}"),
        format!("\"{good}\""),
        good.get(..good.len() - 1).unwrap().to_owned(),
        format!("{}{last}", good.get(..good.len() - 1).unwrap()),
        good.replacen("bbbbbbbb", "cccccccc", 1),
        token(1).entry().to_string(),
        format!("{good}{}", "a".repeat(9000)),
        "vg_bbbbbbbb_\u{e4}".into(),
    ];
    for text in &odd {
        let by_header = who(&callers, &[("x-verigate-token", text)], &peer(&[], &[])).await;
        assert_eq!(by_header, "bad_token", "{text:?}");
        for scheme in [
            "Bearer ", "bearer ", "BEARER ", "Bearer  ", "Bearer", "Basic ", "",
        ] {
            let value = format!("{scheme}{text}");
            if value == format!("Bearer {good}") {
                continue;
            }
            let refused = who(&callers, &[("authorization", &value)], &peer(&[], &[])).await;
            assert!(
                matches!(refused.as_str(), "bad_token" | "no_credential"),
                "{value:?}: {refused}"
            );
        }
    }
}

#[tokio::test]
async fn a_removed_caller_is_refused_and_losing_all_callers_opens_nothing() {
    let (door, open) = (peer(&["spiffe://example.org/door/1"], &[]), peer(&[], &[]));
    let in_force = super::tests::in_force(&[]);
    assert_eq!(who(&in_force, &[], &open).await, "anonymous");
    in_force.replace(&callers()).unwrap();
    assert_eq!(who(&in_force, &[], &open).await, "no_credential");
    assert_eq!(who(&in_force, &[], &door).await, "door");
    in_force.replace(&callers()[1..]).unwrap();
    assert_eq!(who(&in_force, &[], &open).await, "no_credential");
    let bearer = format!("Bearer {}", token(1).reveal());
    assert_eq!(
        who(&in_force, &[("authorization", &bearer)], &open).await,
        "bad_token"
    );
    in_force.replace(&[]).unwrap();
    assert_eq!(who(&in_force, &[], &open).await, "no_credential");
    assert!(!in_force.is_open());
}

#[tokio::test]
async fn a_reload_gives_a_caller_whose_rate_stays_no_new_burst() {
    let of_rate = |burst| CallerConfig {
        calls: Some(Rate {
            per_second: 1,
            burst,
        }),
        ..caller("door", &[1], &[])
    };
    let callers = in_force(&[of_rate(2)]);
    let headers = HeaderMap::from_iter([(
        super::super::TOKEN_HEADER,
        token(1).reveal().parse().unwrap(),
    )]);
    let calls = async |count: usize| {
        let caller = callers.authenticate(&headers, None).await.unwrap();
        (0..count)
            .filter(|_| caller.count_call(std::time::Duration::ZERO).is_ok())
            .count()
    };
    assert_eq!(calls(5).await, 2);
    callers.replace(&[of_rate(2)]).unwrap();
    assert_eq!(calls(5).await, 0);
    callers.replace(&[of_rate(3)]).unwrap();
    assert_eq!(calls(5).await, 3);
}

#[test]
fn what_one_credential_would_name_two_callers_by_is_a_conflict() {
    let glob = Glob::parse("*").unwrap();
    let mut three = callers();
    three.push(caller(
        "third",
        &[1],
        &["spiffe://example.org/*/1", "dns:gateway.example.org"],
    ));
    three[2].permissions.policies.push(glob);
    let conflicts: Vec<String> = ConflictingCallersError::among(&three)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(conflicts.len(), 3, "{conflicts:?}");
    assert!(
        conflicts[0].contains("vg_bbbbbbbb") && conflicts[0].contains("callers.door"),
        "{conflicts:?}"
    );
    assert!(ConflictingCallersError::among(&callers()).is_empty());
}

#[tokio::test(start_paused = true)]
async fn keys_are_waited_for_no_longer_than_a_request_says_however_many_tokens_it_has() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let ca = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ca.pem"), ca.cert.pem()).unwrap();
    let mut config = caller("sso", &[], &[]);
    config.jwt = Some(crate::callers::CallerJwt {
        issuer: "https://id.example.com".to_owned(),
        audience: "verigate".to_owned(),
        keys: crate::jwt::Keys::Url {
            url: format!("https://localhost:{port}/").parse().unwrap(),
            ca: Some(folder.path().join("ca.pem")),
        },
        subjects: vec!["gateway-1".to_owned()],
    });
    let callers = in_force(&[config]);
    let encoded = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let header = encoded(r#"{"alg":"ES256","kid":"k"}"#);
    let claims = encoded(r#"{"iss":"https://id.example.com","aud":"verigate"}"#);
    let token = format!("{header}.{claims}.c2ln");
    let one = HeaderMap::from_iter([(
        http::header::AUTHORIZATION,
        format!("Bearer {token}").parse().unwrap(),
    )]);
    let mut two = one.clone();
    two.insert("x-verigate-token", token.parse().unwrap());
    for (headers, wait_max, waited) in [
        (&one, Duration::from_millis(100), 100),
        (&two, Duration::from_millis(100), 100),
        (&one, Duration::ZERO, 0),
        (&one, Duration::from_mins(1), 500),
        (&two, Duration::MAX, 500),
    ] {
        let refused_within = async |millis: u64| {
            let refused = callers.authenticate_within(headers, None, wait_max);
            let refused = timeout(Duration::from_millis(millis), refused).await;
            refused.is_ok_and(|refused| refused.is_err())
        };
        assert!(waited == 0 || !refused_within(waited - 1).await, "{waited}");
        // The timer of the runtime rounds up.
        assert!(refused_within(waited + 2).await, "{waited}");
    }
}
