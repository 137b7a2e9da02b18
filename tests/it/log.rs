//! The log in an outage: a few lines, each with its event and a hint, and no identifiers.

use std::{
    io::{self, Write},
    sync::{Arc, LazyLock},
};

use parking_lot::Mutex;
use serde_json::{Value, json};
use tracing::{
    Dispatch, Level,
    subscriber::{DefaultGuard, set_default},
};
use verigate::{
    proto::v1::access_service_client::AccessServiceClient,
    sim::{ApiCall, Fault},
};

use crate::world::{FAILED_FOR_MAX, World, check_request};

/// While a process has one subscriber, tracing lets the thread that reaches a log line first decide whether it is ever logged, and
/// that may be the thread of a test without a log. With a second subscriber all of them are asked.
static SECOND: LazyLock<Dispatch> = LazyLock::new(|| {
    let subscriber = tracing_subscriber::fmt().with_max_level(Level::ERROR);
    Dispatch::new(subscriber.with_writer(io::sink).finish())
});

/// What is logged on this thread, where a test's whole world runs.
#[derive(Debug, Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for &Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Begins to record lines of this level and above.
    pub fn begin(level: Level) -> (Self, DefaultGuard) {
        LazyLock::force(&SECOND);
        let log = Self::default();
        let writer = Arc::new(log.clone());
        let subscriber = tracing_subscriber::fmt()
            .json()
            .with_max_level(level)
            .with_writer(writer)
            .finish();
        (log, set_default(subscriber))
    }

    pub fn lines(&self) -> Vec<Value> {
        let text = String::from_utf8(self.0.lock().clone()).unwrap();
        let lines = text.lines().map(serde_json::from_str);
        lines.map(Result::unwrap).collect()
    }
}

/// Whether a line has this level and all of these fields.
pub fn is_line(line: &Value, level: &str, fields: &Value) -> bool {
    let mut fields = fields.as_object().unwrap().iter();
    line["level"] == level && fields.all(|(name, value)| line["fields"][name] == *value)
}

/// A minute of checks while the upstream fails so; what the log has afterwards.
async fn a_minute_of(faults: &[(ApiCall, Fault)]) -> Vec<Value> {
    let (log, _logging) = Log::begin(Level::WARN);
    let world = World::new().await;
    for (call, fault) in faults {
        world.inject(*call, None, fault.clone());
    }
    for n in 0..(60_000 / FAILED_FOR_MAX.as_millis()) {
        for verification in ["fresh", "stale", "minor", "nobody"] {
            world.check("front-door", verification).await;
            world
                .check("tolerant", &format!("{verification}-{n}"))
                .await;
        }
        world.clock.advance(FAILED_FOR_MAX);
    }
    log.lines()
}

/// Faults, and a line that each of them causes.
fn faults() -> Vec<(ApiCall, Fault, &'static str, Value)> {
    let details_status = |status, outcome| {
        let fields = json!({
            "event": "upstream_error_status",
            "call": "details",
            "status": status,
            "outcome": outcome,
        });
        (ApiCall::Details, Fault::Status(status), "WARN", fields)
    };
    let event = |name| json!({ "event": name });
    let unusable = json!({
        "event": "upstream_response_unusable",
        "call": "details",
        "flaw": "another_verification",
    });
    let foreign = json!({
        "event": "upstream_response_foreign",
        "call": "details",
        "status": 200,
        "content_type": "text/html; charset=utf-8",
        "problem": "its content type is not application/json",
    });
    let truncated = json!({
        "event": "upstream_response_foreign",
        "content_type": "application/json",
        "problem": "the body is not JSON",
        "line": 1,
    });
    vec![
        details_status(503, "failed"),
        details_status(406, "unexpected"),
        details_status(429, "rate_limited"),
        (
            ApiCall::Details,
            Fault::Status(429),
            "WARN",
            event("upstream_paused"),
        ),
        (
            ApiCall::Details,
            Fault::RetryAfter(30),
            "WARN",
            json!({ "event": "upstream_paused", "pause_seconds": 30.0 }),
        ),
        (ApiCall::Details, Fault::AnotherId, "WARN", unusable),
        (ApiCall::Details, Fault::Html, "WARN", foreign),
        (ApiCall::Details, Fault::Truncated, "WARN", truncated),
        (
            ApiCall::Details,
            Fault::ExpiredToken,
            "WARN",
            event("token_refused"),
        ),
        (
            ApiCall::Authorize,
            Fault::Status(403),
            "ERROR",
            event("credentials_refused"),
        ),
        (
            ApiCall::Authorize,
            Fault::Status(404),
            "ERROR",
            event("authorize_endpoint_not_found"),
        ),
    ]
}

