//! What operators ask: is it alive, does it take questions, what has it counted, what is in force.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::Operations;

/// Alive, as long as it answers.
pub(super) async fn livez() -> &'static str {
    "ok\n"
}

/// Ready, as long as it takes questions. Policies that cannot be used do not change that: the last good ones are in force;
/// nor does an upstream that fails: every question still has an answer.
pub(super) async fn readyz(State(operations): State<Operations>) -> Response {
    let policies = operations.live.current();
    let ready = operations.serving.get() && !policies.is_empty();
    let upstream = (operations.upstream)();
    let failure = operations.live.failure();
    let failure = failure.map(|f| json!({ "at": f.at.to_string(), "error": f.told }));
    let detail = json!({
        "ready": ready,
        "policies": policies.len(),
        "policy_revision": policies.revision().to_string(),
        "policy_reload_failure": failure,
        "upstream": {
            "breaker": upstream.breaker.as_str(),
            "credentials_refused": upstream.credentials_refused,
            "clock_ahead_ms": upstream.clock_ahead_ms,
            "clocks_apart": upstream.clocks_apart,
            "token_age_seconds": upstream.token_age.map(|age| age.as_secs()),
        },
    });
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(detail)).into_response()
}

/// Everything that is counted, as Prometheus text.
pub(super) async fn metrics(State(operations): State<Operations>) -> Response {
    let (entries, upstream) = ((operations.cache_entries)(), (operations.upstream)());
    match operations.metrics.render(entries, &upstream) {
        Ok(text) => ([(CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

/// The policies in force, by name.
pub(super) async fn policies(State(operations): State<Operations>) -> Json<Value> {
    let set = operations.live.current();
    let policies: Vec<Value> = set
        .iter()
        .map(|(name, policy)| {
            json!({
                "name": name.as_str(),
                "description": policy.description(),
                "redirect": policy.redirect(),
            })
        })
        .collect();
    Json(json!({ "policy_revision": set.revision().to_string(), "policies": policies }))
}
