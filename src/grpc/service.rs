//! The way of a request on the gRPC port, in order: is it a call at all, who makes it, may one more be in flight, is its message
//! whole and well-formed within the deadline; then its handler.
//!
//! Why one function and not layers around a router: each layer costs allocations for every call, and the order in which a stranger's
//! request is bounded, counted and refused can be read here.

use std::{mem::replace, sync::Arc};

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
    status,
    unary::{self, Answer},
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
    async fn answer(&self, request: Request<RequestBody>) -> Response<Body> {
        let (head, body) = request.into_parts();
        // Lent from here on: each function that owned it would hold it twice, and each call is copied with what it holds.
        let head = &mut Request::from_parts(head, ());
        if let Some(rejection) = protocol::rejection(head) {
            return self.rejections.reject(rejection, head);
        }
        let call = Calls::begin(&self.calls, head);
        let is_ext_authz = head.uri().path() == signature::EXT_AUTHZ;
        let answer = self.admit(head, body, &call).await;
        // Counted and logged as the error that it is.
        let response = answer.observed(call);
        if is_ext_authz {
            without_errors(response, &self.gateway)
        } else {
            response
        }
    }

    /// Answers a call, or refuses it before its body is read.
    async fn admit(
        &self,
        head: &mut Request<()>,
        body: RequestBody,
        call: &ObservedCall,
    ) -> Answer {
        if let Some(too_large) = protocol::metadata_too_large(head) {
            return self.rejections.reject(too_large, head).into();
        }
        let deadline = Deadline::of(head.headers(), self.deadlines).after(call.elapsed());
        let admitted = self.authentication.admit(head, call, deadline.wait_max());
        if let Err(status) = admitted.await {
            return status.into();
        }
        let Some(encoding) = protocol::encoding(head.headers()) else {
            return self.rejections.reject(Rejection::Encoding, head).into();
        };
        let Some(signature) = signature::at(head.uri().path()) else {
            // Answered UNIMPLEMENTED.
            let others = self.others(taken(head, Body::new(body)));
            return Box::pin(others).await.into();
        };
        let framing = Framing {
            signature,
            encoding,
            timeout: self.deadlines.default,
        };
        match signature.kind {
            Kind::Deciding => match self.enter(head) {
                None => status::too_many_calls().into(),
                Some(in_flight) => self.one(head, body, &framing, call, Some(in_flight)).await,
            },
            Kind::Probe => self.one(head, body, &framing, call, None).await,
            Kind::Watch => match self.watches.enter(peer::ip_of(head.extensions())) {
                None => status::too_many_watches().into(),
                Some(permit) => {
                    let answer = self.one(head, body, &framing, call, None).await;
                    holding(permit, answer.into_response()).into()
                }
            },
            Kind::Stream => {
                let stream = self.stream(taken(head, body), &framing);
                Box::pin(stream).await.into()
            }
            Kind::CheckStream => {
                // To open one is work as for any call. Each of its checks is a call in flight, and not the stream.
                if self.enter(head).is_none() {
                    return status::too_many_calls().into();
                }
                match self.check_streams.enter(peer::ip_of(head.extensions())) {
                    None => status::too_many_streams().into(),
                    Some(permit) => {
                        let stream = self.stream(taken(head, body), &framing);
                        holding(permit, Box::pin(stream).await).into()
                    }
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
    fn enter(&self, head: &Request<()>) -> Option<InFlightCall> {
        let caller: Option<&Caller> = head.extensions().get();
        let priority = caller.map_or(CallerPriority::Gateways, |caller| caller.id.priority());
        let waited = calls::waited(head.extensions());
        let refused = waited.map_or(ShedScope::Nobody, |waited| waited.shed);
        if refused.applies_to(priority == CallerPriority::Doors) {
            self.in_flight.refuse_late(priority);
            return None;
        }
        self.in_flight.begin(priority, protocol::head_bytes(head))
    }

    /// Answers a call of one message. `in_flight` is held until there is an answer; to write it takes no work of ours.
    async fn one(
        &self,
        head: &mut Request<()>,
        body: RequestBody,
        framing: &Framing,
        call: &ObservedCall,
        mut in_flight: Option<InFlightCall>,
    ) -> Answer {
        let place = &mut in_flight;
        let (access, ext_authz) = (&self.access, &self.ext_authz);
        match framing.signature.handler {
            Handler::CheckAccess => {
                let message = self.message(head, call, place, framing.one(Body::new(body)));
                answer(message.await, head, |request| access.check_access(request)).await
            }
            Handler::BatchCheckAccess => {
                let message = self.message(head, call, place, framing.one(Body::new(body)));
                answer(message.await, head, |request| {
                    access.batch_check_access(request)
                })
                .await
            }
            Handler::BeginStepUp => {
                let message = self.message(head, call, place, framing.one(Body::new(body)));
                answer(message.await, head, |request| access.begin_step_up(request)).await
            }
            Handler::ExtAuthz => {
                let message = self.message(head, call, place, framing.one(Body::new(body)));
                answer(message.await, head, |request| ext_authz.check(request)).await
            }
            Handler::StreamCheckAccess | Handler::Others => {
                let message = self.message(head, call, place, framing.one_framed(Body::new(body)));
                match message.await {
                    Err(status) => status.into(),
                    Ok(message) => Box::pin(self.others(taken(head, message.into())))
                        .await
                        .into(),
                }
            }
        }
    }

    /// The message of a call. The deadline runs from the head: it is also the message's. Then the call takes its place in flight.
    async fn message<M>(
        &self,
        head: &mut Request<()>,
        call: &ObservedCall,
        in_flight: &mut Option<InFlightCall>,
        read: impl Future<Output = Result<M, Status>>,
    ) -> Result<M, Status> {
        let deadline = Deadline::of(head.headers(), self.deadlines);
        let message = deadline.after(call.elapsed()).enforce(read).await;
        let message = message.ok_or_else(status::message_too_late)??;
        if in_flight.as_mut().is_some_and(|call| !call.take_place()) {
            return Err(status::too_many_calls());
        }
        head.extensions_mut().insert(deadline.after(call.elapsed()));
        // The message is not compressed any more.
        head.headers_mut().remove(ENCODING);
        Ok(message)
    }

    async fn others(&self, request: Request<Body>) -> Response<Body> {
        let answer = self.others.clone().call(request).await;
        answer.unwrap_or_else(|never| match never {})
    }
}

/// A request of this body with this head, which is empty then.
fn taken<B>(head: &mut Request<()>, body: B) -> Request<B> {
    replace(head, Request::new(())).map(|()| body)
}

/// What a handler of one message answers to it with its head, unless the message was refused.
async fn answer<M, A, F>(
    message: Result<M, Status>,
    head: &mut Request<()>,
    handler: impl FnOnce(tonic::Request<M>) -> F,
) -> Answer
where
    A: Message,
    F: Future<Output = Result<tonic::Response<A>, Status>>,
{
    let answer = match message {
        Ok(message) => handler(tonic::Request::from_http(taken(head, message))).await,
        Err(status) => Err(status),
    };
    unary::respond(answer)
}
