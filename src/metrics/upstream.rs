//! The metrics of the upstream: what is asked of it, what is not, and how it is doing.

use std::time::Duration;

use prometheus::{
    Gauge, HistogramTimer, HistogramVec, IntCounter, IntCounterVec, IntGauge, Registry,
    histogram_opts, register_gauge_with_registry, register_histogram_vec_with_registry,
    register_int_counter_vec_with_registry, register_int_counter_with_registry,
    register_int_gauge_with_registry,
};

/// From a near data centre to the longest that a call may take.
const SECONDS: [f64; 9] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

/// A call to the upstream.
#[derive(Debug, Clone, Copy)]
pub enum UpstreamCall {
    /// Asks for a token.
    Authorize,
    /// Asks for the details of a verification.
    Details,
    /// Asks for a link by which a person verifies again.
    Link,
}

impl UpstreamCall {
    /// The call as metrics and logs name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Authorize => "authorize",
            Self::Details => "details",
            Self::Link => "link",
        }
    }
}

/// Why a call to the upstream was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// The upstream asked for peace.
    RetryAfter,
    /// It failed too often just now.
    BreakerOpen,
    /// There were too many calls a second.
    RateLimited,
}

impl Held {
    /// Every reason.
    pub const ALL: [Self; 3] = [Self::RetryAfter, Self::BreakerOpen, Self::RateLimited];

    /// The reason as metrics name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RetryAfter => "retry_after",
            Self::BreakerOpen => "breaker_open",
            Self::RateLimited => "rate_limited",
        }
    }
}

/// What comes of wanting evidence that is not at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fetch {
    /// A fetch that somebody waits for.
    Cold,
    /// A fetch ahead of time.
    Refresh,
    /// Another's fetch, waited for together.
    Joined,
    /// None: the caller has used its quota.
    Refused,
}

impl Fetch {
    /// Everything that may come of it.
    pub const ALL: [Self; 4] = [Self::Cold, Self::Refresh, Self::Joined, Self::Refused];

    /// What comes of it, as metrics name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cold => "cold",
            Self::Refresh => "refresh",
            Self::Joined => "joined",
            Self::Refused => "refused",
        }
    }
}

/// The state of the breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// Calls are made.
    Closed,
    /// One call at a time is tried.
    HalfOpen,
    /// No call is made.
    Open,
}

impl BreakerState {
    /// The state as operators are told it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half_open",
            Self::Open => "open",
        }
    }

    fn number(self) -> i64 {
        match self {
            Self::Closed => 0,
            Self::HalfOpen => 1,
            Self::Open => 2,
        }
    }
}

/// How the upstream is doing.
#[derive(Debug, Clone, Copy)]
pub struct Upstream {
    /// Whether calls are made at all.
    pub breaker: BreakerState,
    /// Whether it refused our credentials, and has not accepted them since.
    pub credentials_refused: bool,
    /// How far its clock is ahead of ours, if that is known.
    pub clock_ahead_ms: Option<i64>,
    /// Whether the two clocks are too far apart to judge ages by.
    pub clocks_apart: bool,
    /// How old the token in use is.
    pub token_age: Option<Duration>,
}

/// The metrics of the upstream.
pub(super) struct UpstreamMetrics {
    calls: IntCounterVec,
    seconds: HistogramVec,
    held_back: IntCounterVec,
    second_tries: IntCounter,
    fetches: IntCounterVec,
    breaker: IntGauge,
    credentials_refused: IntGauge,
    clock_ahead_seconds: Gauge,
    token_age_seconds: Gauge,
}

