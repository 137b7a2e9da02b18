//! Every span of a trace, defined once: a check, and the steps that it waits for. Attributes have few values: never an identifier, a
//! person's data or a secret. While traces are off, a span costs next to nothing.

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

/// A check, in its caller's trace, if there is one.
pub fn check(trace: &TraceContext) -> Span {
    let span = info_span!(
        target: TARGET,
        "check",
        otel.kind = "server",
        policy = Empty,
        decision = Empty,
        origin = Empty,
        degraded = Empty,
        refused = Empty,
    );
    if !span.is_disabled()
        && let Some(text) = trace.traceparent()
    {
        let caller =
            TraceContextPropagator::new().extract_with_context(&Context::new(), &Caller(text));
        // An error means that traces are off.
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

/// Records the gRPC code of a check that has no decision.
pub fn refused(check: &Span, code: impl std::fmt::Debug) {
    check.record("refused", tracing::field::debug(code));
}

/// A lookup of evidence, in the cache first.
pub fn look_up() -> Span {
    info_span!(target: TARGET, "look up")
}

/// A fetch of evidence that is not cached: for the current check, or ahead of time and then in a trace of its own.
pub fn fetch(ahead_of_time: bool) -> Span {
    if ahead_of_time {
        let span = info_span!(target: TARGET, parent: None, "refresh");
        span.follows_from(Span::current().id());
        span
    } else {
        info_span!(target: TARGET, "fetch")
    }
}

/// The current lookup waits for this fetch, which another started.
pub fn joined(fetch: Option<&Id>) {
    if let Some(fetch) = fetch {
        Span::current().follows_from(fetch);
    }
}

/// A call to the upstream. One without an outcome was abandoned.
pub fn upstream_call(name: &'static str) -> Span {
    info_span!(
        target: TARGET,
        "upstream call",
        otel.name = name,
        otel.kind = "client",
        outcome = Empty,
    )
}

/// Records the outcome of a call.
pub fn ended(call: &Span, outcome: &'static str) {
    call.record("outcome", outcome);
}

/// The caller's place in its trace. Nothing else that callers send about traces is passed on.
struct Caller<'h>(&'h str);

impl Extractor for Caller<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        (key == TRACEPARENT).then_some(self.0)
    }

    fn keys(&self) -> Vec<&str> {
        vec![TRACEPARENT]
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use opentelemetry::trace::{SpanId, TracerProvider as _};
    use opentelemetry_sdk::{
        error::OTelSdkResult,
        trace::{SdkTracerProvider, SpanData, SpanExporter},
    };
    use tracing::subscriber::with_default;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[derive(Debug, Clone, Default)]
    struct Kept(Arc<Mutex<Vec<SpanData>>>);

    impl SpanExporter for Kept {
        async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
            self.0.lock().unwrap().extend(batch);
            Ok(())
        }
    }

    /// The spans that are made here, in the order in which they end.
    fn made(make: impl FnOnce()) -> Vec<SpanData> {
        let kept = Kept::default();
        let traces = SdkTracerProvider::builder()
            .with_simple_exporter(kept.clone())
            .build();
        let layer = tracing_opentelemetry::layer().with_tracer(traces.tracer("test"));
        with_default(tracing_subscriber::registry().with(layer), make);
        std::mem::take(&mut kept.0.lock().unwrap())
    }

    #[test]
    fn a_fetch_ahead_of_time_is_linked_to_the_check_and_not_part_of_its_trace() {
        let spans =
            made(|| check(&TraceContext::default()).in_scope(|| drop((fetch(false), fetch(true)))));
        let named = |name: &str| spans.iter().find(|span| span.name == name).unwrap();
        let (check, fetch, refresh) = (named("check"), named("fetch"), named("refresh"));
        assert_eq!(fetch.parent_span_id, check.span_context.span_id());
        assert_eq!(refresh.parent_span_id, SpanId::INVALID);
        assert_ne!(
            refresh.span_context.trace_id(),
            check.span_context.trace_id()
        );
        let links: Vec<_> = refresh.links.iter().map(|l| &l.span_context).collect();
        assert_eq!(links, [&check.span_context]);
    }
}
