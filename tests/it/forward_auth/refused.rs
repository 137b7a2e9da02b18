//! Requests for which there is no decision, and what has no effect on one.

use reqwest::{
    RequestBuilder,
    header::{HeaderMap, HeaderValue},
};
use serde_json::json;
use tracing::Level;

use super::{asked, get, shown, status, token, world};
use crate::{
    hosts::raw,
    log::{Log, is_line},
    world::World,
};

/// Requests for which there is no decision.
fn without_a_decision(world: &World) -> Vec<(&'static str, RequestBuilder)> {
    let front_door = |caller: Option<&str>| {
        let request = get(world, "/check/front-door").header("x-verification-id", "fresh");
        match caller {
            Some(caller) => request.header("x-verigate-token", caller),
            None => request,
        }
    };
    let own = token(1);
    let twice = |name: &'static str, values: [&'static str; 2]| {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, HeaderValue::from_static(value));
        }
        let request = get(world, "/check/own").header("x-verigate-token", token(1).reveal());
        request.headers(headers)
    };
    vec![
        ("no caller", front_door(None)),
        ("another token", front_door(Some(token(9).reveal()))),
        (
            "a caller twice",
            front_door(Some(own.reveal())).header("x-verigate-token", own.reveal()),
        ),
        ("no such policy", asked(world, "/check/none", "fresh")),
        ("not permitted", asked(world, "/check/hidden", "fresh")),
        (
            "not permitted, and none",
            asked(world, "/check/absent", "fresh"),
        ),
        (
            "no id",
            get(world, "/check/front-door").header("x-verigate-token", own.reveal()),
        ),
        ("an empty id", asked(world, "/check/front-door", "")),
        (
            "an id with a slash",
            asked(world, "/check/front-door", "../fresh"),
        ),
        (
            "two ids in one",
            asked(world, "/check/front-door", "fresh,fresh"),
        ),
        ("two ids", twice("x-verification-id", ["fresh", "fresh"])),
        (
            "two ids that differ",
            twice("x-verification-id", ["fresh", "stale"]),
        ),
    ]
}

/// The same, because of the identity.
fn without_an_identity(world: &World) -> Vec<(&'static str, RequestBuilder)> {
    vec![
        (
            "two identities",
            asked(world, "/check/own", "fresh")
                .header("x-identity-id", "id-ada")
                .header("x-identity-id", "id-ada"),
        ),
        (
            "two identities in one",
            asked(world, "/check/own", "fresh").header("x-identity-id", "id-ada, id-bob"),
        ),
        (
            "a long identity",
            asked(world, "/check/own", "fresh").header("x-identity-id", "x".repeat(129)),
        ),
        (
            "bytes",
            asked(world, "/check/own", "fresh")
                .header("x-identity-id", HeaderValue::from_bytes(b"\xff").unwrap()),
        ),
        (
            "an identity that may not be asserted",
            get(world, "/check/own")
                .header("x-verigate-token", token(2).reveal())
                .header("x-verification-id", "fresh")
                .header("x-identity-id", "id-ada"),
        ),
    ]
}

#[tokio::test]
async fn what_cannot_be_decided_is_403_and_never_asks_the_vendor() {
    let (log, _logging) = Log::begin(Level::WARN);
    let (world, _folder) = world().await;
    let all = without_a_decision(&world).into_iter();
    for (what, request) in all.chain(without_an_identity(&world)) {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 403, "{what}");
        assert_eq!(
            shown(&response, "x-verigate-decision"),
            Some("DENY"),
            "{what}"
        );
        assert_eq!(
            shown(&response, "cache-control"),
            Some("no-store"),
            "{what}"
        );
        for absent in [
            "www-authenticate",
            "x-verigate-decision-id",
            "location",
            "retry-after",
        ] {
            assert_eq!(shown(&response, absent), None, "{what}");
        }
        assert_eq!(response.text().await.unwrap(), "denied\n", "{what}");
    }
    let calls = world.calls();
    assert_eq!((calls.authorize, calls.details), (0, 0));
    let lines = log.lines();
    for reason in ["no_such_policy", "no_verification", "bad_id", "repeated_id"] {
        let fields = json!({ "event": "forward_auth_refused", "reason": reason });
        assert!(
            lines.iter().any(|line| is_line(line, "WARN", &fields)),
            "{reason}: {lines:#?}"
        );
    }
}

