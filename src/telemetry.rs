//! Logs and traces. Logs are sentences with fields, on stderr: `error` wakes someone, `warn` is looked at the next day, `info`
//! tells the life of the process. Traces go to a collector, if there is one.

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

/// How long the last spans may take to be sent: the process ends without them then.
const FLUSH_MAX: Duration = Duration::from_millis(500);

/// What has to be ended with the process.
#[derive(Debug)]
#[must_use = "the last spans are sent by `flush`"]
pub struct Telemetry {
    traces: Option<SdkTracerProvider>,
}

/// Starts logging, in colours or not, and tracing if there is a collector. Of other crates, only warnings are logged, and no spans are kept.
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
    // A second start, as in tests, leaves the first one's settings.
    let Some(collector) = &trace.otlp_endpoint else {
        // Without a layer for spans, not even one that does nothing, nobody is asked whether one is wanted.
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
    /// Sends the last spans, within a bound.
    pub async fn flush(self) {
        if let Some(traces) = self.traces {
            // What is not sent by then is dropped, and told by the collector.
            let _ = spawn_blocking(move || traces.shutdown_with_timeout(FLUSH_MAX)).await;
        }
    }
}

/// Tells lines to a person or a machine.
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

/// Hands our spans, and nothing of the log, to those who send them.
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
