//! The same through Envoy itself, where it is installed (`tests/proxies/install`). In most tests `failure_mode_allow` is set: whatever is an
//! error for Envoy would let the request pass.

mod proxy;

use serde_json::json;
use verigate::callers::Assertion;

use self::proxy::{Proxy, Setup, installed};
use super::*;
use crate::{callers::issuer::Issuer, hosts::raw, world::loopback};

const ID: &str = "x-verification-id";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_an_allow_passes_envoy_also_where_it_lets_errors_pass() {
    let Some(envoy) = installed() else { return };
    for encode_raw_headers in [false, true] {
        let world = world(|_| {}).await;
        let setup = Setup {
            encode_raw_headers,
            ..Setup::default()
        };
        let proxy = Proxy::start(&envoy, world.grpc_address().port(), &setup).await;
        let fresh = [(ID, "fresh")];
        for (path, headers, expected) in [
            ("/door", &fresh[..], 200),
            ("/door", &[(ID, "month-old")], 401),
            ("/door", &[(ID, "stale")], 403),
            ("/door", &[(ID, "nobody")], 403),
            ("/door", &[], 403),
            ("/door", &[(ID, "../x")], 403),
            ("/door", &[(ID, "fresh"), (ID, "fresh")], 403),
            ("/door", &[(ID, "fresh"), (ID, "stale")], 403),
            (
                "/door",
                &[(ID, "stale"), ("x-verigate-decision", "ALLOW")],
                403,
            ),
            (
                "/door?policy=open",
                &[(ID, "stale"), ("policy", "open")],
                403,
            ),
            ("/login", &fresh, 401),
            ("/pages", &fresh, 401),
            ("/owner", &fresh, 403),
            ("/owner", &[(ID, "fresh"), ("x-identity-id", "id-ada")], 200),
            ("/unknown", &fresh, 403),
            ("/malformed", &fresh, 403),
            ("/open/x", &[], 200),
        ] {
            let what = format!("{path} {headers:?} {encode_raw_headers}");
            assert_eq!(proxy.status(path, headers).await, expected, "{what}");
        }
        for (path, expected) in [
            ("/open/x", 200),
            ("/open/../door", 403),
            ("/open/%2e%2e/door", 403),
            ("/open/..%2fdoor", 400),
            ("/open/..%5cdoor", 400),
            ("/open/./../door", 403),
            ("//door", 403),
            ("/open//../../door", 403),
            ("/DOOR", 403),
        ] {
            let head = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{ID}: stale\r\n");
            let request = format!("{head}connection: close\r\n\r\n");
            let (status, _) = raw(proxy.address(), request.as_bytes()).await;
            assert_eq!(status, expected, "{path}");
        }
        // All the headers of a client together may be too large for the answer, and never open the door.
        let large = "x".repeat(50_000);
        let large = [(ID, "stale"), ("x-large", large.as_str())];
        assert!(proxy.status("/door", &large).await >= 400);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_behind_envoy_gets_our_headers_and_not_those_of_the_client() {
    let Some(envoy) = installed() else { return };
    let world = world(|_| {}).await;
    let proxy = Proxy::start(&envoy, world.grpc_address().port(), &Setup::default()).await;
    let spoofed = [
        (ID, "fresh"),
        ("X-Verigate-Decision", "DENY"),
        ("x-verigate-decision-id", "mine"),
        ("x-verigate-step-up-url", "https://evil.example/"),
        ("x-verigate-anything", "1"),
    ];
    let (status, _, body, _) = proxy.get("/door", &spoofed).await;
    assert_eq!(status, 200);
    assert!(body.contains("x-verigate-decision: ALLOW\n"), "{body}");
    assert_eq!(body.matches("x-verigate-decision:").count(), 1, "{body}");
    for forged in ["mine", "evil", "anything"] {
        assert!(!body.contains(forged), "{body}");
    }
    let (status, headers, body, _) = proxy.get("/login", &[(ID, "fresh")]).await;
    assert_eq!((status, body.as_str()), (401, "step up\n"));
    let challenge = headers["www-authenticate"].to_str().unwrap();
    assert!(challenge.contains("insufficient_user_authentication"));
    assert_eq!(headers["x-verigate-decision"], "STEP_UP");
    assert_eq!(headers["cache-control"], "no-store");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn envoy_is_not_answered_by_errors_when_callers_are_refused_or_the_vendor_hangs() {
    let Some(envoy) = installed() else { return };
    let world = world(|config| {
        config.callers = vec![caller(1, "envoy", &["*"], &[], false)];
    })
    .await;
    let port = world.grpc_address().port();
    for (token, expected) in [(Some(1), 200), (Some(9), 403), (None, 403)] {
        let setup = Setup {
            token,
            ..Setup::default()
        };
        let proxy = Proxy::start(&envoy, port, &setup).await;
        let status = proxy.status("/door", &[(ID, "fresh")]).await;
        assert_eq!(status, expected, "{token:?}");
        if token == Some(1) {
            world.inject(ApiCall::Details, None, Fault::Hang);
            let status = proxy.status("/door", &[(ID, "minor")]).await;
            assert_eq!(status, 503, "answered before Envoy stops to wait");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_service_envoy_lets_nobody_pass() {
    let Some(envoy) = installed() else { return };
    let silent = std::net::TcpListener::bind(loopback()).unwrap();
    let hung = silent.local_addr().unwrap().port();
    let gone = std::net::TcpListener::bind(loopback()).unwrap();
    let down = gone.local_addr().unwrap().port();
    drop(gone);
    let setup = Setup {
        failure_mode_allow: false,
        ..Setup::default()
    };
    for port in [hung, down] {
        let proxy = Proxy::start(&envoy, port, &setup).await;
        assert_eq!(proxy.status("/door", &[(ID, "fresh")]).await, 503);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_claims_of_a_token_that_envoy_has_verified_are_read_from_its_metadata() {
    let Some(envoy) = installed() else { return };
    let world = world(|config| {
        config.ext_authz.verification = Some("vid".into());
        let all = [Assertion::Authentication, Assertion::Identity];
        config.callers = vec![caller(1, "envoy", &["*"], &all, false)];
    })
    .await;
    let issuer = Issuer::new("ec");
    let jwks = issuer.ec_set();
    let setup = Setup {
        token: Some(1),
        jwks: Some(&jwks),
        ..Setup::default()
    };
    let proxy = Proxy::start(&envoy, world.grpc_address().port(), &setup).await;
    let now = world.clock_now().as_second();
    let bearer = |auth_time: i64, vid: &str| {
        let claims = json!({
            "sub": "ada", "vid": vid, "acr": "mfa", "amr": ["pwd", "hwk"],
            "auth_time": auth_time, "exp": 4_000_000_000_i64, "iat": null,
        });
        format!("Bearer {}", issuer.token(now, json!({}), claims))
    };
    let recent = bearer(now - 60, "fresh");
    let old = bearer(now - 3_600, "fresh");
    let stale = bearer(now - 60, "stale");
    let forged = Issuer::new("ec");
    let forged = forged.token(
        now,
        json!({}),
        json!({ "vid": "fresh", "exp": 4_000_000_000_i64 }),
    );
    let forged = format!("Bearer {forged}");
    for (path, headers, expected) in [
        ("/login", &[("authorization", recent.as_str())][..], 200),
        ("/login", &[("authorization", &old)], 401),
        ("/door", &[("authorization", &recent)], 200),
        ("/door", &[("authorization", &stale)], 403),
        ("/door", &[("authorization", &stale), (ID, "fresh")], 403),
        ("/door", &[(ID, "fresh")], 403),
        ("/door", &[("authorization", &forged)], 401),
    ] {
        assert_eq!(
            proxy.status(path, headers).await,
            expected,
            "{path} {headers:?}"
        );
    }
}
