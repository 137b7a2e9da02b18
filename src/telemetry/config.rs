//! What is logged and traced.

use url::Url;

/// The settings of traces.
#[derive(Debug, Clone, Default)]
pub struct TraceConfig {
    /// The address of the collector, to which `/v1/traces` is appended. No traces are sent if it is `None`.
    pub otlp_endpoint: Option<Url>,
    /// The share of traces that are sent among those that begin here, from 0.0 to 1.0.
    pub sample: f64,
}

/// The settings of the log.
#[derive(Debug, Clone, Copy)]
pub struct LogConfig {
    /// The least severe level that is logged.
    pub level: tracing::Level,
    /// Whether lines are JSON, and not text.
    pub json: bool,
}
