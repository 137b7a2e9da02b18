//! The service of a listener on one connection: each request is counted until the last byte of its answer was taken.

use std::{convert::Infallible, pin::Pin, sync::Arc};

use axum::{
    BoxError, Router,
    body::{Body, Bytes, HttpBody},
};
use http::{Extensions, Request, Response, StatusCode};
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
    /// The body of an answer.
    type Body: HttpBody<Data = Bytes, Error: Into<BoxError>> + From<Body> + Send + Unpin + 'static;

    /// The answer to a request.
    fn answer(&self, arrival: Arrival) -> impl Future<Output = Response<Self::Body>> + Send;
}

/// A request, and how it came. Apart from its extensions, where each part would cost every call an allocation.
#[derive(Debug)]
pub struct Arrival {
    /// The request. Nothing is in its extensions.
    pub request: Request<RequestBody>,
    /// On which connection.
    pub origin: Arc<RequestOrigin>,
    /// How it came to its turn, if it had to wait.
    pub waited: Option<Waited>,
}

/// The connection of requests, and its other end.
#[derive(Debug)]
pub struct RequestOrigin {
    /// The other end.
    pub peer: Peer,
    /// The connection.
    pub connection: ServedConnection,
}

impl RequestOrigin {
    /// Puts both into the extensions of a request, where handlers find them.
    pub fn put_into(&self, extensions: &mut Extensions) {
        extensions.insert(self.peer.clone());
        extensions.insert(self.connection.clone());
    }
}

impl Serves for Router {
    type Body = Body;

    async fn answer(&self, arrival: Arrival) -> Response<Body> {
        let mut request = arrival.request;
        arrival.origin.put_into(request.extensions_mut());
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
    origin: Arc<RequestOrigin>,
}

impl<S> OnConnection<S> {
    pub(super) fn new(
        service: S,
        peer: Peer,
        activity: Arc<Activity>,
        backlog: Option<Arc<Backlog>>,
    ) -> Self {
        let connection = ServedConnection { activity, backlog };
        Self {
            service,
            origin: Arc::new(RequestOrigin { peer, connection }),
        }
    }
}

impl<S: Serves> hyper::service::Service<Request<Incoming>> for OnConnection<S> {
    type Response = Response<TakenBody<S::Body>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let mut call = self.origin.connection.activity.begin();
        let bytes = bytes_of(&request);
        if !call.share().hold(bytes) {
            // The connection is being closed: what was sent is dropped now.
            drop(request);
            return Box::pin(async move { Ok(closing(call)) });
        }
        let request = request.map(|body| RequestBody::new(body, Arc::clone(call.share())));
        let (service, origin) = (self.service.clone(), Arc::clone(&self.origin));
        Box::pin(async move {
            // A call that is cancelled while it waits costs no more than this.
            let is_urgent = origin.peer.urgency.is_urgent();
            let waited = origin.connection.turn(is_urgent, bytes).await;
            let arrival = Arrival {
                request,
                origin,
                waited,
            };
            let response = service.answer(arrival).await;
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
fn closing<B: From<Body>>(call: OpenCall) -> Response<TakenBody<B>> {
    let mut response = Response::new(TakenBody::new(Body::empty().into(), call));
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response
}
