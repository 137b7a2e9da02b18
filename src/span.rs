//! Every span of a trace, defined once: a check, and the steps that it waits for. Attributes have few values; they are never an
//! identifier, personal data or a secret. While traces are off, spans are disabled and cost almost nothing.

use opentelemetry::{
    Context,
    propagation::{Extractor, TextMapPropagator as _},
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::{Id, Span, field::Empty, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::{
    call::{TRACEPARENT, TraceContext},
    policy::PolicyName,
    ruling::Ruling,
};

/// The target that distinguishes spans from log lines.
pub const TARGET: &str = "verigate::span";

/// A check by this caller, in its trace if it has one.
pub fn check(trace: &TraceContext, caller: &str) -> Span {
    in_trace(trace, one_check(None, "server", caller))
}

/// A batch of this many checks by this caller, in its trace if it has one.
pub fn batch(trace: &TraceContext, caller: &str, checks: usize) -> Span {
    let batch = info_span!(
        target: TARGET,
        "batch",
        otel.kind = "server",
        caller,
        checks,
        refused = Empty,
    );
    in_trace(trace, batch)
}

/// A check of this batch.
pub fn check_of(batch: &Span, caller: &str) -> Span {
    one_check(batch.id(), "internal", caller)
}

fn one_check(parent: Option<Id>, kind: &'static str, caller: &str) -> Span {
    info_span!(
        target: TARGET,
        parent: parent,
        "check",
        otel.kind = kind,
        caller,
        policy = Empty,
        decision = Empty,
        origin = Empty,
        degraded = Empty,
        refused = Empty,
    )
}

/// The same span in the trace of its caller, if that has one.
fn in_trace(trace: &TraceContext, span: Span) -> Span {
    if !span.is_disabled()
        && let Some(text) = trace.traceparent()
    {
        let caller = TraceContextPropagator::new()
            .extract_with_context(&Context::new(), &TraceparentHeader(text));
        // An error means that traces are off, so there is no parent to set.
        let _ = span.set_parent(caller);
    }
    span
}

/// Records the decision on the current check.
pub fn decided(policy: &PolicyName, ruling: &Ruling) {
    let check = Span::current();
    if !check.is_disabled() {
        check.record("policy", policy.as_str());
        check.record("decision", ruling.decision.effect().as_str());
        check.record("origin", ruling.origin.as_str());
        check.record("degraded", ruling.degraded);
    }
}

/// Records the gRPC code of a check that ended without a decision.
pub fn refused(check: &Span, code: impl std::fmt::Debug) {
    check.record("refused", tracing::field::debug(code));
}

/// A lookup of evidence, in the cache first.
pub fn look_up() -> Span {
    info_span!(target: TARGET, "look up")
}

/// A fetch of evidence that is not cached: for the current check, or ahead of time. The latter has a trace of its own, which links to
/// the current span, because no check waits for it.
pub fn fetch(ahead_of_time: bool) -> Span {
    if ahead_of_time {
        let span = info_span!(target: TARGET, parent: None, "refresh");
        span.follows_from(Span::current().id());
        span
    } else {
        info_span!(target: TARGET, "fetch")
    }
}

/// Links the current lookup to the fetch in flight that it joined.
pub fn joined(fetch: Option<&Id>) {
    if let Some(fetch) = fetch {
        Span::current().follows_from(fetch);
    }
}

/// A call to the upstream. A span without an outcome was cancelled.
pub fn upstream_call(name: &'static str) -> Span {
    info_span!(
        target: TARGET,
        "upstream call",
        otel.name = name,
        otel.kind = "client",
        outcome = Empty,
    )
}

/// Records the outcome of a call to the upstream.
pub fn ended(call: &Span, outcome: &'static str) {
    call.record("outcome", outcome);
}

/// The `traceparent` of the caller. Nothing else that callers send about traces is propagated.
struct TraceparentHeader<'h>(&'h str);

impl Extractor for TraceparentHeader<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        (key == TRACEPARENT).then_some(self.0)
    }

    fn keys(&self) -> Vec<&str> {
        vec![TRACEPARENT]
    }
}

#[cfg(test)]
mod tests;
