//! The circuit breaker: if at least half of the last calls failed, it opens and no call is made. After less than a second it lets
//! single calls through as probes, and closes when two of them succeeded.
//!
//! Why it counts calls and not time: the window is the same at one call a minute and at a hundred a second, so that a few failures
//! at night do not open it, and an outage under load opens it within milliseconds.
//!
//! Why a failure about a verification that failed before does not count: some verifications fail always, whatever the state of the
//! upstream, for example because it responds with 500 to their id. A caller that repeats such a check ten times a second would open
//! the circuit breaker for everybody. See [`CallResult::RepeatedFailure`].
//!
//! The uptime is an argument, so that tests need not wait.

mod window;

use std::time::Duration;

use parking_lot::Mutex;

use self::window::Window;
use crate::{
    jitter::lengthen,
    log_throttle::{LogThrottle, throttled},
};

/// How long it stays open, and up to half as much again. Short, because a probe costs one call, and people wait at doors.
const OPEN_FOR: Duration = Duration::from_millis(750);
/// How many probes in a row must succeed before it closes.
const PROBES: u32 = 2;

/// Decides whether a call may be made, by the results of the calls before it.
#[derive(Debug)]
pub(super) struct CircuitBreaker(Mutex<BreakerInner>);

#[derive(Debug)]
struct BreakerInner {
    state: State,
    /// Counts the changes of state. The result of a call that was admitted before the last change does not count.
    generation: u64,
    log: LogThrottle,
}

#[derive(Debug)]
enum State {
    Closed(Window),
    Open {
        /// The uptime at which the first probe is admitted.
        until: Duration,
    },
    HalfOpen {
        /// Whether a probe is in flight.
        probing: bool,
        /// How many probes have succeeded.
        succeeded: u32,
    },
}

/// A call that was admitted; its result is recorded with it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ticket {
    generation: u64,
    is_probe: bool,
}

impl Ticket {
    /// Whether the call probes whether the upstream has recovered.
    pub(super) fn is_probe(self) -> bool {
        self.is_probe
    }
}

/// The state of the circuit breaker, as operators see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BreakerState {
    /// Calls are made.
    Closed,
    /// One probe at a time is made.
    HalfOpen,
    /// No call is made.
    Open,
}

impl BreakerState {
    /// The state's name for operators.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half_open",
            Self::Open => "open",
        }
    }

    /// The state's number in metrics.
    pub(super) fn number(self) -> f64 {
        match self {
            Self::Closed => 0.0,
            Self::HalfOpen => 1.0,
            Self::Open => 2.0,
        }
    }
}

/// What a call says about the health of the upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CallResult {
    /// The upstream processed the call, even if it refused it.
    Success,
    /// It did not.
    Failure,
    /// It did not, for a verification for which it failed before: this says little about its health.
    RepeatedFailure,
    /// Nothing: it asked us to slow down, or the call had too little time.
    Ignored,
}

impl CircuitBreaker {
    /// A closed one.
    pub(super) fn new() -> Self {
        Self(Mutex::new(BreakerInner {
            state: State::Closed(Window::default()),
            generation: 0,
            log: LogThrottle::default(),
        }))
    }

    /// Admits a call, or rejects it with `None`.
    pub(super) fn admit(&self, uptime: Duration) -> Option<Ticket> {
        let mut inner = self.0.lock();
        match &mut inner.state {
            State::Closed(_) => {}
            State::Open { until } if uptime < *until => return None,
            State::Open { .. } => {
                let half_open = State::HalfOpen {
                    probing: true,
                    succeeded: 0,
                };
                inner.change(half_open, uptime);
            }
            State::HalfOpen { probing: true, .. } => return None,
            State::HalfOpen { probing, .. } => *probing = true,
        }
        Some(Ticket {
            generation: inner.generation,
            is_probe: !matches!(inner.state, State::Closed(_)),
        })
    }

    /// Whether [`Self::admit`] would admit a call now. Another call may be admitted first.
    pub(super) fn would_admit(&self, uptime: Duration) -> bool {
        match &self.0.lock().state {
            State::Closed(_) => true,
            State::Open { until } => *until <= uptime,
            State::HalfOpen { probing, .. } => !probing,
        }
    }

    /// Records the result of a call that was admitted.
    pub(super) fn record(&self, ticket: Ticket, result: CallResult, uptime: Duration) {
        let mut inner = self.0.lock();
        if ticket.generation != inner.generation {
            return;
        }
        let open = || State::Open {
            until: uptime.saturating_add(lengthen(OPEN_FOR)),
        };
        // The next probe is due soon, for another verification; but in an outage, every verification may have failed before.
        let open_briefly = || State::Open {
            until: uptime.saturating_add(lengthen(OPEN_FOR / 4)),
        };
        let next = match (&mut inner.state, result) {
            (State::Open { .. }, _)
            | (State::Closed(_), CallResult::RepeatedFailure | CallResult::Ignored) => None,
            (State::Closed(window), CallResult::Success | CallResult::Failure) => {
                window.record(result == CallResult::Failure);
                window.is_failing().then(open)
            }
            (State::HalfOpen { .. }, CallResult::Failure) => Some(open()),
            (State::HalfOpen { .. }, CallResult::RepeatedFailure) => Some(open_briefly()),
            (State::HalfOpen { probing, succeeded }, CallResult::Success | CallResult::Ignored) => {
                *probing = false;
                *succeeded += u32::from(result == CallResult::Success);
                (*succeeded >= PROBES).then(|| State::Closed(Window::default()))
            }
        };
        if let Some(next) = next {
            inner.change(next, uptime);
        }
    }

    /// Its state.
    pub(super) fn state(&self) -> BreakerState {
        match self.0.lock().state {
            State::Closed(_) => BreakerState::Closed,
            State::Open { .. } => BreakerState::Open,
            State::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }
}

impl BreakerInner {
    fn change(&mut self, next: State, uptime: Duration) {
        match (&self.state, &next) {
            (State::Closed(window), State::Open { .. }) => {
                let (failed_calls, calls) = (window.failed_calls(), window.calls());
                throttled!(
                    self.log,
                    uptime,
                    warn,
                    "circuit_breaker_opened",
                    failed_calls,
                    calls,
                    "circuit breaker opened: {failed_calls} of the last {calls} calls failed; probing once per second"
                );
            }
            (_, State::Closed(_)) => {
                throttled!(
                    self.log,
                    uptime,
                    info,
                    "circuit_breaker_closed",
                    "circuit breaker closed: upstream recovered"
                );
            }
            _ => {}
        }
        self.state = next;
        self.generation = self.generation.wrapping_add(1);
    }
}

#[cfg(test)]
mod tests;
