//! Admission control: everything that decides on our side whether a call to the upstream may be made now.
//!
//! Four limits, because each bounds something that the others do not:
//!
//! - The rate limit ([`Turns`]) keeps to what the tenant may do. A fast upstream would otherwise be asked too often.
//! - The concurrency limit ([`adaptive_limit`]) bounds the calls in flight. A slow upstream would otherwise collect calls at the permitted
//!   rate: at 100 calls a second of 2 s each, 200 of them.
//! - The pause obeys the upstream's `Retry-After`: it knows its own state better than we do.
//! - The [`CircuitBreaker`] stops calls that would fail. The other three admit calls at the full rate in an outage, each of which
//!   makes its caller wait for a timeout and adds load when the upstream recovers.
//!
//! A call that may not be made is rejected at once, or waits for its turn for at most half of `incode.timeout`, so that half is left for
//! the call. Turns are given fairly (`fair_queue`): no caller takes what the others need. The request for a token never waits, because
//! every other call needs it.

mod adaptive_limit;
mod fair_queue;
mod turns;

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;

use self::{
    adaptive_limit::Ended,
    turns::{Concurrency, NoTurn, Turn, Turns},
};
use super::{
    api_call::{AdmissionError, CallContext, Order},
    circuit_breaker::{BreakerState, CallResult, CircuitBreaker, Ticket},
    config::Config,
    metrics::Metrics,
};
use crate::{
    clock::{Clock, Reading},
    flight::Spawn,
    jitter::lengthen,
    log_throttle::{LogThrottle, throttled},
    rate_limit::Rate,
};

/// How long calls are paused if the upstream asks for a pause of no stated length; and up to half as much again.
const PAUSE: Duration = Duration::from_secs(1);
/// The longest pause, whatever the upstream asks for.
const PAUSE_MAX: Duration = Duration::from_mins(5);

/// Admits calls to the upstream. Calls of one class share it.
#[derive(Debug)]
pub(super) struct Admission {
    turns: Turns,
    breaker: CircuitBreaker,
    /// The uptime until which the upstream asked us not to call.
    paused_until: Mutex<Duration>,
    log: LogThrottle,
    /// How long a lookup may take. Half of it may be spent waiting for a permit.
    timeout: Duration,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
}

/// A permit for one call. Dropping it without [`CallPermit::finish`] records a cancellation: a failure if half of `incode.timeout` had passed.
#[derive(Debug)]
pub(super) struct CallPermit<'a> {
    admission: &'a Admission,
    ticket: Ticket,
    result: Option<CallResult>,
    /// Whether it found what it asked for.
    found: bool,
    /// Whether the last fetch of the same verification failed.
    failed_before: bool,
    started: Reading,
    /// Gives the place among the calls in flight back.
    turn: Turn,
}

impl Admission {
    pub(super) fn new(
        config: &Config,
        rate: Rate,
        clock: Arc<dyn Clock>,
        spawn: Spawn,
        metrics: Metrics,
    ) -> Self {
        let concurrency = Concurrency {
            lowest: config.concurrency_min,
            highest: config.concurrency,
        };
        Self {
            turns: Turns::new(rate, concurrency, Arc::clone(&clock), spawn),
            breaker: CircuitBreaker::new(),
            paused_until: Mutex::default(),
            log: LogThrottle::default(),
            timeout: config.timeout,
            clock,
            metrics,
        }
    }

    /// Waits for a permit for one call, or rejects it.
    pub(super) async fn acquire(
        &self,
        context: CallContext,
    ) -> Result<CallPermit<'_>, AdmissionError> {
        let permit = self.try_acquire(context).await;
        if let Err(rejection) = permit {
            self.metrics.rejected(rejection);
        }
        permit
    }

    async fn try_acquire(&self, context: CallContext) -> Result<CallPermit<'_>, AdmissionError> {
        let uptime = self.uptime();
        self.check_pause(uptime)?;
        // Checked before waiting, so that a call that would be rejected takes no token of the rate limit.
        if !self.breaker.would_admit(uptime) {
            return Err(AdmissionError::BreakerOpen);
        }
        let turn = match context.order {
            Order::AtOnce => Ok(self.turns.at_once()),
            Order::InTurn(priority, caller) => {
                self.turns.wait(priority, caller, self.timeout / 2).await
            }
        };
        let turn = turn.map_err(|missing| match missing {
            NoTurn::Rate => AdmissionError::OverRate,
            NoTurn::Concurrency => AdmissionError::OverConcurrency,
        })?;
        // Checked again: both may have changed while it waited.
        let uptime = self.uptime();
        self.check_pause(uptime)?;
        let ticket = self.breaker.admit(uptime);
        Ok(CallPermit {
            admission: self,
            ticket: ticket.ok_or(AdmissionError::BreakerOpen)?,
            result: None,
            found: false,
            failed_before: context.failed_before,
            started: self.clock.read(),
            turn,
        })
    }

    fn check_pause(&self, uptime: Duration) -> Result<(), AdmissionError> {
        if uptime < *self.paused_until.lock() {
            Err(AdmissionError::RetryAfter)
        } else {
            Ok(())
        }
    }

    /// Pauses all calls, because the upstream asked for it: for this long, if it said how long.
    pub(super) fn pause(&self, requested: Option<Duration>) {
        let pause = requested.map_or_else(|| lengthen(PAUSE), |pause| pause.min(PAUSE_MAX));
        let uptime = self.uptime();
        let until = uptime.saturating_add(pause);
        let mut paused_until = self.paused_until.lock();
        // Once for all calls in flight, which may all be asked to.
        if *paused_until <= uptime {
            self.turns.slow_down();
        }
        if *paused_until < until {
            *paused_until = until;
            throttled!(
                self.log,
                uptime,
                warn,
                "upstream_paused",
                pause_seconds = pause.as_secs_f64(),
                "upstream asked to slow down; calls are paused: if this persists, lower incode.rate until all replicas together stay below the tenant's limit"
            );
        }
    }

    /// The state of the circuit breaker.
    pub(super) fn breaker_state(&self) -> BreakerState {
        self.breaker.state()
    }

    /// How many calls are in flight, and how many may be.
    pub(super) fn in_flight(&self) -> (u32, u32) {
        self.turns.in_flight()
    }

    fn uptime(&self) -> Duration {
        self.clock.moment().uptime
    }
}

impl CallPermit<'_> {
    /// Whether the call is a probe of the circuit breaker.
    pub(super) fn is_probe(&self) -> bool {
        self.ticket.is_probe()
    }

    /// Records how the call ended, and whether it found what it asked for.
    pub(super) fn finish(mut self, result: CallResult, found: bool) {
        self.result = Some(result);
        self.found = found;
    }
}

impl Drop for CallPermit<'_> {
    fn drop(&mut self) {
        let result = self.result.unwrap_or_else(|| {
            // Cancelled. A call that started late may have been cancelled before an upstream in good health could respond.
            if self.started.elapsed() >= self.admission.timeout / 2 {
                CallResult::Failure
            } else {
                CallResult::Ignored
            }
        });
        let result = match result {
            CallResult::Failure if self.failed_before => CallResult::RepeatedFailure,
            result => result,
        };
        self.turn.ended(match result {
            CallResult::Success if self.found => Ended::Found,
            CallResult::Success => Ended::Otherwise,
            CallResult::Failure => Ended::Failed,
            CallResult::RepeatedFailure | CallResult::Ignored => Ended::Unknown,
        });
        let uptime = self.admission.uptime();
        self.admission.breaker.record(self.ticket, result, uptime);
    }
}

#[cfg(test)]
mod tests;
