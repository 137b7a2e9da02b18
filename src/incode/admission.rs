//! What keeps us from hurting the upstream: a rate, a number of calls at once, a pause where it asks for one, and a breaker.
//! A call that may not be made fails at once, or waits its turn.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::sleep,
};
use tracing::warn;

use super::{
    circuit_breaker::{Breaker, BreakerState, Outcome, Trial},
    metrics::{Metrics, Rejection as Held},
};
use crate::{
    clock::{Clock, Reading},
    config::IncodeConfig,
    jitter::lengthen,
    log_throttle::LogThrottle,
    rate_limit::TokenBucket,
};

/// How long the upstream is left in peace when it asks for that but does not say how long; and up to half as much again.
const PAUSE: Duration = Duration::from_secs(1);
/// However long it asks for, this is as long as it gets.
const PAUSE_MAX: Duration = Duration::from_mins(5);

/// Lets calls to the upstream through, in their turn.
#[derive(Debug)]
pub(super) struct Guard {
    rate: TokenBucket,
    turns: Semaphore,
    breaker: Breaker,
    /// Until when the upstream asks for peace, by the time that the process has been running.
    paused_until: Mutex<Duration>,
    log: LogThrottle,
    patience: Duration,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
}

/// Leave to make one call. One that falls without a word was given up, which is a failure if it had its time.
#[derive(Debug)]
pub(super) struct Pass<'g> {
    guard: &'g Guard,
    trial: Trial,
    outcome: Option<Outcome>,
    /// Whether a failure says nothing about the upstream, because it is about one that failed before.
    suspect: bool,
    started: Reading,
    _turn: Option<SemaphorePermit<'g>>,
}

impl Guard {
    pub(super) fn new(account: &IncodeConfig, clock: Arc<dyn Clock>, metrics: Metrics) -> Self {
        Self {
            rate: TokenBucket::new(account.rate.per_second, account.rate.burst),
            turns: Semaphore::new(
                usize::try_from(account.concurrency)
                    .unwrap_or(usize::MAX)
                    .min(Semaphore::MAX_PERMITS),
            ),
            breaker: Breaker::new(),
            paused_until: Mutex::default(),
            log: LogThrottle::default(),
            patience: account.timeout,
            clock,
            metrics,
        }
    }

    /// Leave to make a call, after its turn has come; or why it must not be made now. Of one that is suspect a failure does
    /// not count: nobody who is always in trouble keeps the others out.
    pub(super) async fn enter(&self, suspect: bool) -> Result<Pass<'_>, Held> {
        let entered = self.try_enter(suspect).await;
        if let Err(held) = entered {
            self.metrics.rejected(held);
        }
        entered
    }

    async fn try_enter(&self, suspect: bool) -> Result<Pass<'_>, Held> {
        let uptime = self.uptime();
        self.may_go(uptime)?;
        if !self.breaker.would_admit(uptime) {
            return Err(Held::BreakerOpen);
        }
        // So that there is time left for the call.
        let wait = self.rate.take(uptime, self.patience / 2);
        sleep(wait.map_err(|_| Held::RateLimited)?).await;
        // Never closed, so that there is always a turn.
        let turn = self.turns.acquire().await.ok();
        // Much may have happened meanwhile.
        let uptime = self.uptime();
        self.may_go(uptime)?;
        let trial = self.breaker.admit(uptime).ok_or(Held::BreakerOpen)?;
        Ok(Pass {
            guard: self,
            trial,
            outcome: None,
            suspect,
            started: self.clock.read(),
            _turn: turn,
        })
    }

    fn may_go(&self, uptime: Duration) -> Result<(), Held> {
        if uptime < *self.paused_until() {
            Err(Held::RetryAfter)
        } else {
            Ok(())
        }
    }

    /// The upstream asks for peace: for so long if it says so.
    pub(super) fn pause(&self, asked_for: Option<Duration>) {
        let pause = asked_for.map_or_else(|| lengthen(PAUSE), |asked| asked.min(PAUSE_MAX));
        let uptime = self.uptime();
        let until = uptime.saturating_add(pause);
        let mut paused_until = self.paused_until();
        if *paused_until < until {
            *paused_until = until;
            if let Some(left_out) = self.log.allow("paused", uptime) {
                let seconds = pause.as_secs_f64();
                warn!(
                    seconds,
                    left_out,
                    "the upstream asks us to slow down and is left in peace: if this goes on, lower incode.rate below what it lets the tenant do, all replicas together"
                );
            }
        }
    }

    /// The breaker's state.
    pub(super) fn breaker(&self) -> BreakerState {
        self.breaker.state()
    }

    fn paused_until(&self) -> MutexGuard<'_, Duration> {
        let locked = self.paused_until.lock();
        locked.unwrap_or_else(PoisonError::into_inner)
    }

    fn uptime(&self) -> Duration {
        self.clock.moment().uptime
    }
}

impl Pass<'_> {
    /// The call has ended so.
    pub(super) fn ended(mut self, outcome: Outcome) {
        self.outcome = Some(outcome);
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let had_its_time = self.started.elapsed() >= self.guard.patience / 2;
        let outcome = match self.outcome {
            None if had_its_time => Outcome::Failed,
            // It began so late that it was given up before it could end.
            None => Outcome::Neither,
            Some(outcome) => outcome,
        };
        let outcome = match outcome {
            Outcome::Failed if self.suspect => Outcome::FailedAgain,
            outcome => outcome,
        };
        let uptime = self.guard.uptime();
        self.guard.breaker.ended(self.trial, outcome, uptime);
    }
}
