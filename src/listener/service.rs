//! The service of a listener on one connection: each request is counted until the last byte of its answer was taken.

use std::{convert::Infallible, pin::Pin, sync::Arc};

use axum::{
    Router,
    body::{Body, HttpBody as _},
};
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use tower_service::Service;

use super::{
    activity::{Activity, OpenCall},
    backlog::{Backlog, Waited},
    bodies::{RequestBody, TakenBody},
    memory::{CALL_BYTES, CallShare, HEADER_BYTES},
};
use crate::{header_list::header_list_bytes, peer::Peer};

/// What a listener serves. It answers every request, with an error too.
pub trait Serves: Clone + Send + Sync + 'static {
    /// The answer to a request.
    fn answer(&self, request: Request<RequestBody>) -> impl Future<Output = Response<Body>> + Send;
}

impl Serves for Router {
    async fn answer(&self, request: Request<RequestBody>) -> Response<Body> {
        let response = self.clone().call(request).await;
        response.unwrap_or_else(|never| match never {})
    }
}

/// The connection of a request, in the request's extensions: for a call that has many requests of its own.
#[derive(Debug, Clone)]
pub struct ServedConnection {
    activity: Arc<Activity>,
    backlog: Option<Arc<Backlog>>,
}

impl ServedConnection {
    /// Waits for the turn of a request within a call that holds this much in memory, as calls themselves do; `None` if it did not have to
    /// wait.
    pub async fn turn(&self, is_door: bool, bytes: usize) -> Option<Waited> {
        match &self.backlog {
            Some(backlog) => backlog.turn(is_door, bytes).await,
            None => None,
        }
    }

    /// Counts this much as memory that the connection holds, until the result is dropped. If there is no room, connections are closed.
    pub fn hold(&self, bytes: usize) -> HeldMemory {
        let share = self.activity.share();
        // If it is being closed, what runs on it ends with it.
        share.hold(bytes);
        HeldMemory { _share: share }
    }

    /// Waits until no more calls are accepted on the connection: the service stops, or the connection is to be replaced.
    pub async fn finishing(&self) {
        self.activity.finishing().await;
    }
}

/// Memory that a connection holds, until this is dropped.
#[derive(Debug)]
pub struct HeldMemory {
    _share: CallShare,
}

/// A service on one connection.
#[derive(Debug)]
pub(super) struct OnConnection<S> {
    service: S,
    peer: Peer,
    connection: ServedConnection,
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
            connection: ServedConnection { activity, backlog },
        }
    }
}

impl<S: Serves> hyper::service::Service<Request<Incoming>> for OnConnection<S> {
    type Response = Response<TakenBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let mut call = self.connection.activity.begin();
        let bytes = bytes_of(&request);
        if !call.share().hold(bytes) {
            // The connection is being closed: what was sent is dropped now.
            drop(request);
            return Box::pin(async move { Ok(closing(call)) });
        }
        let mut request = request.map(|body| RequestBody::new(body, Arc::clone(call.share())));
        let (peer, connection) = (self.peer.clone(), self.connection.clone());
        let service = self.service.clone();
        Box::pin(async move {
            // A call that is cancelled while it waits costs no more than this.
            if let Some(waited) = connection.turn(peer.urgency.is_urgent(), bytes).await {
                request.extensions_mut().insert(waited);
            }
            request.extensions_mut().insert(peer);
            request.extensions_mut().insert(connection);
            let response = service.answer(request).await;
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
