//! Who makes a request over HTTP: found out from its head, before its body is read.

use std::fmt::Display;

use axum::{
    Json, Router,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header::WWW_AUTHENTICATE},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse as _, Response},
};
use serde_json::json;

use crate::{
    callers::Callers,
    peer::{self, Peer},
    refusals::Refusals,
};

/// Authenticates the callers of HTTP.
#[derive(Debug, Clone)]
pub struct HttpCallers {
    /// The callers.
    pub callers: Callers,
    /// Records those that are refused.
    pub refusals: Refusals,
}

impl HttpCallers {
    /// These routes for callers alone: a request without one gets 401.
    pub(super) fn only(&self, routes: Router) -> Router {
        routes.layer(from_fn_with_state(self.clone(), admit))
    }
}

/// Puts the caller into the extensions of its request.
async fn admit(State(known): State<HttpCallers>, mut request: Request, next: Next) -> Response {
    let peer = Peer::of(request.extensions());
    match known.callers.authenticate(request.headers(), peer).await {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(error) => {
            let from = peer::ip_of(request.extensions());
            known.refusals.unauthenticated(from, error);
            refused(StatusCode::UNAUTHORIZED, &error)
        }
    }
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
