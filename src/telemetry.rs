//! Logs and traces. A log line has an event, fields and a message, and goes to stderr through a queue (`log_queue`). Levels: `error` needs somebody now, `warn` needs
//! somebody on the next working day, `info` is about the life of the process. Traces go to a collector, if one is configured.

mod collector;
mod config;
mod log_queue;
mod otlp;
mod panics;

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::SdkTracerProvider;
use prometheus::Registry;
use tokio::{runtime::Handle, task::spawn_blocking, time::timeout};
use tracing::Subscriber;
use tracing_subscriber::{
    Layer,
    filter::{LevelFilter, Targets},
    fmt,
    layer::SubscriberExt as _,
    registry::LookupSpan,
    util::SubscriberInitExt as _,
};

use self::log_queue::LogQueue;
pub use self::{
    config::{LogConfig, TraceConfig},
    otlp::{OtlpClient, OtlpError, SERVICE, Signal},
};
use crate::{clock::Clock, metrics::counter_of, span};

/// How long the process waits for the last spans to be sent before it exits, and after that for the last log lines to be written.
const FLUSH_MAX: Duration = Duration::from_millis(500);

/// What has to be flushed before the process exits.
#[derive(Debug)]
#[must_use = "the last spans and log lines are sent by `flush`"]
pub struct Telemetry {
    traces: Option<SdkTracerProvider>,
    log: LogQueue,
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
    let queue = LogQueue::to_stderr().context("cannot start the thread that writes the log")?;
    let printer = printer(log, colours, queue.clone());
    let lines = tracing_subscriber::registry().with(printer.with_filter(lines));
    panics::log();
    // A second start in one process, as in tests, keeps the settings of the first one.
    let Some(collector) = &trace.otlp_endpoint else {
        // No layer for spans at all, not even a no-op: so creating a span costs nothing.
        let _ = lines.try_init();
        return Ok(Telemetry {
            traces: None,
            log: queue,
        });
    };
    let traces = collector::start(trace, collector, runtime.clone(), clock)?;
    let _ = lines.with(tracer(&traces)).try_init();
    Ok(Telemetry {
        traces: Some(traces),
        log: queue,
    })
}

/// Registers the metrics of the log.
pub fn register_metrics(registry: &Registry) -> Result<(), prometheus::Error> {
    counter_of(
        registry,
        "verigate_log_lines_dropped_total",
        "Log lines dropped because stderr was not read fast enough, or refused them.",
        log_queue::dropped,
    )
}

impl Telemetry {
    /// Sends the last spans and writes the last log lines, for at most half a second each.
    pub async fn flush(self) {
        if let Some(traces) = self.traces {
            // Spans that are not sent by then are dropped, and the collector logs that.
            let sent = spawn_blocking(move || traces.shutdown_with_timeout(FLUSH_MAX));
            // Twice as long, in case that the exporter does not keep its own time.
            let _ = timeout(FLUSH_MAX.saturating_mul(2), sent).await;
        }
        // Lines that are not written by then are lost.
        let _ = spawn_blocking(move || self.log.flush(FLUSH_MAX)).await;
    }
}

/// Queues log lines as text or as JSON.
fn printer<S>(log: LogConfig, colours: bool, queue: LogQueue) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'s> LookupSpan<'s>,
{
    if log.json {
        fmt::layer()
            .json()
            // An error would be printed to stderr, and that could block.
            .log_internal_errors(false)
            .with_writer(queue)
            .boxed()
    } else {
        fmt::layer()
            .with_target(false)
            .with_ansi(colours)
            .log_internal_errors(false)
            .with_writer(queue)
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
