//! Who may see what is not for everybody: on this machine everybody, elsewhere callers that may make the calls of operators.

use axum::{
    Json,
    extract::{Request, State},
    http::{StatusCode, header::WWW_AUTHENTICATE},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use serde_json::json;

use crate::{
    callers::{AuthenticationError, CallerId, Callers},
    peer::{self, Peer},
    refusals::Refusals,
};

/// Authenticates the callers of operators' routes.
#[derive(Debug, Clone)]
pub struct AdminCallers {
    /// The callers.
    pub callers: Callers,
    /// Records those that are refused.
    pub refusals: Refusals,
    /// Whether everybody who reaches the listener may see it all.
    pub is_open: bool,
}

/// Passes on the requests of those who may see it.
pub(super) async fn only_operators(
    State(admin): State<AdminCallers>,
    request: Request,
    next: Next,
) -> Response {
    if admin.is_open {
        return next.run(request).await;
    }
    let peer = Peer::of(request.extensions());
    let caller = admin.callers.authenticate(request.headers(), peer).await;
    let caller = match caller {
        Ok(caller) if !matches!(caller.id, CallerId::Address(_)) => caller,
        refused => {
            let error = refused.err().unwrap_or(AuthenticationError::NoCredential);
            let address = peer::ip_of(request.extensions());
            admin.refusals.unauthenticated(address, error);
            let body = Json(json!({ "error": error.to_string() }));
            let scheme = [(WWW_AUTHENTICATE, "Bearer")];
            return (StatusCode::UNAUTHORIZED, scheme, body).into_response();
        }
    };
    if let Err(error) = caller.permissions.permit_admin() {
        admin.refusals.not_permitted(&caller, error, None);
        let body = Json(json!({ "error": error.to_string() }));
        return (StatusCode::FORBIDDEN, body).into_response();
    }
    next.run(request).await
}
