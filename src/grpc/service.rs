//! The way of a request on the gRPC port, in order: is it a call at all, who makes it, may one more be in flight, is its message
//! whole and well-formed within the deadline; then its handler.
//!
//! Why one function and not layers around a router: each layer costs allocations for every call, and the order in which a stranger's
//! request is bounded, counted and refused can be read here.

mod check;

use std::{future::ready, mem::replace, sync::Arc};

use axum::{Router, body::Body};
use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Either},
};
use http::{Request, Response};
use prost::Message;
use tonic::Status;
use tower_service::Service;

use super::{
    access::Access,
    authentication::Authentication,
    calls::{Calls, ObservedCall},
    check_stream::{Answers, StreamOrigin},
    ext_authz::{self, ExtAuthz, without_errors},
    framing::{Failure, Framing, OwnedMessage},
    in_flight::{InFlight, InFlightCall, holding},
    incoming_call::IncomingCall,
    protocol::{self, ENCODING},
    rejection::{Rejection, Rejections},
    signature::{self, Handler, Kind},
    status,
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

    fn answer(&self, arrival: Arrival) -> impl Future<Output = Response<AnswerBody>> + Send {
        self.0.answer(arrival)
    }
}

/// The answer to a call, while it is waited for.
type Answering<'s> = BoxFuture<'s, Response<AnswerBody>>;

/// A call of which only the head was read, without its body.
struct Received {
    head: Request<()>,
    /// Its errors are answered as denials.
    is_ext_authz: bool,
    origin: Arc<RequestOrigin>,
    observed: ObservedCall,
    shed: ShedScope,
    /// It runs from the head.
    deadline: Deadline,
}

impl Received {
    /// What is left of the deadline.
    fn left(&self) -> Deadline {
        self.deadline.after(self.observed.elapsed())
    }

    /// The call, which this caller makes, and whose messages are read so.
    fn admitted(&mut self, caller: Caller, framing: Framing) -> Admitted<'_> {
        Admitted {
            head: &mut self.head,
            origin: &self.origin,
            caller,
            observed: &self.observed,
            framing,
            deadline: self.deadline,
        }
    }
}

/// What is known of a call before its messages are read.
struct Admitted<'c> {
    head: &'c mut Request<()>,
    origin: &'c Arc<RequestOrigin>,
    caller: Caller,
    observed: &'c ObservedCall,
    framing: Framing,
    /// It runs from the head.
    deadline: Deadline,
}

impl<'c> Admitted<'c> {
    /// The call with its message, as its handler sees it.
    fn with_message<M>(self, message: M) -> IncomingCall<'c, M> {
        let left = self.left();
        let (headers, peer) = (self.head.headers(), Some(self.origin.peer.address));
        IncomingCall {
            message,
            headers,
            context: Call::new(self.caller, peer, left, headers),
            observed: self.observed,
        }
    }

    /// What is left of the deadline.
    fn left(&self) -> Deadline {
        self.deadline.after(self.observed.elapsed())
    }

    /// Reads the message within the deadline.
    ///
    /// Not an `async fn`: nearly always the message is there already, and takes no timer and no future.
    fn read<M: Send, R>(
        &self,
        mut read: R,
    ) -> impl Future<Output = Result<M, Status>> + Send + use<M, R>
    where
        R: Future<Output = Result<M, Status>> + Unpin + Send + 'static,
    {
        match (&mut read).now_or_never() {
            Some(message) => Either::Left(ready(message)),
            None => {
                let in_time = self.left().enforce(read);
                let in_time =
                    in_time.map(|message| message.ok_or_else(status::message_too_late)?);
                Either::Right(Box::pin(in_time))
            }
        }
    }
}

