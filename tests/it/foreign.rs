//! Somebody else responds in the vendor's place: a proxy, a cache, a maintenance page. Only what has the vendor's shape is its word;
//! anything else is an outage.

mod http_caches;

use std::time::Duration;

use secrecy::ExposeSecret as _;
use serde_json::json;
use verigate::{
    proto::v1::{CheckAccessResponse, EvidenceSource},
    sim::{Answer, ApiCall, Fault, Header},
};

use crate::{
    webhook::{HEADER, terms},
    world::{FAILED_FOR_MAX, World, at, gist, instant, until},
};

const STATUSES: [u16; 21] = [
    200, 201, 202, 204, 206, 300, 301, 302, 304, 307, 400, 401, 403, 404, 406, 410, 418, 451, 500,
    502, 503,
];
const JSON: &str = "application/json";

/// The details of `fresh`, as the simulator sends them.
const DETAILS: &str = r#"{"id":"fresh","traceId":"trace-fresh","projectId":"p","verifiedAt":1769860200000,"status":"VERIFIED","scopes":["NAME"],"data":{"fullName":"Ada Example"}}"#;
const ERROR: &str = r#"{"timestamp":1769860200000,"status":4004,"error":"Not Found","message":"no such","path":"/v1/verification/details/fresh"}"#;

pub fn headers(pairs: &[(&str, &str)]) -> Vec<Header> {
    let pairs = pairs.iter();
    pairs
        .map(|(name, value)| Header::try_from(((*name).to_owned(), (*value).to_owned())).unwrap())
        .collect()
}

fn response(status: u16, pairs: &[(&str, &str)], body: &str) -> Fault {
    Fault::Answer(Answer {
        status,
        headers: headers(pairs),
        body: Some(body.to_owned()),
    })
}

/// The right details, with these headers.
fn right_with(pairs: &[(&str, &str)]) -> Fault {
    Fault::Answer(Answer {
        status: 200,
        headers: headers(pairs),
        body: None,
    })
}

