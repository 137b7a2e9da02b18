//! The way of a request on the gRPC port, in order: is it a call at all, who makes it, may one more be in flight, is its message
//! whole and well-formed within the deadline; then its handler.
//!
//! Why one function and not layers around a router: each layer costs allocations for every call, and the order in which a stranger's
//! request is bounded, counted and refused can be read here.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{Router, body::Body};
use http::{Request, Response};
use tower_service::Service;

use super::{
    access::Access,
    authentication::Authentication,
    calls::{self, Calls, ObservedCall},
    ext_authz::{self, ExtAuthz, without_errors},
    framing::{Failure, Framing},
    in_flight::{InFlight, InFlightCall, holding},
    protocol::{self, ENCODING},
    rejection::{Rejection, Rejections},
    server_timing,
    signature::{self, Kind, Signature},
    status,
};
use crate::{
    call::{Deadline, Deadlines},
    callers::{Caller, CallerPriority},
    listener::{RequestBody, ShedScope},
    peer::{self, PerNetwork},
    proto::{
        ext_authz::envoy::service::auth::v3::authorization_server::AuthorizationServer,
        v1::access_service_server::AccessServiceServer,
    },
};

/// Answers every request on the gRPC port. Clones share everything.
#[derive(Debug, Clone)]
pub struct GrpcService(Arc<Parts>);

/// What every request needs.
pub(super) struct Parts {
    pub(super) access: AccessServiceServer<Access>,
    pub(super) ext_authz: AuthorizationServer<ExtAuthz>,
    /// How gateways are answered.
    pub(super) gateway: Arc<ext_authz::Config>,
    /// Health and reflection.
    pub(super) others: Router,
    pub(super) rejections: Arc<Rejections>,
    pub(super) calls: Arc<Calls>,
    pub(super) in_flight: InFlight,
    pub(super) watches: PerNetwork,
    pub(super) check_streams: PerNetwork,
    pub(super) authentication: Authentication,
    pub(super) deadlines: Deadlines,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").finish_non_exhaustive()
    }
}

impl GrpcService {
    pub(super) fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

impl Service<Request<RequestBody>> for GrpcService {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<RequestBody>) -> Self::Future {
        let parts = Arc::clone(&self.0);
        Box::pin(async move { Ok(parts.answer(request).await) })
    }
}

impl Parts {
    /// Answers a request; counts it if it is a call.
    async fn answer(self: Arc<Self>, mut request: Request<RequestBody>) -> Response<Body> {
        if let Some(rejection) = protocol::rejection(&request) {
            return self.rejections.reject(rejection, &request);
        }
        let call = Calls::begin(&self.calls, &mut request);
        let is_ext_authz = request.uri().path() == signature::EXT_AUTHZ;
        let response = self.admit(request, &call).await;
        // Counted and logged as the error that it is.
        let response = call.observe(response);
        if is_ext_authz {
            without_errors(response, &self.gateway)
        } else {
            response
        }
    }

    /// Answers a call, or refuses it before its body is read.
    async fn admit(
        &self,
        mut request: Request<RequestBody>,
        call: &ObservedCall,
    ) -> Response<Body> {
        if let Some(too_large) = protocol::metadata_too_large(&request) {
            return self.rejections.reject(too_large, &request);
        }
        let deadline = Deadline::of(request.headers(), self.deadlines).after(call.elapsed());
        let admitted = self
            .authentication
            .admit(&mut request, call, deadline.wait_max());
        if let Err(status) = admitted.await {
            return status.into_http();
        }
        let Some(encoding) = protocol::encoding(request.headers()) else {
            return self.rejections.reject(Rejection::Encoding, &request);
        };
        let Some(signature) = signature::at(request.uri().path()) else {
            // Answered UNIMPLEMENTED.
            return self.others(request.map(Body::new)).await;
        };
        let framing = Framing {
            signature,
            encoding,
            timeout: self.deadlines.default,
        };
        match signature.kind {
            Kind::Deciding => match self.enter(&request) {
                None => status::too_many_calls().into_http(),
                // Held until there is an answer; to write it takes no work of ours.
                Some(_in_flight) => self.one(request, &framing, call).await,
            },
            Kind::Probe => self.one(request, &framing, call).await,
            Kind::Watch => match self.watches.enter(peer::ip_of(request.extensions())) {
                None => status::too_many_watches().into_http(),
                Some(permit) => holding(permit, self.one(request, &framing, call).await),
            },
            Kind::Stream => self.stream(request, &framing).await,
            Kind::CheckStream => {
                // To open one is work as for any call. Each of its checks is a call in flight, and not the stream.
                if self.enter(&request).is_none() {
                    return status::too_many_calls().into_http();
                }
                match self.check_streams.enter(peer::ip_of(request.extensions())) {
                    None => status::too_many_streams().into_http(),
                    Some(permit) => holding(permit, self.stream(request, &framing).await),
                }
            }
        }
    }

    /// Answers a call of any number of messages.
    async fn stream(&self, request: Request<RequestBody>, framing: &Framing) -> Response<Body> {
        let failure = Failure::default();
        let request = request.map(|body| framing.stream(Body::new(body), failure.clone()));
        failure.shown_in(self.dispatch(request, framing.signature).await)
    }

    /// Lets a call in, or refuses it.
    fn enter(&self, request: &Request<RequestBody>) -> Option<InFlightCall> {
        let caller: Option<&Caller> = request.extensions().get();
        let priority = caller.map_or(CallerPriority::Gateways, |caller| caller.id.priority());
        let waited = calls::waited(request.extensions());
        let refused = waited.map_or(ShedScope::Nobody, |waited| waited.shed);
        if refused.applies_to(priority == CallerPriority::Doors) {
            self.in_flight.refuse_late(priority);
            return None;
        }
        self.in_flight
            .enter(priority, protocol::head_bytes(request))
    }

    /// Answers a call of one message. The deadline runs from the head of the request: it is also the message's.
    async fn one(
        &self,
        request: Request<RequestBody>,
        framing: &Framing,
        call: &ObservedCall,
    ) -> Response<Body> {
        let deadline = Deadline::of(request.headers(), self.deadlines);
        let for_message = deadline.after(call.elapsed());
        let (mut head, body) = request.into_parts();
        let message = match for_message.enforce(framing.one(Body::new(body))).await {
            None => return status::message_too_late().into_http(),
            Some(Err(status)) => return status.into_http(),
            Some(Ok(message)) => message,
        };
        head.extensions.insert(deadline.after(call.elapsed()));
        let request = Request::from_parts(head, Body::from(message));
        self.dispatch(request, framing.signature).await
    }

    /// Passes a call on to its handler, with messages that are not compressed any more.
    async fn dispatch(&self, mut request: Request<Body>, signature: &Signature) -> Response<Body> {
        request.headers_mut().remove(ENCODING);
        if signature.is_access() {
            let answer = self.access.clone().call(request).await;
            let response = answer.unwrap_or_else(|never| match never {});
            server_timing::attach(response.map(Body::new))
        } else if signature.is_ext_authz() {
            let answer = self.ext_authz.clone().call(request).await;
            let response = answer.unwrap_or_else(|never| match never {});
            response.map(Body::new)
        } else {
            self.others(request).await
        }
    }

    async fn others(&self, request: Request<Body>) -> Response<Body> {
        let answer = self.others.clone().call(request).await;
        answer.unwrap_or_else(|never| match never {})
    }
}
