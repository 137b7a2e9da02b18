//! The way of a request on the gRPC port, in order: is it a call at all, who makes it, may one more be in flight, is its message
//! whole and well-formed within the deadline; then its handler.
//!
//! Why one function and not layers around a router: each layer costs allocations for every call, and the order in which a stranger's
//! request is bounded, counted and refused can be read here.

use std::sync::Arc;

use axum::{Router, body::Body};
use http::{Request, Response};
use prost::Message;
use tonic::Status;
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
    signature::{self, Handler, Kind},
    status, unary,
};
use crate::{
    call::{Deadline, Deadlines},
    callers::{Caller, CallerPriority},
    listener::{RequestBody, Serves, ShedScope},
    peer::{self, PerNetwork},
    proto::{
        ext_authz::envoy::service::auth::v3::authorization_server::Authorization as _,
        v1::access_service_server::{AccessService as _, AccessServiceServer},
    },
};

/// Answers every request on the gRPC port. Clones share everything.
#[derive(Debug, Clone)]
pub struct GrpcService(Arc<Parts>);

/// What every request needs.
pub(super) struct Parts {
    pub(super) access: Arc<Access>,
    /// The same handlers, for calls of any number of messages.
    pub(super) streams: AccessServiceServer<Access>,
    pub(super) ext_authz: ExtAuthz,
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

impl Serves for GrpcService {
    async fn answer(&self, request: Request<RequestBody>) -> Response<Body> {
        self.0.answer(request).await
    }
}

impl Parts {
    /// Answers a request; counts it if it is a call.
    async fn answer(&self, mut request: Request<RequestBody>) -> Response<Body> {
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
            return Box::pin(self.others(request.map(Body::new))).await;
        };
        let framing = Framing {
            signature,
            encoding,
            timeout: self.deadlines.default,
        };
        match signature.kind {
            Kind::Deciding => match self.enter(&request) {
                None => status::too_many_calls().into_http(),
                Some(in_flight) => self.one(request, &framing, call, Some(in_flight)).await,
            },
            Kind::Probe => self.one(request, &framing, call, None).await,
            Kind::Watch => match self.watches.enter(peer::ip_of(request.extensions())) {
                None => status::too_many_watches().into_http(),
                Some(permit) => holding(permit, self.one(request, &framing, call, None).await),
            },
            Kind::Stream => Box::pin(self.stream(request, &framing)).await,
            Kind::CheckStream => {
                // To open one is work as for any call. Each of its checks is a call in flight, and not the stream.
                if self.enter(&request).is_none() {
                    return status::too_many_calls().into_http();
                }
                match self.check_streams.enter(peer::ip_of(request.extensions())) {
                    None => status::too_many_streams().into_http(),
                    Some(permit) => holding(permit, Box::pin(self.stream(request, &framing)).await),
                }
            }
        }
    }

    /// Answers a call of any number of messages.
    async fn stream(&self, request: Request<RequestBody>, framing: &Framing) -> Response<Body> {
        let failure = Failure::default();
        let mut request = request.map(|body| framing.stream(Body::new(body), failure.clone()));
        // The messages are not compressed any more.
        request.headers_mut().remove(ENCODING);
        let response = if framing.signature.handler == Handler::StreamCheckAccess {
            let answer = self.streams.clone().call(request).await;
            let response = answer.unwrap_or_else(|never| match never {});
            response.map(Body::new)
        } else {
            self.others(request).await
        };
        failure.shown_in(response)
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
            .begin(priority, protocol::head_bytes(request))
    }

    /// Answers a call of one message. `in_flight` is held until there is an answer; to write it takes no work of ours.
    async fn one(
        &self,
        request: Request<RequestBody>,
        framing: &Framing,
        call: &ObservedCall,
        mut in_flight: Option<InFlightCall>,
    ) -> Response<Body> {
        let place = &mut in_flight;
        let (access, ext_authz) = (&self.access, &self.ext_authz);
        match framing.signature.handler {
            Handler::CheckAccess => {
                let request = self.message(request, call, place, |body| framing.one(body));
                answer(request.await, |request| access.check_access(request)).await
            }
            Handler::BatchCheckAccess => {
                let request = self.message(request, call, place, |body| framing.one(body));
                answer(request.await, |request| access.batch_check_access(request)).await
            }
            Handler::BeginStepUp => {
                let request = self.message(request, call, place, |body| framing.one(body));
                answer(request.await, |request| access.begin_step_up(request)).await
            }
            Handler::ExtAuthz => {
                let request = self.message(request, call, place, |body| framing.one(body));
                answer(request.await, |request| ext_authz.check(request)).await
            }
            Handler::StreamCheckAccess | Handler::Others => {
                let request = self.message(request, call, place, |body| framing.one_framed(body));
                match request.await {
                    Err(status) => status.into_http(),
                    Ok(request) => self.others(request.map(Body::from)).await,
                }
            }
        }
    }

    /// The message of a call, with what its head says. The deadline runs from the head: it is also the message's. Then the call takes its
    /// place in flight.
    async fn message<M, F: Future<Output = Result<M, Status>>>(
        &self,
        request: Request<RequestBody>,
        call: &ObservedCall,
        in_flight: &mut Option<InFlightCall>,
        read: impl FnOnce(Body) -> F,
    ) -> Result<Request<M>, Status> {
        let deadline = Deadline::of(request.headers(), self.deadlines);
        let for_message = deadline.after(call.elapsed());
        let (mut head, body) = request.into_parts();
        let message = for_message.enforce(read(Body::new(body))).await;
        let message = message.ok_or_else(status::message_too_late)??;
        if in_flight.as_mut().is_some_and(|call| !call.take_place()) {
            return Err(status::too_many_calls());
        }
        head.extensions.insert(deadline.after(call.elapsed()));
        // The message is not compressed any more.
        head.headers.remove(ENCODING);
        Ok(Request::from_parts(head, message))
    }

    async fn others(&self, request: Request<Body>) -> Response<Body> {
        let answer = self.others.clone().call(request).await;
        answer.unwrap_or_else(|never| match never {})
    }
}

/// What a handler of one message answers to a request, unless its message was refused.
async fn answer<M, A, F>(
    request: Result<Request<M>, Status>,
    handler: impl FnOnce(tonic::Request<M>) -> F,
) -> Response<Body>
where
    A: Message,
    F: Future<Output = Result<tonic::Response<A>, Status>>,
{
    let answer = match request {
        Ok(request) => handler(tonic::Request::from_http(request)).await,
        Err(status) => Err(status),
    };
    unary::respond(answer)
}
