//! Who may see what is not for everybody: on this machine everybody, elsewhere callers that may make the calls of operators.

use axum::{
    extract::{Request, State},
    http::StatusCode,
    middleware::Next,
    response::Response,
};

use crate::{
    callers::{AuthenticationError, CallerId},
    http::callers::{self, HttpCallers},
    peer::{self, Peer},
};

/// Authenticates the callers of operators' routes.
#[derive(Debug, Clone)]
pub struct AdminCallers {
    /// The callers.
    pub callers: HttpCallers,
    /// Whether the listener is reached from this machine alone.
    pub is_local: bool,
    /// Whether everybody may see it all from other machines too, while no caller is configured.
    pub is_anonymous_accepted: bool,
}

impl AdminCallers {
    /// Whether everybody who reaches the listener may see it all. Not for ever: callers may be configured while the service runs.
    fn is_open(&self) -> bool {
        self.is_local || (self.is_anonymous_accepted && self.callers.callers.is_open())
    }
}

/// Passes on the requests of those who may see it.
pub(super) async fn only_operators(
    State(admin): State<AdminCallers>,
    request: Request,
    next: Next,
) -> Response {
    if admin.is_open() {
        return next.run(request).await;
    }
    let peer = Peer::of(request.extensions());
    let HttpCallers { callers, refusals } = &admin.callers;
    let caller = match callers.authenticate(request.headers(), peer).await {
        Ok(caller) if !matches!(caller.id, CallerId::Address(_)) => caller,
        refused => {
            let error = refused.err().unwrap_or(AuthenticationError::NoCredential);
            refusals.unauthenticated(peer::ip_of(request.extensions()), error);
            return callers::refused(StatusCode::UNAUTHORIZED, &error);
        }
    };
    if let Err(error) = caller.permissions.permit_admin() {
        refusals.not_permitted(&caller, error, None);
        return callers::refused(StatusCode::FORBIDDEN, &error);
    }
    next.run(request).await
}
