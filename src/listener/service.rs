//! The service of a listener on one connection: each request is counted until the last byte of its answer was taken.

use std::{convert::Infallible, pin::Pin, sync::Arc};

use axum::body::{Body, HttpBody as _};
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use tower_service::Service;

use super::{
    activity::{Activity, OpenCall},
    backlog::Backlog,
    bodies::{RequestBody, TakenBody},
    memory::{CALL_BYTES, HEADER_BYTES},
};
use crate::{header_list::header_list_bytes, peer::Peer};

/// What a listener serves. It answers every request, with an error too.
pub trait Serves:
    Service<
        Request<RequestBody>,
        Response = Response<Body>,
        Error = Infallible,
        Future: Send + 'static,
    > + Clone
    + Send
    + Sync
    + 'static
{
}

impl<S> Serves for S where
    S: Service<
            Request<RequestBody>,
            Response = Response<Body>,
            Error = Infallible,
            Future: Send + 'static,
        > + Clone
        + Send
        + Sync
        + 'static
{
}

/// A service on one connection.
#[derive(Debug)]
pub(super) struct OnConnection<S> {
    service: S,
    peer: Peer,
    activity: Arc<Activity>,
    backlog: Option<Arc<Backlog>>,
}

impl<S> OnConnection<S> {
    pub(super) fn new(
        service: S,
        peer: Peer,
        activity: Arc<Activity>,
        backlog: Option<Arc<Backlog>>,
    ) -> Self {
        Self {
            service,
            peer,
            activity,
            backlog,
        }
    }
}

impl<S: Serves> hyper::service::Service<Request<Incoming>> for OnConnection<S> {
    type Response = Response<TakenBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let mut call = self.activity.begin();
        let bytes = bytes_of(&request);
        if !call.share().hold(bytes) {
            // The connection is being closed: what was sent is dropped now.
            drop(request);
            return Box::pin(async move { Ok(closing(call)) });
        }
        let mut request = request.map(|body| RequestBody::new(body, Arc::clone(call.share())));
        let (peer, backlog) = (self.peer.clone(), self.backlog.clone());
        let mut service = self.service.clone();
        Box::pin(async move {
            // A call that is cancelled while it waits costs no more than this.
            if let Some(backlog) = backlog
                && let Some(waited) = backlog.turn(peer.urgency.is_urgent(), bytes).await
            {
                request.extensions_mut().insert(waited);
            }
            request.extensions_mut().insert(peer);
            // What is served here is always ready.
            let response = service.call(request).await?;
            let bytes = usize::try_from(response.body().size_hint().lower()).unwrap_or(usize::MAX);
            if !call.answer(bytes) {
                return Ok(closing(call));
            }
            Ok(response.map(|body| TakenBody::new(body, call)))
        })
    }
}

/// What a call with this head costs in memory, without its message.
fn bytes_of<B>(request: &Request<B>) -> usize {
    let texts = header_list_bytes(request.uri(), request.headers());
    let headers = request.headers().len().saturating_mul(HEADER_BYTES);
    CALL_BYTES.saturating_add(texts).saturating_add(headers)
}

/// The answer on a connection that is being closed. Whether it is still written does not matter.
fn closing(call: OpenCall) -> Response<TakenBody> {
    let mut response = Response::new(TakenBody::new(Body::empty(), call));
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response
}
