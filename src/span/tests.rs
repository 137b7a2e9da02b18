//! How the spans of a trace are connected.

use std::sync::{Arc, LazyLock};

use opentelemetry::trace::{SpanId, TracerProvider as _};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{SdkTracerProvider, SpanData, SpanExporter},
};
use parking_lot::Mutex;
use tracing::{Dispatch, subscriber::with_default};
use tracing_subscriber::layer::SubscriberExt as _;

use super::*;

/// While a process has one subscriber, the thread that reaches a span first decides for all of them whether it is ever made, and that
/// may be the thread of a test without one. With a second subscriber each of them is asked.
static SECOND: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(tracing_subscriber::registry()));

#[derive(Debug, Clone, Default)]
struct Kept(Arc<Mutex<Vec<SpanData>>>);

impl SpanExporter for Kept {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.lock().extend(batch);
        Ok(())
    }
}

/// The spans that `make` creates, in the order in which they end.
fn made(make: impl FnOnce()) -> Vec<SpanData> {
    LazyLock::force(&SECOND);
    let kept = Kept::default();
    let traces = SdkTracerProvider::builder()
        .with_simple_exporter(kept.clone())
        .build();
    let layer = tracing_opentelemetry::layer().with_tracer(traces.tracer("test"));
    with_default(tracing_subscriber::registry().with(layer), make);
    std::mem::take(&mut kept.0.lock())
}

#[test]
fn a_fetch_ahead_of_time_is_linked_to_the_check_and_not_part_of_its_trace() {
    let spans = made(|| {
        check(&TraceContext::default(), "door-1").in_scope(|| drop((fetch(false), fetch(true))));
    });
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
