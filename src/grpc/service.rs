//! The way of a request on the gRPC port, in order: is it a call at all, who makes it, may one more be in flight, is its message
//! whole and well-formed within the deadline; then its handler.
//!
//! Why one function and not layers around a router: each layer costs allocations for every call, and the order in which a stranger's
//! request is bounded, counted and refused can be read here.

use std::{
    mem::replace,
    pin::{Pin, pin},
    sync::Arc,
};

use axum::{Router, body::Body};
use futures_util::FutureExt as _;
use http::{Request, Response};
use prost::Message;
use tonic::Status;
use tower_service::Service;

use super::{
    access::Access,
    authentication::Authentication,
    calls::{Calls, ObservedCall},
    check_stream::StreamOrigin,
    ext_authz::{self, ExtAuthz, without_errors},
    framing::{Failure, Framing},
    in_flight::{InFlight, InFlightCall, holding},
    incoming_call::IncomingCall,
    protocol::{self, ENCODING},
    rejection::{Rejection, Rejections},
    signature::{self, Handler, Kind},
    status, stream_call,
    unary::{self, Answer, AnswerBody},
};
use crate::{
    call::{Call, Deadline, Deadlines},
    callers::{Caller, CallerPriority},
    listener::{Arrival, RequestBody, RequestOrigin, Serves, ShedScope},
    peer::PerNetwork,
};

/// Answers every request on the gRPC port. Clones share everything.
#[derive(Debug, Clone)]
pub struct GrpcService(Arc<Parts>);

/// What every request needs.
pub(super) struct Parts {
    pub(super) access: Arc<Access>,
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
    type Body = AnswerBody;

    async fn answer(&self, arrival: Arrival) -> Response<AnswerBody> {
        self.0.answer(arrival).await
    }
}

/// What is known of a call before its messages are read.
struct Admitted<'c> {
    head: &'c mut Request<()>,
    origin: &'c Arc<RequestOrigin>,
    caller: Caller,
    observed: &'c ObservedCall,
    framing: Framing,
}

