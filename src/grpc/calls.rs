//! Counts every call by method and code, and measures it, whichever way it ends; logs those that end with an error. A call is
//! observed as soon as it is known to be one, so that those are counted too that no handler sees: unknown
//! methods, messages that cannot be decoded, callers that leave.

mod items;
mod metrics;
mod method;

use std::{
    net::IpAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use axum::{body::Body, response::Response};
use http::StatusCode;
use http_body_util::BodyExt as _;
use tonic::{Code, Status};

pub(super) use self::items::{ObservedItem, OpenStream};
use self::{method::method_of, metrics::Metrics};
use crate::{
    callers::{CallerId, CallerName, Callers},
    clock::{Clock, Reading},
    deps::Deps,
    listener::Waited,
    log_throttle::{LogThrottle, throttled},
    proto::code_name,
};

/// How much of a text from outside is logged, in characters.
const POLICY_CHARS_MAX: usize = 64;
const ERROR_CHARS_MAX: usize = 300;
/// The method whose calls end with UNAVAILABLE when their connection is replaced.
const STREAM: &str = "StreamCheckAccess";

/// Counts, measures and logs calls.
#[derive(Debug)]
pub struct Calls {
    metrics: Metrics,
    log: LogThrottle,
    clock: Arc<dyn Clock>,
}

impl Calls {
    /// Registers the metrics of calls.
    pub fn new(callers: Callers, deps: &Deps) -> Result<Arc<Self>, prometheus::Error> {
        Ok(Arc::new(Self {
            metrics: Metrics::register(&deps.registry, callers)?,
            log: LogThrottle::default(),
            clock: Arc::clone(&deps.clock),
        }))
    }
}

impl Calls {
    /// A call of this path begins, which comes from here, and may have waited for its turn.
    pub(super) fn begin(
        calls: &Arc<Self>,
        path: &str,
        from: IpAddr,
        waited: Option<Waited>,
    ) -> ObservedCall {
        ObservedCall {
            method: method_of(path),
            started: calls.clock.read(),
            waited: waited.map_or(Duration::ZERO, |waited| waited.time),
            from,
            policy: OnceLock::new(),
            caller: OnceLock::new(),
            calls: Arc::clone(calls),
            ended: false,
        }
    }
}

/// The status of a response that has it in its head, because it has no body. One that is not gRPC's counts as gRPC clients read it.
fn status_of_head(response: &Response) -> Option<Status> {
    let status = Status::from_header_map(response.headers());
    if status.is_some() || response.status() == StatusCode::OK {
        return status;
    }
    let code = match response.status() {
        StatusCode::BAD_REQUEST => Code::Internal,
        StatusCode::UNAUTHORIZED => Code::Unauthenticated,
        StatusCode::FORBIDDEN => Code::PermissionDenied,
        StatusCode::NOT_FOUND => Code::Unimplemented,
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => Code::Unavailable,
        _ => Code::Unknown,
    };
    Some(Status::new(
        code,
        format!("HTTP status {}", response.status()),
    ))
}

/// A body whose trailers end the call. If it is dropped before them, the caller has left.
fn end_with_trailers(call: ObservedCall, body: Body) -> Body {
    let mut call = Some(call);
    Body::new(body.map_frame(move |frame| {
        let ended = frame.trailers_ref().and_then(Status::from_header_map);
        if let Some((status, call)) = ended.and_then(|status| Some((status, call.take()?))) {
            call.end(status.code(), status.message());
        }
        frame
    }))
}

/// A call that has begun. Dropped before its end, it was cancelled.
#[derive(Debug)]
pub(super) struct ObservedCall {
    calls: Arc<Calls>,
    method: &'static str,
    started: Reading,
    /// How long it had waited for its turn before.
    waited: Duration,
    from: IpAddr,
    /// The name of the policy that it asks for, as the caller wrote it. The handler fills it in, because only it reads the message.
    policy: OnceLock<Box<str>>,
    caller: OnceLock<CallerId>,
    ended: bool,
}

impl ObservedCall {
    /// The time since the head of its request.
    pub(super) fn elapsed(&self) -> Duration {
        self.waited.saturating_add(self.started.elapsed())
    }

    /// This caller makes it. Until it is noted, metrics and logs say `unknown`.
    pub(super) fn note_caller(&self, caller: &CallerId) {
        // An error means that it was noted before.
        let _ = self.caller.set(caller.clone());
    }

    /// It asks for this policy.
    pub(super) fn note_policy(&self, policy: &str) {
        let end = policy.char_indices().nth(POLICY_CHARS_MAX + 1);
        let end = end.map_or(policy.len(), |(end, _)| end);
        // An error means that it was noted before.
        let _ = self
            .policy
            .set(policy.get(..end).unwrap_or_default().into());
    }

    /// The answer to this call, which ends it.
    pub(super) fn observe(self, response: Response) -> Response {
        match status_of_head(&response) {
            Some(status) => {
                self.end(status.code(), status.message());
                response
            }
            None => response.map(|body| end_with_trailers(self, body)),
        }
    }

    pub(super) fn end(mut self, code: Code, message: &str) {
        self.ended = true;
        self.record(code, message);
    }

    fn record(&self, code: Code, message: &str) {
        let name = code_name(code);
        let since_turn = self.started.elapsed();
        let elapsed = self.waited.saturating_add(since_turn);
        let caller = self.caller.get();
        let caller = caller.map_or(CallerName::UNKNOWN, CallerId::as_str);
        self.calls.metrics.call(self.method, name, caller, elapsed);
        let uptime = self.started.moment.uptime;
        self.calls.log_failure(&Failed {
            uptime: uptime.saturating_add(since_turn),
            caller,
            from: self.from,
            method: self.method,
            code,
            policy: self.policy.get().map(AsRef::as_ref),
            error: message,
        });
    }
}

/// A call that has ended, or a check of a batch or a stream.
#[derive(Debug)]
struct Failed<'c> {
    uptime: Duration,
    caller: &'c str,
    from: IpAddr,
    method: &'static str,
    code: Code,
    policy: Option<&'c str>,
    error: &'c str,
}

impl Failed<'_> {
    /// Whether nothing is wrong: a caller has left, or a stream of checks was ended to be replaced.
    fn is_expected(&self) -> bool {
        let is_replaced = self.method == STREAM && self.code == Code::Unavailable;
        matches!(self.code, Code::Ok | Code::Cancelled) || (is_replaced && self.policy.is_none())
    }
}

impl Calls {
    /// Logs what has failed.
    fn log_failure(&self, failed: &Failed<'_>) {
        if failed.is_expected() {
            return;
        }
        let code = code_name(failed.code);
        throttled!(
            self.log,
            failed.uptime,
            warn,
            "call_failed" / code,
            caller = failed.caller,
            from = %failed.from,
            method = failed.method,
            code,
            policy = failed.policy.map(|policy| shown(policy, POLICY_CHARS_MAX)),
            error = shown(failed.error, ERROR_CHARS_MAX),
            "a call ended with an error"
        );
    }
}

impl Drop for ObservedCall {
    fn drop(&mut self) {
        if !self.ended {
            self.record(Code::Cancelled, "");
        }
    }
}

/// The start of a text from outside, without line ends or any other character that is not printed.
fn shown(text: &str, chars_max: usize) -> String {
    let mut shown: String = text
        .chars()
        .take(chars_max)
        .flat_map(char::escape_debug)
        .collect();
    if text.chars().nth(chars_max).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests;
