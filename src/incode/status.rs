//! The state of the upstream, as this service sees it: shown by `/readyz` and exported as metrics.

use std::time::Duration;

use serde_json::{Value, json};

use super::circuit_breaker::BreakerState;

/// The state of the upstream, as this service sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Status {
    /// The state of the circuit breaker for evidence.
    pub(super) breaker: BreakerState,
    /// The calls for evidence and tokens in flight, and how many may be.
    pub(super) in_flight: (u32, u32),
    /// Whether the upstream refused our credentials, and has not accepted them since.
    pub(super) credentials_refused: bool,
    /// How far its clock is ahead of ours, in milliseconds, once that is known.
    pub(super) clock_ahead_ms: Option<i64>,
    /// Whether the two clocks differ so much that checks are decided for both.
    pub(super) clocks_apart: bool,
    /// How far our wall clock is behind the instant that checks are decided for, because it was set back.
    pub(super) clock_behind: Duration,
    /// The age of the token in use.
    pub(super) token_age: Option<Duration>,
}

impl Status {
    /// As operators see it.
    pub(super) fn to_json(self) -> Value {
        json!({
            "breaker": self.breaker.as_str(),
            "calls_in_flight": self.in_flight.0,
            "concurrency_limit": self.in_flight.1,
            "credentials_refused": self.credentials_refused,
            "clock_ahead_ms": self.clock_ahead_ms,
            "clocks_apart": self.clocks_apart,
            "clock_behind_ms": u64::try_from(self.clock_behind.as_millis()).unwrap_or(u64::MAX),
            "token_age_seconds": self.token_age.map(|age| age.as_secs()),
        })
    }
}