impl Parts {
    /// Answers a request; counts it if it is a call.
    async fn answer(&self, arrival: Arrival) -> Response<AnswerBody> {
        let Arrival {
            request,
            origin,
            waited,
        } = arrival;
        let (head, body) = request.into_parts();
        // Lent from here on: each function that owned it would hold it twice, and each call is copied with what it holds.
        let head = &mut Request::from_parts(head, ());
        let from = origin.peer.ip();
        if let Some(rejection) = protocol::rejection(head) {
            let response = self.rejections.reject(rejection, head.method(), from);
            return response.map(AnswerBody::from);
        }
        let call = Calls::begin(&self.calls, head.uri().path(), from, waited);
        let is_ext_authz = head.uri().path() == signature::EXT_AUTHZ;
        let shed = waited.map_or(ShedScope::Nobody, |waited| waited.shed);
        let answer = self.admit(head, body, &origin, &call, shed).await;
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
        origin: &Arc<RequestOrigin>,
        observed: &ObservedCall,
        shed: ShedScope,
    ) -> Answer {
        let from = origin.peer.ip();
        let reject = |rejection, head: &Request<()>| {
            let response = self.rejections.reject(rejection, head.method(), from);
            Answer::from(response)
        };
        if let Some(too_large) = protocol::metadata_too_large(head) {
            return reject(too_large, head);
        }
        let deadline = Deadline::of(head.headers(), self.deadlines).after(observed.elapsed());
        let admitted = self
            .authentication
            .admit(head, &origin.peer, observed, deadline.wait_max());
        let caller = match admitted.await {
            Ok(caller) => caller,
            Err(status) => return status.into(),
        };
        let Some(encoding) = protocol::encoding(head.headers()) else {
            return reject(Rejection::Encoding, head);
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
        let priority = caller.id.priority();
        let call = Admitted {
            head,
            origin,
            caller,
            observed,
            framing,
        };
        match signature.kind {
            Kind::Deciding => match self.enter(priority, call.head, shed) {
                None => status::too_many_calls().into(),
                Some(in_flight) => self.one(call, body, Some(in_flight)).await,
            },
            Kind::Probe => self.one(call, body, None).await,
            Kind::Watch => match self.watches.enter(from) {
                None => status::too_many_watches().into(),
                Some(permit) => {
                    let answer = self.one(call, body, None).await;
                    holding(permit, answer.into_response()).into()
                }
            },
            Kind::Stream => Box::pin(self.stream(call, body)).await.into(),
            Kind::CheckStream => {
                // To open one is work as for any call. Each of its checks is a call in flight, and not the stream.
                if self.enter(priority, call.head, shed).is_none() {
                    return status::too_many_calls().into();
                }
                match self.check_streams.enter(from) {
                    None => status::too_many_streams().into(),
                    Some(permit) => holding(permit, Box::pin(self.stream(call, body)).await).into(),
                }
            }
        }
    }

    /// Answers a call of any number of messages.
    async fn stream(&self, call: Admitted<'_>, body: RequestBody) -> Response<Body> {
        let failure = Failure::default();
        let body = call.framing.stream(Body::new(body), failure.clone());
        let mut request = taken(call.head, body);
        // The messages are not compressed any more.
        request.headers_mut().remove(ENCODING);
        let response = if call.framing.signature.handler == Handler::StreamCheckAccess {
            let (access, began) = (Arc::clone(&self.access), self.access.clock.read());
            let origin = Arc::clone(call.origin);
            let from = StreamOrigin::of(call.caller, request.headers(), origin, began);
            stream_call::answer(access, from, request).await
        } else {
            self.others(request).await
        };
        failure.shown_in(response)
    }

    /// Lets a call in, or refuses it.
    fn enter(
        &self,
        priority: CallerPriority,
        head: &Request<()>,
        shed: ShedScope,
    ) -> Option<InFlightCall> {
        if shed.applies_to(priority == CallerPriority::Doors) {
            self.in_flight.refuse_late(priority);
            return None;
        }
        self.in_flight.begin(priority, protocol::head_bytes(head))
    }

    /// Answers a call of one message. `in_flight` is held until there is an answer; to write it takes no work of ours.
    async fn one(
        &self,
        call: Admitted<'_>,
        body: RequestBody,
        mut in_flight: Option<InFlightCall>,
    ) -> Answer {
        let place = &mut in_flight;
        let (access, ext_authz) = (&self.access, &self.ext_authz);
        // The other futures are boxed, so that a check does not have room for them.
        match call.framing.signature.handler {
            Handler::CheckAccess => unary::respond(match self.incoming(call, body, place).await {
                Ok(incoming) => access.check_access(incoming).await,
                Err(status) => Err(status),
            }),
            Handler::BatchCheckAccess => {
                let incoming = Box::pin(self.incoming(call, body, place)).await;
                let handler = |incoming| access.batch_check_access(incoming);
                Box::pin(answered(incoming, handler)).await
            }
            Handler::BeginStepUp => {
                let incoming = Box::pin(self.incoming(call, body, place)).await;
                let handler = |incoming| access.begin_step_up(incoming);
                Box::pin(answered(incoming, handler)).await
            }
            Handler::ExtAuthz => {
                let incoming = Box::pin(self.incoming(call, body, place)).await;
                let handler = |incoming| ext_authz.check(incoming);
                Box::pin(answered(incoming, handler)).await
            }
            Handler::StreamCheckAccess | Handler::Others => {
                Box::pin(self.passed_on(call, body, place)).await
            }
        }
    }

    /// Answers a call of one message that tonic's server answers.
    async fn passed_on(
        &self,
        call: Admitted<'_>,
        body: RequestBody,
        in_flight: &mut Option<InFlightCall>,
    ) -> Answer {
        let read = pin!(call.framing.one_framed(body));
        let message = self.message(call.head, call.observed, in_flight, read);
        match message.await {
            Err(status) => status.into(),
            Ok((message, _)) => {
                // The message is not compressed any more.
                call.head.headers_mut().remove(ENCODING);
                self.others(taken(call.head, message.into())).await.into()
            }
        }
    }

    /// The call with its message, as its handler sees it.
    async fn incoming<'c, M: Message + Default>(
        &self,
        call: Admitted<'c>,
        body: RequestBody,
        in_flight: &mut Option<InFlightCall>,
    ) -> Result<IncomingCall<'c, M>, Status> {
        let Admitted {
            head,
            origin,
            caller,
            observed,
            framing,
        } = call;
        let read = pin!(framing.one(body));
        let (message, deadline) = self.message(head, observed, in_flight, read).await?;
        let (headers, peer) = (head.headers(), Some(origin.peer.address));
        Ok(IncomingCall {
            message,
            headers,
            context: Call::new(caller, peer, deadline, headers),
            observed,
        })
    }

    /// The message of a call, and what is left of its deadline, which runs from the head: it is also the message's. Then the call takes its
    /// place in flight.
    async fn message<M>(
        &self,
        head: &Request<()>,
        call: &ObservedCall,
        in_flight: &mut Option<InFlightCall>,
        mut read: Pin<&mut impl Future<Output = Result<M, Status>>>,
    ) -> Result<(M, Deadline), Status> {
        let deadline = Deadline::of(head.headers(), self.deadlines);
        // Nearly always it is there already, and takes no timer.
        let message = match read.as_mut().now_or_never() {
            Some(message) => message?,
            None => {
                let message = deadline.after(call.elapsed()).enforce(read).await;
                message.ok_or_else(status::message_too_late)??
            }
        };
        if in_flight.as_mut().is_some_and(|call| !call.take_place()) {
            return Err(status::too_many_calls());
        }
        Ok((message, deadline.after(call.elapsed())))
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

/// What a handler of one message answers, unless the message was refused.
async fn answered<'c, M, A, F>(
    incoming: Result<IncomingCall<'c, M>, Status>,
    handler: impl FnOnce(IncomingCall<'c, M>) -> F,
) -> Answer
where
    A: Message,
    F: Future<Output = Result<tonic::Response<A>, Status>>,
{
    let answer = match incoming {
        Ok(incoming) => handler(incoming).await,
        Err(status) => Err(status),
    };
    unary::respond(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The size of the future that a function of this argument returns.
    fn future_bytes<A, F: Future>(_: impl FnOnce(A) -> F) -> usize {
        size_of::<F>()
    }

    /// It is copied when it is put aside until its turn, and overwritten when it is freed.
    #[test]
    fn the_future_of_a_call_is_small() {
        let answer = |(parts, arrival): (&'static Parts, Arrival)| parts.answer(arrival);
        assert!(future_bytes(answer) <= 4_096, "{}", future_bytes(answer));
    }
}
