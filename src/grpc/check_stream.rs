//! `StreamCheckAccess`: any number of checks in one call, several at a time. Answers come as they are ready, and name the `request_id` of
//! their requests.
//!
//! - Each check counts as a call: its caller is authenticated again, it waits for its turn and is in flight like a call, and what refuses it
//!   is its own error and not the stream's.
//! - Requests are read only as long as answers are taken, and at most a number of them is in flight: a peer that does not read is not read either.
//! - When no more calls are accepted on the connection, and when nothing has happened for long, no more requests are read; what is in
//!   flight is answered, and the stream ends with UNAVAILABLE and a time to retry.

mod answers;
mod item;

use std::{
    collections::HashSet,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures_util::FutureExt as _;
use tokio::{
    task::{JoinError, JoinSet, coop::consume_budget},
    time::{Sleep, sleep},
};
use tonic::Status;

use self::item::{Answered, Unanswered};
pub(super) use self::{
    answers::Answers,
    item::{Checker, StreamOrigin},
};
use super::{
    calls::OpenStream,
    framing::{Messages, ReadableBody},
    status,
};
use crate::{
    proto::v1::{
        CheckAccessRequest, CheckAccessResponse, StreamCheckAccessResponse,
        stream_check_access_response,
    },
    request_id::cleaned,
    violations::Violations,
};

/// Checks of one stream that may be in flight at once, their answers that were not taken included.
const IN_FLIGHT_MAX: usize = 32;
/// How long a stream may have no check.
const IDLE_TIMEOUT: Duration = Duration::from_mins(5);

/// A stream of checks, which come from this body.
///
/// Each check runs in a task: while the peer takes no answers nothing polls the stream, and a check in flight has a deadline all the same.
pub(super) struct CheckStream<B> {
    checker: Arc<Checker>,
    requests: Messages<B>,
    /// What is in flight. Dropped with the stream.
    items: JoinSet<Result<Answered, Unanswered>>,
    /// The ids of what is in flight.
    ids: HashSet<Arc<str>>,
    finishing: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// Ends the wait for the next check; `None` unless nothing is in flight and it was looked for.
    idle: Option<Pin<Box<Sleep>>>,
    /// How the stream ends once all that is in flight was answered; `None` while requests are read.
    end: Option<End>,
    _open: OpenStream,
}

/// How a stream ends.
enum End {
    /// The caller has sent all of its requests.
    Complete,
    /// With this status.
    Status(Status),
}

impl<B: ReadableBody> CheckStream<B> {
    pub(super) fn new(checker: Checker, requests: Messages<B>) -> Self {
        let checker = Arc::new(checker);
        Self {
            _open: checker.open(),
            finishing: Box::pin(Arc::clone(&checker).finishing()),
            checker,
            requests,
            items: JoinSet::new(),
            ids: HashSet::new(),
            idle: None,
            end: None,
        }
    }

    /// The next answer, or the status with which the stream ends; `None` at an end without one. Nothing is read or begun but when the next
    /// answer is asked for.
    fn poll_next(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<StreamCheckAccessResponse, Status>>> {
        loop {
            if let Poll::Ready(Some(ended)) = self.items.poll_join_next(context) {
                if let Some(answer) = self.answer(ended) {
                    return Poll::Ready(Some(Ok(answer)));
                }
                continue;
            }
            if self.end.is_some() {
                if self.items.is_empty() {
                    return Poll::Ready(self.ended());
                }
                return Poll::Pending;
            }
            if self.finishing.poll_unpin(context).is_ready() {
                let why = "the connection is being replaced, or the service stops";
                self.end_with(status::stream_ends(why));
                continue;
            }
            if self.poll_idle(context).is_ready() {
                let why = "the stream had no check for 5 minutes";
                self.end_with(status::stream_ends(why));
                continue;
            }
            if self.items.len() >= IN_FLIGHT_MAX {
                return Poll::Pending;
            }
            // A stream whose checks wait for nothing would not let other calls run.
            ready!(pin!(consume_budget()).poll(context));
            match ready!(self.requests.poll_message(context)) {
                Ok(Some(request)) => {
                    if let Some(refused) = self.begin(request) {
                        return Poll::Ready(Some(Ok(refused)));
                    }
                }
                Ok(None) => self.end = Some(End::Complete),
                Err(status) => self.end_with(status),
            }
        }
    }

    /// Whether nothing was in flight for too long.
    fn poll_idle(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if !self.items.is_empty() {
            return Poll::Pending;
        }
        let idle = self
            .idle
            .get_or_insert_with(|| Box::pin(sleep(IDLE_TIMEOUT)));
        idle.as_mut().poll(context)
    }

    /// Begins a check, or refuses it.
    fn begin(&mut self, request: CheckAccessRequest) -> Option<StreamCheckAccessResponse> {
        self.idle = None;
        let id: Arc<str> = cleaned(request.request_id.as_str()).into();
        let wrong = if id.is_empty() {
            Some("must not be empty in a stream: the answer is matched by it")
        } else if !self.ids.insert(Arc::clone(&id)) {
            Some("is that of another request in flight in this stream")
        } else {
            None
        };
        if let Some(wrong) = wrong {
            let status = status::invalid_argument(&Violations::one("request_id", wrong));
            self.checker.refuse(&request, &status);
            return Some(answer(&id, Err(status)));
        }
        let item = Arc::clone(&self.checker).item(request, id);
        self.items.spawn(item);
        None
    }

    /// The answer to what has ended. What has no answer ends the stream.
    fn answer(
        &mut self,
        ended: Result<Result<Answered, Unanswered>, JoinError>,
    ) -> Option<StreamCheckAccessResponse> {
        match ended {
            Ok(Ok(Answered { id, result, .. })) => {
                self.ids.remove(&id);
                Some(answer(&id, result))
            }
            Ok(Err(Unanswered(status))) => {
                self.end_with(status);
                None
            }
            // A panic, which was logged.
            Err(_) => {
                self.end_with(Status::internal("internal error"));
                None
            }
        }
    }

    /// No more requests are read, and the stream ends with this status. The first one counts.
    fn end_with(&mut self, status: Status) {
        match &self.end {
            Some(End::Status(_)) => {}
            Some(End::Complete) | None => self.end = Some(End::Status(status)),
        }
    }

    /// The end of the stream, once.
    fn ended(&mut self) -> Option<Result<StreamCheckAccessResponse, Status>> {
        match self.end.replace(End::Complete) {
            Some(End::Status(status)) => Some(Err(status)),
            Some(End::Complete) | None => None,
        }
    }
}

/// The answer to the request of this id.
fn answer(id: &str, result: Result<CheckAccessResponse, Status>) -> StreamCheckAccessResponse {
    let result = match result {
        Ok(response) => stream_check_access_response::Result::Response(response),
        Err(status) => stream_check_access_response::Result::Error(status::item_error(&status)),
    };
    StreamCheckAccessResponse {
        request_id: id.to_owned(),
        result: Some(result),
    }
}
