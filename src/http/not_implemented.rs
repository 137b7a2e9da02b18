//! The paths of the contract that this version does not implement.

use axum::{
    Json, Router,
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::any,
};
use serde_json::json;

/// Their routes for callers.
pub(super) fn routes() -> Router {
    Router::new()
        .route("/access/v1/evaluation", any(not_implemented))
        .route("/access/v1/evaluations", any(not_implemented))
}

/// Their routes for the Internet.
pub(super) fn routes_of_the_internet() -> Router {
    Router::new().route("/.well-known/authzen-configuration", any(not_implemented))
}

async fn not_implemented() -> Response {
    let body = json!({ "error": "this call is not implemented; use gRPC" });
    (StatusCode::NOT_IMPLEMENTED, Json(body)).into_response()
}