impl Parts {
    /// Answers a request; counts it if it is a call. What takes no wait is done before this returns, so that its state is not part of a future.
    fn answer(&self, arrival: Arrival) -> Answering<'_> {
        let Arrival {
            request,
            origin,
            waited,
        } = arrival;
        let (head, body) = request.into_parts();
        let head = Request::from_parts(head, ());
        let from = origin.peer.ip();
        if let Some(rejection) = protocol::rejection(&head) {
            let response = self.rejections.reject(rejection, head.method(), from);
            return Box::pin(ready(response.map(AnswerBody::from)));
        }
        let received = Received {
            observed: Calls::begin(&self.calls, head.uri().path(), from, waited),
            is_ext_authz: head.uri().path() == signature::EXT_AUTHZ,
            shed: waited.map_or(ShedScope::Nobody, |waited| waited.shed),
            deadline: Deadline::of(head.headers(), self.deadlines),
            head,
            origin,
        };
        if let Some(too_large) = protocol::metadata_too_large(&received.head) {
            return self.reject(too_large, received);
        }
        let (head, peer) = (&received.head, &received.origin.peer);
        let caller = self
            .authentication
            .admit_now(head, peer, &received.observed);
        match caller {
            Some(caller) => self.authenticated(received, body, caller),
            // The keys of an issuer are waited for.
            None => Box::pin(async move {
                let (head, peer) = (&received.head, &received.origin.peer);
                let wait_max = received.left().wait_max();
                let caller = self
                    .authentication
                    .admit(head, peer, &received.observed, wait_max);
                let caller = caller.await;
                self.authenticated(received, body, caller).await
            }),
        }
    }

    /// Answers a call of this caller, or refuses it before its body is read.
    fn authenticated(
        &self,
        mut received: Received,
        body: RequestBody,
        caller: Result<Caller, Status>,
    ) -> Answering<'_> {
        let caller = match caller {
            Ok(caller) => caller,
            Err(status) => return self.refuse(status, received),
        };
        let Some(encoding) = protocol::encoding(received.head.headers()) else {
            return self.reject(Rejection::Encoding, received);
        };
        let Some(signature) = signature::at(received.head.uri().path()) else {
            // Answered UNIMPLEMENTED.
            let others = self.others(taken(&mut received.head, Body::new(body)));
            return Box::pin(async move { self.ended(others.await.into(), received) });
        };
        let framing = Framing {
            signature,
            encoding,
            timeout: self.deadlines.default,
        };
        if signature.handler == Handler::CheckAccess {
            return self.check(received, body, caller, framing);
        }
        Box::pin(async move {
            let shed = received.shed;
            let call = received.admitted(caller, framing);
            let answer = self.other(call, body, shed).await;
            self.ended(answer, received)
        })
    }

    /// The answer to a call with this error.
    fn refuse(&self, status: Status, received: Received) -> Answering<'_> {
        Box::pin(ready(self.ended(status.into(), received)))
    }

    /// The answer to a call that is rejected.
    fn reject(&self, rejection: Rejection, received: Received) -> Answering<'_> {
        let (method, from) = (received.head.method(), received.origin.peer.ip());
        let response = self.rejections.reject(rejection, method, from);
        Box::pin(ready(self.ended(response.into(), received)))
    }

    /// The response to a call, which ends it. Counted and logged as the error that it is, if it is one.
    fn ended(&self, answer: Answer, received: Received) -> Response<AnswerBody> {
        let response = answer.observed(received.observed);
        if received.is_ext_authz {
            without_errors(response, &self.gateway)
        } else {
            response
        }
    }

    /// Answers a call that is not a check by itself.
    async fn other(&self, call: Admitted<'_>, body: RequestBody, shed: ShedScope) -> Answer {
        let from = call.origin.peer.ip();
        let priority = call.caller.id.priority();
        match call.framing.signature.kind {
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
                    Some(permit) => holding(permit, self.check_stream(call, body)).into(),
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
        let response = self.others(request).await;
        failure.shown_in(response)
    }

    /// Answers a stream of checks.
    fn check_stream(&self, call: Admitted<'_>, body: RequestBody) -> Response<Body> {
        let (access, began) = (&self.access, self.access.clock.read());
        let origin = Arc::clone(call.origin);
        let from = StreamOrigin::of(call.caller, call.head.headers(), origin, began);
        let checks = access.stream_check_access(call.framing.messages(body), from);
        unary::response(Body::new(Answers::of(checks)))
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
        let place = in_flight.as_mut();
        let (access, ext_authz) = (&self.access, &self.ext_authz);
        match call.framing.signature.handler {
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
            // The first two are answered elsewhere.
            Handler::CheckAccess | Handler::StreamCheckAccess | Handler::Others => {
                Box::pin(self.passed_on(call, body, place)).await
            }
        }
    }

    /// Answers a call of one message that tonic's server answers.
    async fn passed_on(
        &self,
        call: Admitted<'_>,
        body: RequestBody,
        in_flight: Option<&mut InFlightCall>,
    ) -> Answer {
        let read = Box::pin(call.framing.one_framed(body));
        let message = call.read(read).await;
        match message.and_then(|message| Ok((message, in_flight.map_or(Ok(()), take_place)?))) {
            Err(status) => status.into(),
            Ok((message, ())) => {
                // The message is not compressed any more.
                call.head.headers_mut().remove(ENCODING);
                self.others(taken(call.head, message.into())).await.into()
            }
        }
    }

    /// The call with its message, as its handler sees it.
    async fn incoming<'c, M: OwnedMessage>(
        &self,
        call: Admitted<'c>,
        body: RequestBody,
        in_flight: Option<&mut InFlightCall>,
    ) -> Result<IncomingCall<'c, M>, Status> {
        let message = call.read(call.framing.one(body)).await?;
        in_flight.map_or(Ok(()), take_place)?;
        Ok(call.with_message(message))
    }

    async fn others(&self, request: Request<Body>) -> Response<Body> {
        let answer = self.others.clone().call(request).await;
        answer.unwrap_or_else(|never| match never {})
    }
}

/// A call whose message was read takes its place in flight.
fn take_place(in_flight: &mut InFlightCall) -> Result<(), Status> {
    if in_flight.take_place() {
        Ok(())
    } else {
        Err(status::too_many_calls())
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
