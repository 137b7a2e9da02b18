//! The HTTP servers: a table of contents.

mod admin;
pub mod webhook;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{
    Json, Router,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{any, get, post},
};
use serde_json::json;

pub use self::webhook::Webhooks;
use crate::{
    live::Live,
    metrics::{Metrics, Upstream},
    step_up::StepUps,
};

/// What operators are shown.
#[derive(Clone)]
pub struct Operations {
    /// The policies in force.
    pub live: Arc<Live>,
    /// What has been counted.
    pub metrics: Arc<Metrics>,
    /// How many verifications are remembered, about.
    pub cache_entries: Arc<dyn Fn() -> u64 + Send + Sync>,
    /// How the upstream is doing.
    pub upstream: Arc<dyn Fn() -> Upstream + Send + Sync>,
    /// Which step-ups there are.
    pub step_ups: StepUps,
    /// Whether questions are taken.
    pub serving: Arc<Serving>,
}

impl fmt::Debug for Operations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operations").finish_non_exhaustive()
    }
}

/// Whether the service takes questions: from when it listens until it is told to stop.
#[derive(Debug, Default)]
pub struct Serving(AtomicBool);

impl Serving {
    /// Says whether it does.
    pub fn set(&self, serving: bool) {
        self.0.store(serving, Ordering::SeqCst);
    }

    /// Whether it does.
    pub fn get(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// What operators ask.
pub fn admin(operations: Operations) -> Router {
    Router::new()
        .route("/livez", get(admin::livez))
        .route("/readyz", get(admin::readyz))
        .route("/metrics", get(admin::metrics))
        .route("/policies", get(admin::policies))
        .route("/step-ups/{step_up_id}", get(admin::step_up))
        .with_state(operations)
}

/// What callers will ask over HTTP, and what the upstream tells. Each path of the contract is there already; those of callers
/// say that they are yet to come.
pub fn decisions(webhooks: Arc<Webhooks>) -> Router {
    Router::new()
        .route("/access/v1/evaluation", any(to_come))
        .route("/access/v1/evaluations", any(to_come))
        .route("/.well-known/authzen-configuration", any(to_come))
        .route("/check/{policy}", any(to_come))
        .route("/webhooks/incode", post(webhook::receive))
        .with_state(webhooks)
}

async fn to_come() -> Response {
    let told = json!({ "error": "this call is yet to come; ask over gRPC" });
    (StatusCode::NOT_IMPLEMENTED, Json(told)).into_response()
}
