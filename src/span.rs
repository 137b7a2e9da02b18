//! Every span of a trace, named once: a check, and what it waits for. Attributes have few values: never an identifier, a
//! person's data or a secret. While nobody collects traces, a span is next to nothing.

use opentelemetry::{
    Context,
    propagation::{Extractor, TextMapPropagator as _},
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::{Id, Span, field::Empty, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::policy::{Effect, Origin, PolicyName};

/// What tells spans from the lines of the log.
pub const TARGET: &str = "verigate::span";

/// The header in which callers tell the trace that they are in, as the W3C has it.
pub const TRACEPARENT: &str = "traceparent";

/// A check, in the trace that its caller is in, if it is in one.
pub fn check(traceparent: Option<&str>) -> Span {
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
        && let Some(text) = traceparent
    {
        let caller =
            TraceContextPropagator::new().extract_with_context(&Context::new(), &Caller(text));
        // An error says that nobody collects traces after all.
        let _ = span.set_parent(caller);
    }
    span
}

/// The check that is under way has been decided.
pub fn decided(policy: &PolicyName, effect: Effect, origin: Origin, degraded: bool) {
    let check = Span::current();
    if !check.is_disabled() {
        check.record("policy", policy.as_str());
        check.record("decision", effect.as_str());
        check.record("origin", origin.as_str());
        check.record("degraded", degraded);
    }
}

/// The check has been refused with this code.
pub fn refused(check: &Span, code: impl std::fmt::Debug) {
    check.record("refused", tracing::field::debug(code));
}

/// Looking for evidence, in memory first.
pub fn look_up() -> Span {
    info_span!(target: TARGET, "look up")
}

/// Fetching what is not at hand: for the check under way, or ahead of time and then in a trace of its own.
pub fn fetch(ahead_of_time: bool) -> Span {
    if ahead_of_time {
        let span = info_span!(target: TARGET, parent: None, "refresh");
        span.follows_from(Span::current().id());
        span
    } else {
        info_span!(target: TARGET, "fetch")
    }
}

/// What is under way waits for this fetch, which another began.
pub fn joined(fetch: Option<&Id>) {
    if let Some(fetch) = fetch {
        Span::current().follows_from(fetch);
    }
}

/// A call to the upstream. One without an outcome was given up.
pub fn upstream_call(name: &'static str) -> Span {
    info_span!(
        target: TARGET,
        "upstream call",
        otel.name = name,
        otel.kind = "client",
        outcome = Empty,
    )
}

/// The call has ended so.
pub fn ended(call: &Span, outcome: &'static str) {
    call.record("outcome", outcome);
}

/// What a caller tells of its trace: where it is in it. What else callers may tell of traces goes no further.
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
        let spans = made(|| check(None).in_scope(|| drop((fetch(false), fetch(true)))));
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
