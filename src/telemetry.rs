//! Logs and traces. A log line has an event, fields and a message, and goes to stderr. Levels: `error` needs somebody now, `warn` needs
//! somebody on the next working day, `info` is about the life of the process. Traces go to a collector, if one is configured.

mod collector;
mod config;

use std::{io, sync::Arc, time::Duration};

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::{runtime::Handle, task::spawn_blocking};
use tracing::Subscriber;
use tracing_subscriber::{
    Layer,
    filter::{LevelFilter, Targets},
    fmt,
    layer::SubscriberExt as _,
    registry::LookupSpan,
    util::SubscriberInitExt as _,
};

pub use self::config::{LogConfig, TraceConfig};
use crate::{clock::Clock, span};

/// How long the process waits for the last spans to be sent before it exits.
const FLUSH_MAX: Duration = Duration::from_millis(500);

/// The tracing that has to be flushed before the process exits.
#[derive(Debug)]
#[must_use = "the last spans are sent by `flush`"]
pub struct Telemetry {
    traces: Option<SdkTracerProvider>,
}

/// Starts logging, in colours or not, and tracing if a collector is configured. Other crates log only warnings, and their spans are
/// dropped.
pub fn start(
    log: LogConfig,
    colours: bool,
    trace: &TraceConfig,
    runtime: &Handle,
    clock: Arc<dyn Clock>,
) -> anyhow::Result<Telemetry> {
    let ours = LevelFilter::from_level(log.level);
    let lines = Targets::new()
        .with_target("verigate", ours)
        .with_target(span::TARGET, LevelFilter::OFF)
        .with_default(ours.min(LevelFilter::WARN));
    let lines = tracing_subscriber::registry().with(printer(log, colours).with_filter(lines));
    // A second start in one process, as in tests, keeps the settings of the first one.
    let Some(collector) = &trace.otlp_endpoint else {
        // No layer for spans at all, not even a no-op: so creating a span costs nothing.
        let _ = lines.try_init();
        return Ok(Telemetry { traces: None });
    };
    let traces = collector::start(trace, collector, runtime.clone(), clock)?;
    let _ = lines.with(tracer(&traces)).try_init();
    Ok(Telemetry {
        traces: Some(traces),
    })
}

impl Telemetry {
    /// Sends the last spans, for at most half a second.
    pub async fn flush(self) {
        if let Some(traces) = self.traces {
            // Spans that are not sent by then are dropped, and the collector logs that.
            let _ = spawn_blocking(move || traces.shutdown_with_timeout(FLUSH_MAX)).await;
        }
    }
}

/// Writes log lines as text or as JSON.
fn printer<S>(log: LogConfig, colours: bool) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'s> LookupSpan<'s>,
{
    if log.json {
        fmt::layer().json().with_writer(io::stderr).boxed()
    } else {
        fmt::layer()
            .with_target(false)
            .with_ansi(colours)
            .with_writer(io::stderr)
            .boxed()
    }
}

/// Passes our own spans, and no log lines, to the exporter.
fn tracer<S>(traces: &SdkTracerProvider) -> impl Layer<S> + use<S>
where
    S: Subscriber + for<'s> LookupSpan<'s>,
{
    tracing_opentelemetry::layer()
        .with_tracer(traces.tracer("verigate"))
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_level(false)
        .with_tracked_inactivity(false)
        .with_filter(Targets::new().with_target(span::TARGET, LevelFilter::INFO))
}
