//! The circuit breaker: when too many calls fail none is made for a moment, then a few are tried one at a time. Told the
//! time, so that it can be tested without waiting.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tracing::{info, warn};

use crate::{jitter::lengthen, log_throttle::LogThrottle};

/// It judges by so many calls, the last ones.
const WINDOW: u32 = 20;
/// It does not judge by fewer.
const CALLS_MIN: u32 = 10;
/// It stays open for this, and up to half as much again: short, because a try costs one call, and doors wait.
const OPEN_FOR: Duration = Duration::from_millis(750);
/// So many tries in a row must succeed before it closes.
const TRIES: u32 = 2;

/// Lets calls through, or not.
#[derive(Debug)]
pub(super) struct Breaker(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    state: State,
    /// Counts the changes of state, so that a call that began before the last one does not count.
    era: u64,
    /// An upstream that comes and goes is told of once a minute.
    log: LogThrottle,
}

#[derive(Debug)]
enum State {
    Closed(Window),
    /// Until then, by the time that the process has been running.
    Open(Duration),
    HalfOpen {
        trying: bool,
        succeeded: u32,
    },
}

/// How the last calls ended, one bit each; a set bit is a failure.
#[derive(Debug, Clone, Copy, Default)]
struct Window {
    failures: u32,
    calls: u32,
}

/// A call that was let through.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trial {
    era: u64,
}

/// The state of the breaker, as operators see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// Calls are made.
    Closed,
    /// One probe at a time is made.
    HalfOpen,
    /// No call is made.
    Open,
}

impl BreakerState {
    /// The state's name for operators.
    pub fn as_str(self) -> &'static str {
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

/// How a call ended, as far as the upstream's health goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It answered sensibly, if not as one would like.
    Answered,
    /// It did not.
    Failed,
    /// It did not, about one that it failed the last time too: that says little about it.
    FailedAgain,
    /// It is well but asks for peace, or was not given its time.
    Neither,
}

impl Breaker {
    /// Closed: every call is let through.
    pub(super) fn new() -> Self {
        Self(Mutex::new(Inner {
            state: State::Closed(Window::default()),
            era: 0,
            log: LogThrottle::default(),
        }))
    }

    /// Lets a call through, or not.
    pub(super) fn admit(&self, uptime: Duration) -> Option<Trial> {
        let mut inner = self.lock();
        match &mut inner.state {
            State::Closed(_) => {}
            State::Open(until) if uptime < *until => return None,
            State::Open(_) => {
                let trying = State::HalfOpen {
                    trying: true,
                    succeeded: 0,
                };
                inner.change(trying, uptime);
            }
            State::HalfOpen { trying: true, .. } => return None,
            State::HalfOpen { trying, .. } => *trying = true,
        }
        Some(Trial { era: inner.era })
    }

    /// Whether a call would be let through. It may be otherwise when it comes to it.
    pub(super) fn would_admit(&self, uptime: Duration) -> bool {
        match &self.lock().state {
            State::Closed(_) => true,
            State::Open(until) => *until <= uptime,
            State::HalfOpen { trying, .. } => !trying,
        }
    }

    /// A call that was let through has ended.
    pub(super) fn ended(&self, trial: Trial, outcome: Outcome, uptime: Duration) {
        let mut inner = self.lock();
        if trial.era != inner.era {
            return;
        }
        let open = || State::Open(uptime.saturating_add(lengthen(OPEN_FOR)));
        // Another shall have the next try soon; but in an outage there may be no other.
        let open_shortly = || State::Open(uptime.saturating_add(lengthen(OPEN_FOR / 4)));
        let next = match (&mut inner.state, outcome) {
            (State::Open(_), _) => None,
            (State::Closed(window), outcome) => {
                window.note(outcome);
                window.is_bad().then(open)
            }
            (State::HalfOpen { .. }, Outcome::Failed) => Some(open()),
            (State::HalfOpen { .. }, Outcome::FailedAgain) => Some(open_shortly()),
            (State::HalfOpen { trying, succeeded }, outcome) => {
                *trying = false;
                *succeeded += u32::from(outcome == Outcome::Answered);
                (*succeeded >= TRIES).then(|| State::Closed(Window::default()))
            }
        };
        if let Some(next) = next {
            inner.change(next, uptime);
        }
    }

    /// The state as operators are told it.
    pub(super) fn state(&self) -> BreakerState {
        match self.lock().state {
            State::Closed(_) => BreakerState::Closed,
            State::Open(_) => BreakerState::Open,
            State::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn change(&mut self, next: State, uptime: Duration) {
        match (&self.state, &next) {
            (State::Closed(_), State::Open(_)) => {
                if let Some(left_out) = self.log.allow("opened", uptime) {
                    warn!(
                        left_out,
                        "half of the last calls to the upstream failed: it is left in peace and tried about once a second; the lines before this one say how it fails"
                    );
                }
            }
            (_, State::Closed(_)) => {
                if let Some(left_out) = self.log.allow("closed", uptime) {
                    info!(left_out, "the upstream is well again");
                }
            }
            _ => {}
        }
        self.state = next;
        self.era = self.era.wrapping_add(1);
    }
}

impl Window {
    fn note(&mut self, outcome: Outcome) {
        if matches!(outcome, Outcome::Answered | Outcome::Failed) {
            let mask = (1 << WINDOW) - 1;
            let failed = u32::from(outcome == Outcome::Failed);
            self.failures = (self.failures << 1 | failed) & mask;
            self.calls = WINDOW.min(self.calls + 1);
        }
    }

    /// Whether half of the calls failed, or more.
    fn is_bad(self) -> bool {
        self.calls >= CALLS_MIN && self.failures.count_ones() * 2 >= self.calls
    }
}

#[cfg(test)]
mod tests;
