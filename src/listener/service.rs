//! The service of a listener on one connection: each request is counted until the last byte of its answer was taken.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::body::{Body, Bytes, HttpBody};
use http::{Request, Response};
use hyper::body::{Frame, Incoming, SizeHint};
use tower_service::Service;

use super::{
    activity::{Activity, OpenCall},
    backlog::{Backlog, Waited},
};
use crate::peer::Peer;

/// What a listener serves. It answers every request, with an error too.
pub trait Serves:
    Service<
        Request<Incoming>,
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
            Request<Incoming>,
            Response = Response<Body>,
            Error = Infallible,
            Future: Send + 'static,
        > + Clone
        + Send
        + Sync
        + 'static
{
}

/// The connection of a request, in the request's extensions: for a call that has many requests of its own.
#[derive(Debug, Clone)]
pub struct ServedConnection {
    activity: Arc<Activity>,
    backlog: Option<Arc<Backlog>>,
}

impl ServedConnection {
    /// Waits for the turn of a request within a call, as calls themselves do; `None` if it did not have to wait.
    pub async fn turn(&self, is_door: bool) -> Option<Waited> {
        match &self.backlog {
            Some(backlog) => backlog.turn(is_door).await,
            None => None,
        }
    }

    /// Waits until no more calls are accepted on the connection: the service stops, or the connection is to be replaced.
    pub async fn finishing(&self) {
        self.activity.finishing().await;
    }
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

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let mut call = self.connection.activity.begin();
        let (peer, connection) = (self.peer.clone(), self.connection.clone());
        let mut service = self.service.clone();
        Box::pin(async move {
            // A call that is cancelled while it waits costs no more than this.
            if let Some(waited) = connection.turn(peer.urgency.is_urgent()).await {
                request.extensions_mut().insert(waited);
            }
            request.extensions_mut().insert(peer);
            request.extensions_mut().insert(connection);
            // What is served here is always ready.
            let response = service.call(request).await?;
            call.block();
            Ok(response.map(|body| TakenBody { body, call }))
        })
    }
}

/// The body of an answer, which knows since when it waits for the peer.
#[derive(Debug)]
pub(super) struct TakenBody {
    body: Body,
    call: OpenCall,
}

impl HttpBody for TakenBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        // It is asked for more: what it gave was taken.
        this.call.unblock();
        let frame = Pin::new(&mut this.body).poll_frame(context);
        if let Poll::Ready(Some(_)) = &frame {
            this.call.block();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
