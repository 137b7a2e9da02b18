//! Who may see what is not for everybody: on this machine everybody, elsewhere callers that may make the calls of operators.

use axum::{
    extract::{Request, State},
    http::{Extensions, HeaderMap, StatusCode},
    middleware::Next,
    response::Response,
};

use crate::{
    callers::{AuthenticationError, Caller, CallerId},
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
    let operator = admin.operator(request.headers(), request.extensions());
    match operator.await {
        Ok(_) => next.run(request).await,
        Err(refused) => *refused,
    }
}

/// Passes on the requests of callers that are named and may make the calls of operators, with the caller. Being on this machine is not
/// enough, nor is that no caller is configured: then nobody may.
pub(super) async fn only_named_operators(
    State(admin): State<AdminCallers>,
    mut request: Request,
    next: Next,
) -> Response {
    let operator = admin.operator(request.headers(), request.extensions());
    match operator.await {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(refused) => *refused,
    }
}

impl AdminCallers {
    /// The named caller that makes a request, if it may make the calls of operators; else the response to it.
    async fn operator(
        &self,
        headers: &HeaderMap,
        extensions: &Extensions,
    ) -> Result<Caller, Box<Response>> {
        let peer = Peer::of(extensions);
        let HttpCallers { callers, refusals } = &self.callers;
        let caller = match callers.authenticate(headers, peer).await {
            Ok(caller) if !matches!(caller.id, CallerId::Address(_)) => caller,
            refused => {
                let error = refused.err().unwrap_or(AuthenticationError::NoCredential);
                refusals.unauthenticated(peer::ip_of(extensions), error);
                return Err(callers::refused(StatusCode::UNAUTHORIZED, &error).into());
            }
        };
        if let Err(error) = caller.permissions.permit_admin() {
            refusals.not_permitted(&caller, error, None);
            return Err(callers::refused(StatusCode::FORBIDDEN, &error).into());
        }
        Ok(caller)
    }
}
