//! Who makes a request over HTTP: found out from its head, before its body is read.

use std::fmt::Display;

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header::WWW_AUTHENTICATE},
    response::{IntoResponse as _, Response},
};
use serde_json::json;

use crate::{callers::Callers, refusals::Refusals};

/// Authenticates the callers of HTTP.
#[derive(Debug, Clone)]
pub struct HttpCallers {
    /// The callers.
    pub callers: Callers,
    /// Records those that are refused.
    pub refusals: Refusals,
}

/// The response to a request that is refused because of who makes it.
pub(super) fn refused(status: StatusCode, error: &impl Display) -> Response {
    let body = Json(json!({ "error": error.to_string() }));
    let mut response = (status, body).into_response();
    if status == StatusCode::UNAUTHORIZED {
        let scheme = HeaderValue::from_static("Bearer");
        response.headers_mut().insert(WWW_AUTHENTICATE, scheme);
    }
    response
}
