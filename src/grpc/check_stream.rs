//! `StreamCheckAccess`: any number of checks in one call, several at a time. Answers come as they are ready, and name the `request_id` of
//! their requests.
//!
//! - Each check counts as a call: its caller is authenticated again, it waits for its turn and is in flight like a call, and what refuses it
//!   is its own error and not the stream's.
//! - Requests are read only as long as answers are taken, and at most a number of them is in flight: a peer that does not read is not read either.
//! - When no more calls are accepted on the connection, and when nothing has happened for long, no more requests are read; what is in
//!   flight is answered, and the stream ends with UNAVAILABLE and a time to retry.

mod item;

use std::{collections::HashSet, pin::Pin, sync::Arc, time::Duration};

use futures_util::stream::unfold;
use tokio::{
    select,
    task::{JoinError, JoinSet},
    time::{Sleep, sleep},
};
use tonic::{Status, Streaming, codegen::BoxStream};

use self::item::{Answered, Unanswered};
pub(super) use self::item::{Checker, StreamOrigin};
use super::{calls::OpenStream, status};
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

/// A stream of checks.
pub(super) struct CheckStream {
    checker: Arc<Checker>,
    requests: Streaming<CheckAccessRequest>,
    /// What is in flight. Dropped with the stream.
    items: JoinSet<Result<Answered, Unanswered>>,
    /// The ids of what is in flight.
    ids: HashSet<Arc<str>>,
    finishing: Pin<Box<dyn Future<Output = ()> + Send>>,
    idle: Pin<Box<Sleep>>,
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

impl CheckStream {
    pub(super) fn new(checker: Checker, requests: Streaming<CheckAccessRequest>) -> Self {
        let checker = Arc::new(checker);
        Self {
            _open: checker.open(),
            finishing: Box::pin(Arc::clone(&checker).finishing()),
            checker,
            requests,
            items: JoinSet::new(),
            ids: HashSet::new(),
            idle: Box::pin(sleep(IDLE_TIMEOUT)),
            end: None,
        }
    }

    /// The answers. Nothing is read or begun but when the next one is asked for.
    pub(super) fn answers(self) -> BoxStream<StreamCheckAccessResponse> {
        Box::pin(unfold(self, |mut stream| async move {
            let next = stream.next().await?;
            Some((next, stream))
        }))
    }

    /// The next answer, or the status with which the stream ends; `None` at an end without one.
    async fn next(&mut self) -> Option<Result<StreamCheckAccessResponse, Status>> {
        loop {
            let reads = self.end.is_none();
            let is_idle = self.items.is_empty();
            let has_room = self.items.len() < IN_FLIGHT_MAX;
            select! {
                biased;
                Some(ended) = self.items.join_next() => {
                    if let Some(answer) = self.answer(ended) {
                        return Some(Ok(answer));
                    }
                }
                () = &mut self.finishing, if reads => {
                    self.end_with(status::stream_ends("the connection is being replaced, or the service stops"));
                }
                () = &mut self.idle, if reads && is_idle => {
                    self.end_with(status::stream_ends("the stream had no check for 5 minutes"));
                }
                received = self.requests.message(), if reads && has_room => match received {
                    Ok(Some(request)) => {
                        if let Some(refused) = self.begin(request) {
                            return Some(Ok(refused));
                        }
                    }
                    Ok(None) => self.end = Some(End::Complete),
                    Err(status) => self.end_with(status),
                },
                else => return self.ended(),
            }
        }
    }

    /// Begins a check, or refuses it.
    fn begin(&mut self, request: CheckAccessRequest) -> Option<StreamCheckAccessResponse> {
        self.idle.set(sleep(IDLE_TIMEOUT));
        let id: Arc<str> = cleaned(request.request_id.as_str()).into();
        let wrong = if id.is_empty() {
            Some("must not be empty in a stream: the answer is matched by it")
        } else if self.ids.contains(&id) {
            Some("is that of another request in flight in this stream")
        } else {
            None
        };
        if let Some(wrong) = wrong {
            let status = status::invalid_argument(&Violations::one("request_id", wrong));
            self.checker.refuse(&request, &status);
            return Some(answer(&id, Err(status)));
        }
        self.ids.insert(Arc::clone(&id));
        let item = Arc::clone(&self.checker).item(request, id);
        self.items.spawn(item);
        None
    }

    /// The answer to what has ended. What has no answer ends the stream.
    fn answer(
        &mut self,
        ended: Result<Result<Answered, Unanswered>, JoinError>,
    ) -> Option<StreamCheckAccessResponse> {
        self.idle.set(sleep(IDLE_TIMEOUT));
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