#[tokio::test]
async fn paths_that_are_not_a_policy_are_403() {
    let (world, _folder) = world().await;
    let head = |method: &str, target: &str| {
        format!(
            "{method} {target} HTTP/1.1\r\nhost: localhost\r\nx-verigate-token: {}\r\nx-verification-id: fresh\r\nconnection: close\r\n\r\n",
            token(1).reveal()
        )
    };
    let long = format!("/check/{}", "front-door".repeat(20));
    for target in [
        "/check",
        "/check/",
        "/check//front-door",
        "/check/Front-Door",
        "/check/front%2Ddoor",
        "/check/front-door%2f",
        "/check/..",
        "/check/../check/front-door",
        "/check/once/../front-door",
        "/check/front-door/%2e%2e/once",
        "/check/front-door/..%2fonce",
        "/check/front-door/.%2E/",
        "/check/front-door/..;/x",
        "/check/%2e/front-door",
        "/check/front-door;x",
        "/check/front-door%00",
        &long,
    ] {
        let (status, answer) = raw(world.http_address(), head("GET", target).as_bytes()).await;
        assert_eq!(status, 403, "{target} {answer}");
    }
    // Not ours: no proxy takes a 404 for access.
    for target in [
        "/CHECK/front-door",
        "/check-front-door",
        "//check/front-door",
        "/",
    ] {
        let (status, _) = raw(world.http_address(), head("GET", target).as_bytes()).await;
        assert_eq!(status, 404, "{target}");
    }
    assert_eq!(world.calls().details, 0);
    // Any method, and the path of the person's request after the policy.
    for method in [
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND",
    ] {
        for target in [
            "/check/front-door",
            "/check/front-door/",
            "/check/front-door/a//b%2fc?x=1&profile=browser",
            "http://localhost/check/front-door",
        ] {
            let (status, answer) = raw(world.http_address(), head(method, target).as_bytes()).await;
            assert_eq!(status, 200, "{method} {target} {answer}");
        }
    }
}

#[tokio::test]
async fn nothing_else_that_a_client_sends_changes_a_decision() {
    let (world, _folder) = world().await;
    let spoofed = [
        ("x-original-uri", "/open/"),
        ("x-original-url", "https://app.example.org/open/"),
        ("x-original-method", "OPTIONS"),
        ("x-rewrite-url", "/check/once"),
        ("x-forwarded-uri", "/check/once"),
        ("x-forwarded-prefix", "/check/once"),
        ("x-forwarded-method", "OPTIONS"),
        ("x-http-method-override", "GET"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-host", "evil.example"),
        ("x-verigate-decision", "ALLOW"),
        ("x-verigate-policy", "once"),
        ("x-policy", "once"),
        ("x-verigate-valid-for", "600"),
        ("cookie", "x-verification-id=fresh"),
        ("grpc-timeout", "1n"),
        ("x-envoy-expected-rq-timeout-ms", "0"),
        ("x-acr", "urn:x:mfa"),
        ("x-verigate-acr", "urn:x:mfa"),
        ("x-auth-time", "2026-01-31T12:00:00Z"),
        ("accept", "text/html"),
        ("cache-control", "max-age=600"),
        ("if-none-match", "*"),
        ("range", "bytes=0-0"),
        ("expect", "x"),
        ("upgrade", "h2c"),
    ];
    for (name, value) in spoofed {
        for (path, verification, expected) in [
            ("/check/front-door", "fresh", 200),
            ("/check/front-door", "month-old", 401),
            ("/check/front-door", "stale", 403),
            ("/check/mfa", "fresh", 401),
        ] {
            let found = status(asked(&world, path, verification).header(name, value)).await;
            assert_eq!(found, expected, "{name}: {value} {path} {verification}");
        }
    }
    // The query is the client's too, where a proxy appends it.
    for query in [
        "?policy=once",
        "?profile=browser",
        "?verification_id=fresh",
        "?x-verification-id=fresh",
        "?",
    ] {
        let path = format!("/check/front-door{query}");
        assert_eq!(status(asked(&world, &path, "stale")).await, 403, "{query}");
    }
}