#[tokio::test]
async fn a_minute_of_an_outage_is_a_few_lines_that_say_where_to_look() {
    for (call, fault, level, fields) in faults() {
        let lines = a_minute_of(&[(call, fault)]).await;
        assert!((1..=5).contains(&lines.len()), "{fields}: {lines:#?}");
        assert!(
            lines.iter().any(|line| is_line(line, level, &fields)),
            "{fields}: {lines:#?}"
        );
        for line in &lines {
            assert!(line["fields"]["event"].is_string(), "{line}");
            assert!(line["fields"]["suppressed"].is_u64(), "{line}");
            let text = line.to_string();
            for id in ["fresh", "minor", "nobody", "Ada"] {
                assert!(!text.contains(id), "{id}: {text}");
            }
        }
    }
}

#[tokio::test]
async fn an_error_status_has_a_hint() {
    let lines = a_minute_of(&[(ApiCall::Details, Fault::Status(503))]).await;
    let line = lines
        .iter()
        .find(|line| line["fields"]["event"] == "upstream_error_status");
    assert!(line.unwrap()["fields"]["hint"].is_string());
}

#[tokio::test]
async fn a_circuit_breaker_that_opens_and_closes_is_logged() {
    let (log, _logging) = Log::begin(Level::INFO);
    let world = World::new().await;
    world.inject(ApiCall::Details, None, Fault::Status(500));
    for n in 0..20 {
        world.check("tolerant", &format!("nobody-{n}")).await;
    }
    world.simulator.faults().clear();
    world.clock.advance(FAILED_FOR_MAX);
    for verification in ["fresh", "minor"] {
        world.check("tolerant", verification).await;
    }
    let lines = log.lines();
    for (level, fields) in [
        (
            "WARN",
            json!({ "event": "circuit_breaker_opened", "failed_calls": 9, "calls": 10, "suppressed": 0 }),
        ),
        (
            "INFO",
            json!({ "event": "circuit_breaker_closed", "suppressed": 0 }),
        ),
    ] {
        let same = lines.iter().filter(|line| is_line(line, level, &fields));
        assert_eq!(same.count(), 1, "{fields}: {lines:#?}");
    }
}

#[tokio::test]
async fn a_caller_over_its_quota_is_logged_once() {
    let (log, _logging) = Log::begin(Level::WARN);
    let world = World::with(|config| {
        config.cache.fetches.burst = 1;
        config.cache.fetches.per_second = 1;
    })
    .await;
    for n in 0..50 {
        let _ = world
            .ask(check_request("front-door", &format!("v-{n}")))
            .await;
    }
    let mut lines = log.lines();
    lines.retain(|line| line["fields"]["event"] != "call_failed");
    assert_eq!(lines.len(), 1, "{lines:#?}");
    let event = json!({ "event": "fetch_quota_exceeded" });
    assert!(is_line(&lines[0], "WARN", &event), "{lines:#?}");
}

