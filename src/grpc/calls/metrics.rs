//! The metrics of calls.

use std::time::Duration;

use prometheus::{HistogramVec, IntCounterVec, IntGauge, Opts, Registry, histogram_opts};
use tonic::Code;

use super::method::{DECIDING, WITH_ITEMS};
use crate::{
    callers::{CallerName, Callers},
    metrics::register_pruned,
    proto::code_name,
};

/// The labels of the calls by caller.
const CALLER: &str = "caller";
const CODE: &str = "code";

/// Buckets in seconds, from a warm answer to the longest that a door waits.
const CALL_SECONDS: [f64; 12] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
];

/// Every code of gRPC, in the order of its numbers.
const CODES: [Code; 17] = [
    Code::Ok,
    Code::Cancelled,
    Code::Unknown,
    Code::InvalidArgument,
    Code::DeadlineExceeded,
    Code::NotFound,
    Code::AlreadyExists,
    Code::PermissionDenied,
    Code::ResourceExhausted,
    Code::FailedPrecondition,
    Code::Aborted,
    Code::OutOfRange,
    Code::Unimplemented,
    Code::Internal,
    Code::Unavailable,
    Code::DataLoss,
    Code::Unauthenticated,
];

/// The metrics of calls.
#[derive(Debug)]
pub(super) struct Metrics {
    calls: IntCounterVec,
    seconds: HistogramVec,
    by_caller: IntCounterVec,
    items: IntCounterVec,
    /// Streams of checks that are open.
    pub(super) streams: IntGauge,
}

impl Metrics {
    pub(super) fn register(
        registry: &Registry,
        callers: Callers,
    ) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            calls: IntCounterVec::new(
                Opts::new("verigate_calls_total", "gRPC calls, by method and code."),
                &["method", "code"],
            )?,
            seconds: HistogramVec::new(
                histogram_opts!(
                    "verigate_call_duration_seconds",
                    "Duration of gRPC calls, from the request's head to the end of the answer, by method.",
                    CALL_SECONDS.to_vec()
                ),
                &["method"],
            )?,
            by_caller: IntCounterVec::new(
                Opts::new(
                    "verigate_caller_calls_total",
                    "gRPC calls, and checks in batches and streams, by caller and code.",
                ),
                &[CODE, CALLER],
            )?,
            items: IntCounterVec::new(
                Opts::new(
                    "verigate_call_items_total",
                    "Checks in batches and streams, by method and code.",
                ),
                &["method", "code"],
            )?,
            streams: IntGauge::new(
                "verigate_check_streams",
                "Open streams of StreamCheckAccess.",
            )?,
        };
        // So that `rate()` sees the first error of a caller. The other methods are for operators.
        for method in DECIDING {
            for code in CODES {
                metrics.calls.with_label_values(&[method, code_name(code)]);
            }
        }
        for method in WITH_ITEMS {
            for code in CODES {
                metrics.items.with_label_values(&[method, code_name(code)]);
            }
        }
        registry.register(Box::new(metrics.items.clone()))?;
        registry.register(Box::new(metrics.streams.clone()))?;
        registry.register(Box::new(metrics.calls.clone()))?;
        registry.register(Box::new(metrics.seconds.clone()))?;
        let is_kept = move |caller: &str| {
            matches!(caller, CallerName::ANONYMOUS | CallerName::UNKNOWN) || callers.has(caller)
        };
        register_pruned(registry, metrics.by_caller.clone(), [CODE, CALLER], is_kept)?;
        Ok(metrics)
    }

    /// Counts a call that took this long.
    pub(super) fn call(&self, method: &str, code: &str, caller: &str, elapsed: Duration) {
        self.by_caller.with_label_values(&[code, caller]).inc();
        self.calls.with_label_values(&[method, code]).inc();
        self.seconds
            .with_label_values(&[method])
            .observe(elapsed.as_secs_f64());
    }
}

impl Metrics {
    /// Counts a check of a batch or a stream.
    pub(super) fn item(&self, method: &str, code: Code, caller: &str) {
        let code = code_name(code);
        self.by_caller.with_label_values(&[code, caller]).inc();
        self.items.with_label_values(&[method, code]).inc();
    }
}
