//! The only place that asks what time it is.

use std::{
    fmt::Debug,
    sync::atomic::{AtomicI64, Ordering},
    time::{Duration, Instant},
};

use crate::policy::{Timestamp, from_millis, whole_millis};

/// Tells the time.
pub trait Clock: Debug + Send + Sync + 'static {
    /// Reads the clock.
    fn read(&self) -> Reading;

    /// The instant, to the millisecond.
    fn now(&self) -> Timestamp {
        self.read().now
    }
}

/// What a clock said once: an instant to judge by, and the start of a stopwatch.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    /// The instant, to the millisecond.
    pub now: Timestamp,
    started: Instant,
}

impl Reading {
    /// How much time has really passed since.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn read(&self) -> Reading {
        Reading {
            now: whole_millis(wall()),
            started: stopwatch(),
        }
    }
}

/// A clock that stands still until it is set: time as a fact that tests choose.
#[derive(Debug)]
pub struct ManualClock {
    millis: AtomicI64,
}

impl ManualClock {
    /// A clock that stands at this instant.
    pub fn at(now: Timestamp) -> Self {
        Self {
            millis: AtomicI64::new(now.as_millisecond()),
        }
    }

    /// Sets the clock, forwards or backwards.
    pub fn set(&self, now: Timestamp) {
        self.millis.store(now.as_millisecond(), Ordering::SeqCst);
    }

    /// Moves the clock forwards.
    pub fn advance(&self, duration: Duration) {
        self.set(crate::policy::after(self.now(), duration));
    }
}

impl Clock for ManualClock {
    fn read(&self) -> Reading {
        Reading {
            now: from_millis(self.millis.load(Ordering::SeqCst)),
            started: stopwatch(),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place")]
fn wall() -> Timestamp {
    Timestamp::now()
}

#[expect(clippy::disallowed_methods, reason = "this is the one place")]
fn stopwatch() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_stands_still_until_it_is_moved() {
        let clock = ManualClock::at(from_millis(1_000));
        assert_eq!(clock.now(), from_millis(1_000));
        clock.advance(Duration::from_millis(5));
        assert_eq!(clock.now(), from_millis(1_005));
        clock.set(from_millis(3));
        assert_eq!(clock.now(), from_millis(3));
    }

    #[test]
    fn the_system_clock_reads_whole_milliseconds() {
        assert_eq!(SystemClock.now().as_nanosecond() % 1_000_000, 0);
    }
}
