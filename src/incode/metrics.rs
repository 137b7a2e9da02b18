//! The metrics of the upstream: calls made, calls rejected, retries, and its state.

use prometheus::{HistogramVec, IntCounter, IntCounterVec, Opts, Registry, histogram_opts};

use super::{
    api_call::{AdmissionError, ApiCall},
    status::Status,
};
use crate::{
    clock::Reading,
    metrics::{counter_by, gauge_of},
};

/// Buckets in seconds: from the latency of a near data centre to the longest timeout.
const CALL_SECONDS: [f64; 9] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

/// The metrics of calls to the upstream.
#[derive(Debug, Clone)]
pub(super) struct Metrics {
    calls: IntCounterVec,
    seconds: HistogramVec,
    rejected: IntCounterVec,
    retries: IntCounter,
    replaced: IntCounterVec,
}

/// Why the connections to the upstream are replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Replacement {
    /// They are old.
    Age,
    /// A call had no complete response.
    Failure,
    /// The circuit breaker probes.
    Probe,
    /// The files of certificates or the credentials of the proxy have changed.
    Files,
}

impl Replacement {
    const ALL: [Self; 4] = [Self::Age, Self::Failure, Self::Probe, Self::Files];

    /// The reason's name in metrics.
    fn as_str(self) -> &'static str {
        match self {
            Self::Age => "age",
            Self::Failure => "failure",
            Self::Probe => "probe",
            Self::Files => "files",
        }
    }
}

impl Metrics {
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            calls: IntCounterVec::new(
                Opts::new(
                    "verigate_upstream_calls_total",
                    "Calls to the upstream, by call and outcome.",
                ),
                &["call", "outcome"],
            )?,
            seconds: HistogramVec::new(
                histogram_opts!(
                    "verigate_upstream_call_duration_seconds",
                    "Duration of calls to the upstream, by call and outcome.",
                    CALL_SECONDS.to_vec()
                ),
                &["call", "outcome"],
            )?,
            rejected: counter_by(
                registry,
                "verigate_upstream_rejected_total",
                "Calls rejected locally, by reason.",
                "reason",
                AdmissionError::ALL.map(AdmissionError::as_str),
            )?,
            retries: IntCounter::new(
                "verigate_upstream_retries_total",
                "Lookups that were retried.",
            )?,
            replaced: counter_by(
                registry,
                "verigate_upstream_connections_replaced_total",
                "Replacements of all connections to the upstream, by reason.",
                "reason",
                Replacement::ALL.map(Replacement::as_str),
            )?,
        };
        registry.register(Box::new(metrics.calls.clone()))?;
        registry.register(Box::new(metrics.seconds.clone()))?;
        registry.register(Box::new(metrics.retries.clone()))?;
        Ok(metrics)
    }

    /// Observes a call that starts now.
    pub(super) fn call(&self, call: ApiCall, started: Reading) -> CallObserver<'_> {
        CallObserver {
            metrics: self,
            call,
            started,
            outcome: "timed_out",
        }
    }

    pub(super) fn rejected(&self, reason: AdmissionError) {
        self.rejected.with_label_values(&[reason.as_str()]).inc();
    }

    pub(super) fn replaced(&self, why: Replacement) {
        self.replaced.with_label_values(&[why.as_str()]).inc();
    }

    pub(super) fn retry(&self) {
        self.retries.inc();
    }
}

/// Observes one call when it is dropped. A call that is dropped before it ended has timed out.
#[derive(Debug)]
pub(super) struct CallObserver<'m> {
    metrics: &'m Metrics,
    call: ApiCall,
    started: Reading,
    outcome: &'static str,
}

impl CallObserver<'_> {
    /// The call has ended with this outcome.
    pub(super) fn ended(mut self, outcome: &'static str) {
        self.outcome = outcome;
    }
}

impl Drop for CallObserver<'_> {
    fn drop(&mut self) {
        let labels = [self.call.as_str(), self.outcome];
        let seconds = self.started.elapsed().as_secs_f64();
        self.metrics
            .seconds
            .with_label_values(&labels)
            .observe(seconds);
        self.metrics.calls.with_label_values(&labels).inc();
    }
}

/// Registers the gauges of the upstream's state. `status` is called when the metrics are collected; without one they are 0.
pub(super) fn register_state(
    registry: &Registry,
    status: impl Fn() -> Option<Status> + Clone + Send + Sync + 'static,
) -> Result<(), prometheus::Error> {
    let read = |value: fn(Status) -> f64| {
        let status = status.clone();
        move || status().map_or(0.0, value)
    };
    gauge_of(
        registry,
        "verigate_upstream_breaker_state",
        "State of the circuit breaker: 0 closed, 1 half-open, 2 open.",
        read(|status| status.breaker.number()),
    )?;
    gauge_of(
        registry,
        "verigate_upstream_concurrency_limit",
        "Calls for evidence that may be in flight to the upstream at present.",
        read(|status| f64::from(status.in_flight.1)),
    )?;
    gauge_of(
        registry,
        "verigate_upstream_calls_in_flight",
        "Calls for evidence and tokens in flight to the upstream.",
        read(|status| f64::from(status.in_flight.0)),
    )?;
    gauge_of(
        registry,
        "verigate_upstream_credentials_refused",
        "Whether the upstream refuses our credentials: 1, or 0.",
        read(|status| f64::from(u8::from(status.credentials_refused))),
    )?;
    gauge_of(
        registry,
        "verigate_upstream_clock_ahead_seconds",
        "How far the upstream's clock is ahead of our wall clock: by the last response until three agree; 0 before the first one.",
        read(|status| seconds(status.clock_ahead_ms.unwrap_or(0))),
    )?;
    gauge_of(
        registry,
        "verigate_clocks_apart",
        "Whether our clock and the upstream's differ by more than 30 s, so that checks are decided for both: 1, or 0.",
        read(|status| f64::from(u8::from(status.clocks_apart))),
    )?;
    gauge_of(
        registry,
        "verigate_clock_behind_seconds",
        "How far our wall clock is behind the instant that checks are decided for, because it was set back.",
        read(|status| status.clock_behind.as_secs_f64()),
    )?;
    gauge_of(
        registry,
        "verigate_upstream_token_age_seconds",
        "Age of the upstream's token; 0 while there is none.",
        read(|status| status.token_age.unwrap_or_default().as_secs_f64()),
    )
}

#[expect(clippy::cast_precision_loss, reason = "no clock is 2^52 ms ahead")]
fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}
