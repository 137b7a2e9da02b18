//! The routes for operators: liveness, readiness, metrics, the policies in force and the step-ups.

mod callers;
mod purge;

use std::{path::PathBuf, sync::Arc};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{StatusCode, header::CONTENT_TYPE},
    middleware::from_fn_with_state,
    response::{IntoResponse, Response},
    routing::get,
};
use prometheus::Registry;
use serde_json::{Value, json};
use uuid::Uuid;

pub use self::{callers::AdminCallers, purge::AdminPurge};
use crate::{
    build_info::{COMMIT, VERSION},
    live::Live,
    metrics,
    policy::{PolicyName, PolicySet, rfc3339},
    readiness::{Component, Serving},
    step_up::{StepUp, StepUpState, StepUps},
};

/// What operators are shown.
#[derive(Debug, Clone)]
pub struct Admin {
    /// The policies in force.
    pub live: Arc<Live>,
    /// The upstream's state.
    pub upstream: Arc<dyn Component>,
    /// The certificates, and when they expire.
    pub tls: Arc<dyn Component>,
    /// Whether decisions can be recorded.
    pub journal: Arc<dyn Component>,
    /// Who may see the policies and the step-ups.
    pub callers: AdminCallers,
    /// Whether the callers of the configuration file are in force.
    pub callers_state: Arc<dyn Component>,
    /// The step-ups.
    pub step_ups: StepUps,
    /// Purges persons and verifications.
    pub purge: AdminPurge,
    /// Whether the service accepts calls.
    pub serving: Arc<Serving>,
    /// All metrics.
    pub registry: Registry,
    /// The configuration file, if there is one.
    pub config_path: Option<PathBuf>,
    /// Where the shadow policies are, if any are configured.
    pub shadow_path: Option<PathBuf>,
    /// Where decisions are written; `-` is stdout.
    pub journal_path: PathBuf,
}

/// The routes for operators.
pub(super) fn routes(admin: Admin) -> Router {
    let for_operators = Router::new()
        .route("/policies", get(policies))
        .route("/step-ups/{step_up_id}", get(step_up))
        .layer(from_fn_with_state(
            admin.callers.clone(),
            callers::only_operators,
        ));
    let for_named_operators = purge::routes(admin.purge.clone()).layer(from_fn_with_state(
        admin.callers.clone(),
        callers::only_named_operators,
    ));
    Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(render_metrics))
        .merge(for_operators)
        .with_state(admin)
        .merge(for_named_operators)
}

/// Alive: it answers.
async fn livez() -> &'static str {
    "ok\n"
}

/// Ready: it accepts calls, and can record what it decides. A failed reload does not change that, because the last good policies are in
/// force; nor does an outage of the upstream, because every check still has an answer.
async fn readyz(State(admin): State<Admin>) -> Response {
    let policies = admin.live.current();
    let ready = admin.serving.get() && !policies.is_empty() && admin.journal.is_ready();
    let held = admin.live.held();
    let held: Vec<&str> = held.iter().map(PolicyName::as_str).collect();
    let failure = failure(&admin.live);
    let detail = json!({
        "ready": ready,
        "policies": policies.len(),
        "policy_revision": policies.revision().to_string(),
        "policies_held": held,
        "policy_reload_failure": failure,
        "shadow": shadow(&admin),
        "callers": admin.callers_state.state(),
        "upstream": admin.upstream.state(),
        "tls": admin.tls.state(),
        "version": VERSION,
        "commit": COMMIT,
        "config_path": admin.config_path.as_ref().map(|path| path.display().to_string()),
        "journal_path": admin.journal_path.display().to_string(),
        "journal": admin.journal.state(),
    });
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(detail)).into_response()
}

/// Why the files as they are now are not used, if they are not.
fn failure(live: &Live) -> Option<Value> {
    let failure = live.failure()?;
    Some(json!({ "at": failure.at.to_string(), "error": failure.error }))
}

/// The state of the shadow policies, if any are configured. It does not change whether the service is ready.
fn shadow(admin: &Admin) -> Option<Value> {
    let shadow = admin.live.shadow()?;
    let set = shadow.current();
    Some(json!({
        "path": admin.shadow_path.as_ref().map(|path| path.display().to_string()),
        "policies": set.len(),
        "policy_revision": (!set.is_empty()).then(|| set.revision().to_string()),
        "policy_reload_failure": failure(shadow),
    }))
}

/// All metrics in the Prometheus text format.
async fn render_metrics(State(admin): State<Admin>) -> Response {
    match metrics::render(&admin.registry) {
        Ok(text) => ([(CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

/// The policies in force, by name; and those of their shadow, if there are any, with the names that only one of the sets has.
async fn policies(State(admin): State<Admin>) -> Json<Value> {
    let set = admin.live.current();
    let mut body = described(&set);
    if let (Some(shadow), Some(members)) = (admin.live.current_shadow(), body.as_object_mut()) {
        let mut described = described(&shadow);
        if let Some(members) = described.as_object_mut() {
            members.insert("absent".to_owned(), missing_in(&shadow, &set));
            members.insert("added".to_owned(), missing_in(&set, &shadow));
        }
        members.insert("shadow".to_owned(), described);
    }
    Json(body)
}

fn described(set: &PolicySet) -> Value {
    let policies = set.iter().map(|(name, policy)| {
        json!({
            "name": name.as_str(),
            "description": policy.description(),
            "redirect": policy.redirect(),
        })
    });
    let policies: Vec<Value> = policies.collect();
    json!({ "policy_revision": set.revision().to_string(), "policies": policies })
}

/// The names of the policies of another set that this one has not.
fn missing_in(set: &PolicySet, other: &PolicySet) -> Value {
    let names = other.iter().map(|(name, _)| name);
    let missing = names.filter(|name| set.find(name).is_none());
    missing.map(PolicyName::as_str).collect()
}

/// The state of a step-up. Neither the person nor the link is shown.
async fn step_up(State(admin): State<Admin>, Path(id): Path<String>) -> Response {
    let step_up = match Uuid::try_parse(&id) {
        Ok(id) => admin.step_ups.find(id).await,
        Err(_) => None,
    };
    match step_up {
        Some(step_up) => Json(render(&step_up)).into_response(),
        None => {
            let body = json!({ "error": "no step-up with this id is known, or not any more" });
            (StatusCode::NOT_FOUND, Json(body)).into_response()
        }
    }
}

fn render(step_up: &StepUp) -> Value {
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
        "expires_at": rfc3339(step_up.expires_at),
    })
}
