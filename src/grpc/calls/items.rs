//! Counts and logs the checks of batches and of streams, each like a call; and how many streams are open.

use std::{net::IpAddr, sync::Arc};

use prometheus::IntGauge;
use tonic::{Code, Status};
use tracing::Span;

use super::{Calls, Failed};
use crate::{
    callers::{Caller, CallerId},
    span,
};

/// A check of a batch or of a stream. Dropped before its end, it was cancelled.
#[derive(Debug)]
pub(in crate::grpc) struct ObservedItem {
    calls: Arc<Calls>,
    method: &'static str,
    caller: CallerId,
    from: IpAddr,
    policy: String,
    ended: bool,
}

impl ObservedItem {
    /// A check by this caller begins.
    pub(in crate::grpc) fn begin(
        calls: &Arc<Calls>,
        method: &'static str,
        caller: &Caller,
        policy: &str,
    ) -> Self {
        Self {
            calls: Arc::clone(calls),
            method,
            caller: caller.id.clone(),
            from: caller.address,
            policy: policy.to_owned(),
            ended: false,
        }
    }

    /// It has ended: with this error, or with a decision.
    pub(in crate::grpc) fn end(mut self, span: &Span, error: Option<&Status>) {
        self.ended = true;
        let Some(status) = error else {
            self.count(Code::Ok);
            return;
        };
        span::refused(span, status.code());
        self.count(status.code());
        self.calls.log_failure(&Failed {
            uptime: self.calls.clock.moment().uptime,
            caller: self.caller.as_str(),
            from: self.from,
            method: self.method,
            code: status.code(),
            policy: Some(&self.policy),
            error: status.message(),
        });
    }

    fn count(&self, code: Code) {
        let caller = self.caller.as_str();
        self.calls.metrics.item(self.method, code, caller);
    }
}

impl Drop for ObservedItem {
    fn drop(&mut self) {
        if !self.ended {
            self.count(Code::Cancelled);
        }
    }
}

/// A stream of checks that is open, until this is dropped.
#[derive(Debug)]
pub(in crate::grpc) struct OpenStream(IntGauge);

impl Calls {
    /// A stream of checks begins.
    pub(in crate::grpc) fn open_stream(&self) -> OpenStream {
        let open = self.metrics.streams.clone();
        open.inc();
        OpenStream(open)
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.0.dec();
    }
}
