//! What operators ask: is it alive, does it take questions, what has it counted, what is in force, what became of a step-up.

use axum::{
    Json,
    extract::{Path, State},
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::Operations;
use crate::step_up::{State as StepUpState, StepUp};

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
    let failure = failure.map(|f| json!({ "at": f.at.to_string(), "error": f.error }));
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

/// What became of a step-up. Neither the person nor the link is told.
pub(super) async fn step_up(
    State(operations): State<Operations>,
    Path(id): Path<String>,
) -> Response {
    let known = match Uuid::try_parse(&id) {
        Ok(id) => operations.step_ups.find(id).await,
        Err(_) => None,
    };
    match known {
        Some(step_up) => Json(shown(&step_up)).into_response(),
        None => {
            let told = json!({ "error": "no step-up of this name is known, or not any more" });
            (StatusCode::NOT_FOUND, Json(told)).into_response()
        }
    }
}

fn shown(step_up: &StepUp) -> Value {
    let successor = match &step_up.state {
        StepUpState::Succeeded { successor } => Some(successor.as_str()),
        StepUpState::Pending | StepUpState::Failed => None,
    };
    json!({
        "step_up_id": step_up.id.to_string(),
        "verification_id": step_up.verification.as_str(),
        "policy": step_up.policy.as_str(),
        "state": step_up.state.as_str(),
        "successor": successor,
        "expires_at": format!("{:.3}", step_up.expires_at),
    })
}