/// Content types and bodies of which none is a response of the vendor's to a request for details, under any status.
fn foreign_responses() -> Vec<(Vec<(&'static str, &'static str)>, String)> {
    let json = vec![("content-type", JSON)];
    let bodies = [
        "",
        "null",
        "[]",
        "\"no\"",
        "{}",
        "{",
        "<html>502</html>",
        r#"{"ok":true}"#,
        r#"{"error":"not found"}"#,
        r#"{"id":"fresh"}"#,
        r#"{"id":"fresh","status":"UP"}"#,
        r#"{"id":"request-1","status":404,"error":"Not Found"}"#,
        r#"{"type":"about:blank","title":"Not Found","status":404,"detail":"x","instance":"/"}"#,
        r#"{"timestamp":1769860200000,"status":404,"error":"Not Found","message":"x"}"#,
        r#"{"timestamp":"2026-01-31T12:00:00Z","status":404,"error":"Not Found","message":"x","path":"/"}"#,
    ];
    let mut all: Vec<_> = bodies
        .iter()
        .map(|body| (json.clone(), (*body).to_owned()))
        .collect();
    for text in [DETAILS, ERROR] {
        // Cut off, with something behind it, inside a list.
        all.push((json.clone(), text[..text.len() - 1].to_owned()));
        all.push((json.clone(), format!("{text}x")));
        all.push((json.clone(), format!("[{text}]")));
        for kind in [
            "text/html",
            "text/plain",
            "text/json",
            "application/jsonp",
            "application/problem+json",
            "application/vnd.example+json",
            "",
        ] {
            all.push((vec![("content-type", kind)], text.to_owned()));
        }
        // None at all, and two that differ.
        all.push((vec![], text.to_owned()));
        let two = vec![("content-type", JSON), ("content-type", "text/html")];
        all.push((two, text.to_owned()));
    }
    let padding = "x".repeat(70_000);
    for text in [DETAILS, ERROR] {
        let large = text.replacen('{', &format!(r#"{{"padding":"{padding}","#), 1);
        all.push((json.clone(), large));
    }
    all
}

/// The answer of the tolerant policy, whose evidence is two minutes old, if the vendor's place is taken by this response.
async fn answer_to(world: &World, fault: Fault) -> CheckAccessResponse {
    world.inject(ApiCall::Details, None, fault);
    let answer = world.check("tolerant", "fresh").await;
    world.simulator.faults().clear();
    // Long enough for the failure, the circuit breaker and a pause.
    world.clock.advance(FAILED_FOR_MAX);
    answer
}

async fn warm() -> World {
    let world = World::new().await;
    assert_eq!(gist(&world.check("tolerant", "fresh").await), "ALLOW");
    world.clock.advance(Duration::from_mins(2));
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_response_is_an_outage_whatever_it_says() {
    let world = warm().await;
    for status in STATUSES {
        for (pairs, body) in foreign_responses() {
            let fault = response(status, &pairs, &body);
            let what = format!("{status} {pairs:?} {body:.60}");
            let answer = answer_to(&world, fault.clone()).await;
            // What is known is served, and is not replaced.
            assert_eq!(gist(&answer), "ALLOW", "{what}");
            assert!(answer.degraded, "{what}");
            let source = answer.evidence.unwrap().source();
            assert_eq!(source, EvidenceSource::Stale, "{what}");
        }
    }
    // The evidence is by now as old as the policy accepts, or older, but it is still there: the vendor confirms it.
    assert_eq!(gist(&world.check("tolerant", "fresh").await), "ALLOW");
}

#[tokio::test]
async fn a_foreign_response_is_an_outage_for_what_is_not_known_either() {
    let world = World::new().await;
    for status in [200, 401, 403, 404, 410] {
        for (pairs, body) in foreign_responses() {
            let fault = response(status, &pairs, &body);
            let answer = answer_to(&world, fault).await;
            let what = format!("{status} {pairs:?} {body:.60}");
            assert_eq!(gist(&answer), "STEP_UP EVIDENCE_UNAVAILABLE", "{what}");
            assert!(answer.degraded, "{what}");
        }
    }
    let (_, ready) = world.get_json("/readyz").await;
    assert_eq!(ready["upstream"]["credentials_refused"], false);
    let metrics = world.metrics().await;
    let counted = r#"verigate_upstream_calls_total{call="details",outcome="foreign"}"#;
    assert!(metrics.contains(counted), "{metrics}");
}

#[tokio::test]
async fn the_vendor_is_known_by_the_shape_of_its_responses() {
    let world = World::new().await;
    let json = [("content-type", "Application/JSON ; charset=utf-8")];
    let another = DETAILS.replace("fresh", "another");
    for (status, body, expected) in [
        (200, DETAILS, "ALLOW"),
        (200, &another, "DENY EVIDENCE_INVALID"),
        (404, ERROR, "DENY VERIFICATION_NOT_FOUND"),
        // Its error does not say that there is no such verification.
        (200, ERROR, "STEP_UP EVIDENCE_UNAVAILABLE"),
        (404, DETAILS, "STEP_UP EVIDENCE_UNAVAILABLE"),
        (401, ERROR, "STEP_UP EVIDENCE_UNAVAILABLE"),
        (403, ERROR, "STEP_UP EVIDENCE_UNAVAILABLE"),
        (410, ERROR, "STEP_UP EVIDENCE_UNAVAILABLE"),
        (451, ERROR, "STEP_UP EVIDENCE_UNAVAILABLE"),
        (500, ERROR, "STEP_UP EVIDENCE_UNAVAILABLE"),
    ] {
        let world = World::new().await;
        let answer = answer_to(&world, response(status, &json, body)).await;
        assert_eq!(gist(&answer), expected, "{status} {body}");
    }
    assert_eq!(gist(&world.check("tolerant", "fresh").await), "ALLOW");
}

#[tokio::test]
async fn foreign_responses_open_the_circuit_breaker_and_a_401_among_them_costs_one_more_call() {
    let html = [("content-type", "text/html")];
    for status in [200, 302, 401, 403, 404] {
        let world = World::new().await;
        world.check("tolerant", "fresh").await;
        let before = world.calls();
        world.inject(ApiCall::Details, None, response(status, &html, "down"));
        for n in 0..50 {
            world.check("tolerant", &format!("nobody-{n}")).await;
        }
        let (_, ready) = world.get_json("/readyz").await;
        assert_eq!(ready["upstream"]["breaker"], "open", "{status}");
        let calls = world.calls();
        assert!(calls.details - before.details <= 20, "{status} {calls:?}");
        assert!(
            calls.authorize - before.authorize <= 2,
            "{status} {calls:?}"
        );
    }
}

#[tokio::test]
async fn a_foreign_response_to_authorize_is_no_refusal_of_our_credentials() {
    let html = [("content-type", "text/html")];
    for status in [200, 401, 403, 404] {
        let world = World::new().await;
        world.inject(ApiCall::Authorize, None, response(status, &html, "who?"));
        let answer = world.check("tolerant", "fresh").await;
        assert_eq!(gist(&answer), "STEP_UP EVIDENCE_UNAVAILABLE", "{status}");
        let (_, ready) = world.get_json("/readyz").await;
        assert_eq!(ready["upstream"]["credentials_refused"], false, "{status}");
        // The backoff is that of an outage.
        world.simulator.faults().clear();
        world.clock.advance(FAILED_FOR_MAX);
        assert_eq!(gist(&world.check("tolerant", "fresh").await), "ALLOW");
    }
}

#[tokio::test]
async fn a_request_to_pause_is_obeyed_whatever_its_form() {
    // Status, `Retry-After`, and the pause in seconds; a second or a half more, where none can be read.
    for (status, after, pause) in [
        (429, Some("30"), 30),
        (429, None, 1),
        (429, Some("soon"), 1),
        (429, Some("Sat, 31 Jan 2026 12:00:30 GMT"), 30),
        (429, Some("Saturday, 31-Jan-26 12:00:30 GMT"), 30),
        (429, Some("Sat Jan 31 12:00:30 2026"), 30),
        (429, Some("Sat, 31 Jan 2026 11:00:00 GMT"), 1),
        (429, Some("99999999999999999999"), 300),
        (503, Some("30"), 30),
        (503, Some("Saturday, 31-Jan-26 12:00:30 GMT"), 30),
        (503, Some("Sat Jan 31 12:00:30 2026"), 30),
        (503, Some("-5"), 1),
        (503, Some(""), 1),
        (503, Some("1000000"), 300),
        (502, Some("30"), 30),
    ] {
        let world = World::new().await;
        world.check("tolerant", "minor").await;
        let mut pairs = vec![("content-type", "text/html")];
        pairs.extend(after.map(|after| ("retry-after", after)));
        // The retry after a 5xx is a call less.
        world.inject(ApiCall::Details, Some(1), response(status, &pairs, "busy"));
        let answer = world.check("tolerant", "fresh").await;
        assert_eq!(gist(&answer), "STEP_UP EVIDENCE_UNAVAILABLE", "{after:?}");
        let asked = world.calls().details;
        world
            .clock
            .advance(Duration::from_millis(pause * 1_000 - 1));
        let answer = world.check("tolerant", "month-old").await;
        assert!(answer.degraded, "{status} {after:?}");
        assert_eq!(world.calls().details, asked, "{status} {after:?}");
        world.clock.advance(Duration::from_millis(502));
        let answer = world.check("tolerant", "month-old").await;
        assert!(!answer.degraded, "{status} {after:?}");
    }
}
