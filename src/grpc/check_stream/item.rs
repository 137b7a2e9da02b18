//! One check of a stream: it comes in its turn, for a caller that is authenticated again, as one call in flight.

use std::sync::Arc;

use http::HeaderMap;
use prost::Message as _;
use tonic::Status;
use tracing::Instrument as _;

use crate::{
    call::{Call, Deadline, TraceContext},
    callers::{Caller, CallerPriority, Proven, credential_headers},
    clock::{Clock, Reading},
    gate::Gate,
    grpc::{
        Authentication, Calls, InFlight,
        calls::{ObservedItem, OpenStream},
        checks::begin,
        status,
    },
    listener::{HeldMemory, RequestOrigin, ShedScope},
    proto::v1::{CheckAccessRequest, CheckAccessResponse},
    span,
};

/// The name of the method in metrics and logs.
const METHOD: &str = "StreamCheckAccess";
/// What a check takes in memory beside its message, until its answer is given to be written: its task, and the answer.
const ITEM_BYTES: usize = 4 * 1024;

/// What the checks of one stream need.
#[derive(Debug)]
pub(in crate::grpc) struct Checker {
    pub(in crate::grpc) gate: Arc<Gate>,
    pub(in crate::grpc) in_flight: InFlight,
    pub(in crate::grpc) calls: Arc<Calls>,
    pub(in crate::grpc) authentication: Authentication,
    pub(in crate::grpc) clock: Arc<dyn Clock>,
    /// The deadline of each check, from its arrival.
    pub(in crate::grpc) deadline: Deadline,
    pub(in crate::grpc) from: StreamOrigin,
}

/// Where a stream comes from.
#[derive(Debug)]
pub(in crate::grpc) struct StreamOrigin {
    /// The caller, as it was when the stream began.
    caller: Caller,
    /// The headers in which it has its credentials; no others are kept.
    credentials: HeaderMap,
    origin: Arc<RequestOrigin>,
    trace: TraceContext,
    /// When the stream began, and how long its caller waits for its end, if that is bounded.
    began: Reading,
    life: Option<Deadline>,
}

impl StreamOrigin {
    /// The origin of a call by this caller with these headers on this connection.
    pub(in crate::grpc) fn of(
        caller: Caller,
        headers: &HeaderMap,
        origin: Arc<RequestOrigin>,
        began: Reading,
    ) -> Self {
        Self {
            caller,
            credentials: credential_headers(headers),
            origin,
            trace: TraceContext::of(headers),
            began,
            life: Deadline::given(headers),
        }
    }
}

/// A check that has ended, with its answer.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) id: Arc<str>,
    pub(super) result: Result<CheckAccessResponse, Status>,
    /// Counted while the answer waits for the peer.
    _held: HeldMemory,
}

/// A check that has no answer, because its stream may ask no more.
#[derive(Debug)]
pub(super) struct Unanswered(pub(super) Status);

impl Checker {
    /// Counts the stream until this is dropped.
    pub(super) fn open(&self) -> OpenStream {
        self.calls.open_stream()
    }

    /// Waits until no more calls are accepted on the connection.
    pub(super) async fn finishing(self: Arc<Self>) {
        self.from.origin.connection.finishing().await;
    }

    /// Counts a request that is not looked at.
    pub(super) fn refuse(&self, request: &CheckAccessRequest, status: &Status) {
        let caller = &self.from.caller;
        let item = ObservedItem::begin(&self.calls, METHOD, caller, &request.policy);
        let span = span::check(&self.from.trace, caller.id.as_str());
        item.end(&span, Some(status));
    }

    /// Makes a check. Its deadline counts from now.
    pub(super) fn item(
        self: Arc<Self>,
        request: CheckAccessRequest,
        id: Arc<str>,
    ) -> impl Future<Output = Result<Answered, Unanswered>> + Send + use<> {
        let arrived = self.clock.read();
        let bytes = ITEM_BYTES.saturating_add(request.encoded_len());
        let held = self.from.origin.connection.hold(bytes);
        async move {
            let from = &self.from;
            let refused = self.wait_for_turn(request.encoded_len()).await;
            let authenticated = self.authentication.again(
                &from.credentials,
                &from.origin.peer,
                self.deadline(&arrived).wait_max(),
            );
            let caller = authenticated.await.map_err(Unanswered)?;
            let item = ObservedItem::begin(&self.calls, METHOD, &caller, &request.policy);
            let span = span::check(&from.trace, caller.id.as_str());
            let call = Call {
                peer: Some(from.origin.peer.address),
                deadline: self.deadline(&arrived),
                trace: from.trace.clone(),
                proven: Proven::default(),
                handed_on: None,
                caller,
            };
            let check = self.check(request, &call, refused);
            let result = check.instrument(span.clone()).await;
            item.end(&span, result.as_ref().err());
            Ok(Answered {
                id,
                result,
                _held: held,
            })
        }
    }

    /// Waits for the turn of a check whose message has this many bytes; whether it is to be refused.
    async fn wait_for_turn(&self, bytes: usize) -> ShedScope {
        let is_door = self.from.caller.id.priority() == CallerPriority::Doors;
        let connection = &self.from.origin.connection;
        let waited = connection.turn(is_door, bytes).await;
        waited.map_or(ShedScope::Nobody, |waited| waited.shed)
    }

    /// What is left of the deadline of a check that arrived then. It ends with the stream.
    fn deadline(&self, arrived: &Reading) -> Deadline {
        let deadline = self.deadline.after(arrived.elapsed());
        let life = self.from.life;
        let left = life.map(|life| life.after(self.from.began.elapsed()));
        left.map_or(deadline, |left| left.min(deadline))
    }

    async fn check(
        &self,
        request: CheckAccessRequest,
        call: &Call,
        refused: ShedScope,
    ) -> Result<CheckAccessResponse, Status> {
        let priority = call.caller.id.priority();
        if refused.applies_to(priority == CallerPriority::Doors) {
            self.in_flight.refuse_late(priority);
            return Err(status::too_many_calls());
        }
        let in_flight = self.in_flight.enter(priority);
        let in_flight = in_flight.ok_or_else(status::too_many_calls)?;
        let (gate, snapshot) = (&self.gate, self.gate.snapshot());
        let begun = begin(gate, &snapshot, request, call)?;
        let checked = begun.end(gate, &snapshot, call).await?;
        drop(in_flight);
        Ok(checked.into_response())
    }
}
