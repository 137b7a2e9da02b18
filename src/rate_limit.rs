//! A rate limit with a burst: a token bucket, kept by the generic cell rate algorithm (GCRA).
//!
//! Why GCRA and not a counter of tokens: the whole state is the instant at which the bucket would be full again. Tokens can be
//! reserved ahead of time, so a caller that has to wait knows for how long, and callers are served in the order in which they
//! came, without a queue and without a timer that refills the bucket.
//!
//! Nothing here reads the clock or waits: the uptime is an argument, the result is how long to wait.

mod rate;

use std::time::Duration;

use parking_lot::Mutex;

pub use self::rate::Rate;

/// A rate limit with a burst. Tokens arrive at the rate, up to `burst` of them accumulate, each use takes one.
#[derive(Debug)]
pub struct TokenBucket {
    /// Time between two tokens.
    interval: Duration,
    /// Time in which an empty bucket becomes full.
    fill_time: Duration,
    level: Mutex<Level>,
}

/// Instants are uptimes: time since the process started.
#[derive(Debug, Clone, Copy, Default)]
struct Level {
    /// When the bucket is full again.
    full_at: Duration,
    /// The latest uptime seen. A caller that read the clock slightly earlier than another, and arrives later, does not wait
    /// for the difference.
    latest: Duration,
}

impl TokenBucket {
    /// A full bucket: `per_second` tokens arrive, up to `burst` accumulate. Both are at least 1.
    pub fn new(per_second: u32, burst: u32) -> Self {
        Self::every(Duration::from_secs(1) / per_second.max(1), burst)
    }

    /// A full bucket: one token arrives in each `interval`, up to `burst` accumulate.
    pub fn every(interval: Duration, burst: u32) -> Self {
        Self {
            interval,
            fill_time: interval.saturating_mul(burst.max(1)),
            level: Mutex::default(),
        }
    }

    /// Takes one token, reserving a future one if the bucket is empty. `Ok` is how long to wait until it may be used. If that
    /// exceeds `wait_max`, no token is taken, and `Err` is the wait that would have been needed.
    pub fn take(&self, uptime: Duration, wait_max: Duration) -> Result<Duration, Duration> {
        let mut level = self.level.lock();
        let now = uptime.max(level.latest);
        level.latest = now;
        let next = now.max(level.full_at).saturating_add(self.interval);
        let wait = next.saturating_sub(self.fill_time).saturating_sub(now);
        if wait > wait_max {
            return Err(wait);
        }
        level.full_at = next;
        Ok(wait)
    }

    /// How long until a token can be taken.
    pub fn wait(&self, uptime: Duration) -> Duration {
        let mut level = self.level.lock();
        let now = uptime.max(level.latest);
        level.latest = now;
        let next = now.max(level.full_at).saturating_add(self.interval);
        next.saturating_sub(self.fill_time).saturating_sub(now)
    }

    /// Takes a token even if there is none: the next caller waits longer.
    pub fn take_anyway(&self, uptime: Duration) {
        let mut level = self.level.lock();
        let now = uptime.max(level.latest);
        level.latest = now;
        level.full_at = now.max(level.full_at).saturating_add(self.interval);
    }

    /// Whether none was taken for so long that no more can accumulate.
    pub fn is_full(&self, uptime: Duration) -> bool {
        let level = self.level.lock();
        level.full_at <= uptime.max(level.latest)
    }

    /// The time between two tokens.
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// Returns a token that was taken and not used.
    pub fn refund(&self) {
        let mut level = self.level.lock();
        level.full_at = level.full_at.saturating_sub(self.interval);
    }
}

#[cfg(test)]
mod tests;