impl UpstreamMetrics {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            calls: register_int_counter_vec_with_registry!(
                "verigate_upstream_calls_total",
                "Calls to the upstream, by call and outcome.",
                &["call", "outcome"],
                registry
            )?,
            seconds: register_histogram_vec_with_registry!(
                histogram_opts!(
                    "verigate_upstream_call_duration_seconds",
                    "Time that calls to the upstream took, by call and outcome.",
                    SECONDS.to_vec()
                ),
                &["call", "outcome"],
                registry
            )?,
            held_back: register_int_counter_vec_with_registry!(
                "verigate_upstream_held_back_total",
                "Calls to the upstream that were not made, by the reason.",
                &["reason"],
                registry
            )?,
            second_tries: register_int_counter_with_registry!(
                "verigate_upstream_second_tries_total",
                "Look-ups that were tried a second time.",
                registry
            )?,
            fetches: register_int_counter_vec_with_registry!(
                "verigate_fetches_total",
                "Wishes for evidence that was not at hand, by what came of them.",
                &["kind"],
                registry
            )?,
            breaker: register_int_gauge_with_registry!(
                "verigate_upstream_breaker_state",
                "Whether calls to the upstream are made: 0 closed, 1 half open, 2 open.",
                registry
            )?,
            credentials_refused: register_int_gauge_with_registry!(
                "verigate_upstream_credentials_refused",
                "Whether the upstream refuses our credentials: 1, or 0.",
                registry
            )?,
            clock_ahead_seconds: register_gauge_with_registry!(
                "verigate_upstream_clock_ahead_seconds",
                "How far the upstream's clock is ahead of ours; 0 while that is not known.",
                registry
            )?,
            token_age_seconds: register_gauge_with_registry!(
                "verigate_upstream_token_age_seconds",
                "How old the upstream's token is; 0 while there is none.",
                registry
            )?,
        };
        // A rise from nought shows only if the nought was there before.
        for held in Held::ALL {
            metrics.held_back.with_label_values(&[held.as_str()]);
        }
        for fetch in Fetch::ALL {
            metrics.fetches.with_label_values(&[fetch.as_str()]);
        }
        Ok(metrics)
    }

    pub(super) fn call(&self, call: UpstreamCall) -> UpstreamTimer {
        UpstreamTimer {
            calls: self.calls.clone(),
            seconds: self.seconds.clone(),
            call,
            outcome: "timed_out",
            timer: Some(
                self.seconds
                    .with_label_values(&[call.as_str(), "timed_out"])
                    .start_timer(),
            ),
        }
    }

    pub(super) fn held_back(&self, why: Held) {
        self.held_back.with_label_values(&[why.as_str()]).inc();
    }

    pub(super) fn second_try(&self) {
        self.second_tries.inc();
    }

    pub(super) fn fetch(&self, fetch: Fetch) {
        self.fetches.with_label_values(&[fetch.as_str()]).inc();
    }

    pub(super) fn condition(&self, upstream: &Upstream) {
        self.breaker.set(upstream.breaker.number());
        let refused = i64::from(upstream.credentials_refused);
        self.credentials_refused.set(refused);
        let ahead_ms = upstream.clock_ahead_ms.unwrap_or(0);
        // No clock is so far ahead that a whole number of its milliseconds does not fit.
        #[expect(clippy::cast_precision_loss, reason = "shown to people")]
        self.clock_ahead_seconds.set(ahead_ms as f64 / 1000.0);
        let age = upstream.token_age.unwrap_or_default();
        self.token_age_seconds.set(age.as_secs_f64());
    }
}

/// A call to the upstream under way. One that is dropped before it ends has timed out.
#[derive(Debug)]
pub struct UpstreamTimer {
    calls: IntCounterVec,
    seconds: HistogramVec,
    call: UpstreamCall,
    outcome: &'static str,
    timer: Option<HistogramTimer>,
}

impl UpstreamTimer {
    /// The call has ended so.
    pub fn ended(mut self, outcome: &'static str) {
        self.outcome = outcome;
    }
}

impl Drop for UpstreamTimer {
    fn drop(&mut self) {
        let labels = [self.call.as_str(), self.outcome];
        if let Some(timer) = self.timer.take() {
            let seconds = timer.stop_and_discard();
            self.seconds.with_label_values(&labels).observe(seconds);
        }
        self.calls.with_label_values(&labels).inc();
    }
}