#[tokio::test]
async fn eight_hundred_calls_with_a_mistyped_policy_or_a_bad_id_are_two_lines_that_say_who_and_what()
 {
    let (log, _logging) = Log::begin(Level::WARN);
    let world = World::new().await;
    for _ in 0..400 {
        let _ = world.ask(check_request("front-dor", "fresh")).await;
        let _ = world
            .ask(check_request("front-door", "ada@example.com\n"))
            .await;
    }
    let _ = world
        .ask(check_request("Front\u{1b}[31m\nDoor", "fresh"))
        .await;
    world.clock.advance(std::time::Duration::from_secs(61));
    let _ = world.ask(check_request(&"x".repeat(5000), "fresh")).await;
    let lines = log.lines();
    assert_eq!(lines.len(), 3, "{lines:#?}");
    let not_found = json!({
        "event": "call_failed", "from": "127.0.0.1", "method": "CheckAccess", "code": "NOT_FOUND",
        "policy": "front-dor", "error": "there is no policy `front-dor`", "suppressed": 0,
    });
    assert!(is_line(&lines[0], "WARN", &not_found), "{lines:#?}");
    let invalid = json!({
        "event": "call_failed", "from": "127.0.0.1", "method": "CheckAccess", "code": "INVALID_ARGUMENT",
        "policy": "front-door", "suppressed": 0,
    });
    assert!(is_line(&lines[1], "WARN", &invalid), "{lines:#?}");
    let error = lines[1]["fields"]["error"].as_str().unwrap();
    assert!(error.starts_with("verification_id must be"), "{error}");
    assert_eq!(lines[2]["fields"]["suppressed"], 400);
    assert_eq!(
        lines[2]["fields"]["policy"]
            .as_str()
            .unwrap()
            .chars()
            .count(),
        65
    );
    let text = format!("{lines:?}");
    for forbidden in ["ada@example.com", "fresh", "\u{1b}"] {
        assert!(!text.contains(forbidden), "{forbidden}: {text}");
    }
}

#[tokio::test]
async fn a_webhook_that_names_nothing_is_logged_with_its_keys() {
    let (log, _logging) = Log::begin(Level::WARN);
    let world = World::with(|config| config.webhook = Some(crate::webhook::terms())).await;
    let url = format!("http://{}/webhooks/incode", world.http_address());
    for _ in 0..50 {
        let post = reqwest::Client::new().post(&url);
        let post = post.header(crate::webhook::HEADER, crate::webhook::SECRET);
        let body = r#"{"event":"verification.failed","items":[{"verificationId":"fresh"}]}"#;
        assert_eq!(post.body(body).send().await.unwrap().status(), 204);
    }
    let lines = log.lines();
    assert_eq!(lines.len(), 1, "{lines:#?}");
    let ignored =
        json!({ "event": "webhook_ignored", "from": "127.0.0.1", "keys": "event, items" });
    assert!(is_line(&lines[0], "WARN", &ignored), "{lines:#?}");
}

#[tokio::test]
async fn a_webhook_whose_only_identifier_may_be_its_own_is_accepted_and_logged_as_ambiguous() {
    let (log, _logging) = Log::begin(Level::WARN);
    let world = World::with(|config| config.webhook = Some(crate::webhook::terms())).await;
    let url = format!("http://{}/webhooks/incode", world.http_address());
    let post = reqwest::Client::new().post(&url);
    let post = post.header(crate::webhook::HEADER, crate::webhook::SECRET);
    let body = r#"{"event":"verification.failed","id":"w-1","data":{}}"#;
    assert_eq!(post.body(body).send().await.unwrap().status(), 204);
    let lines = log.lines();
    assert_eq!(lines.len(), 1, "{lines:#?}");
    let ambiguous =
        json!({ "event": "webhook_ambiguous", "from": "127.0.0.1", "keys": "data, event, id" });
    assert!(is_line(&lines[0], "WARN", &ambiguous), "{lines:#?}");
}

#[tokio::test]
async fn a_call_that_is_rejected_before_its_handler_is_logged_once_as_a_failed_call() {
    let (log, _logging) = Log::begin(Level::WARN);
    let world = World::new().await;
    let mut request = tonic::Request::new(check_request("front-door", "fresh"));
    let padding = "x".repeat(17 * 1024).parse().unwrap();
    request.metadata_mut().insert("x-padding", padding);
    let url = format!("http://{}", world.grpc_address());
    let mut client = AccessServiceClient::connect(url).await.unwrap();
    client.check_access(request).await.unwrap_err();
    let lines = log.lines();
    assert_eq!(lines.len(), 1, "{lines:#?}");
    assert_eq!(lines[0]["fields"]["event"], "call_failed");
    assert_eq!(lines[0]["fields"]["code"], "RESOURCE_EXHAUSTED");
}
