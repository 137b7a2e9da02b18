//! The only place that asks what time it is.

use std::{
    fmt::Debug,
    sync::{
        LazyLock,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use uuid::{NoContext, Uuid};

use crate::policy::{Timestamp, before, between, from_millis, whole_millis};

/// What is from further in the future than this says that the clock was set back: its age is not known.
const FROM_FUTURE_MAX: Duration = Duration::from_secs(10);

/// Tells the time.
pub trait Clock: Debug + Send + Sync + 'static {
    /// Reads the clock.
    fn read(&self) -> Reading;

    /// The instant, to the millisecond.
    fn now(&self) -> Timestamp {
        self.read().moment.now
    }

    /// The instant, by both of its clocks.
    fn moment(&self) -> Moment {
        self.read().moment
    }
}

/// An instant by two clocks: that of the wall, which can be set, and one that only ever goes forwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The wall's, to the millisecond.
    pub now: Timestamp,
    /// How long the process has been running.
    pub uptime: Duration,
}

impl Moment {
    /// How old at this moment is what began at `earlier`: by whichever clock it is older, so that a wall clock that is set
    /// back makes nothing younger. Nothing if by the wall it has not begun: then its age is not known.
    pub fn age_of(self, earlier: Self) -> Option<Duration> {
        let known = before(earlier.now, FROM_FUTURE_MAX) <= self.now;
        let by_wall = between(earlier.now, self.now);
        known.then(|| by_wall.max(self.uptime.saturating_sub(earlier.uptime)))
    }

    /// A new version 7 UUID of this moment: such ids sort by time.
    pub fn uuid(self) -> Uuid {
        let seconds = u64::try_from(self.now.as_second()).unwrap_or(0);
        let nanos = u32::try_from(self.now.subsec_nanosecond()).unwrap_or(0);
        Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, seconds, nanos))
    }
}

/// What a clock said once: a moment to judge by, and the start of a stopwatch.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    /// The moment.
    pub moment: Moment,
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
        let started = stopwatch();
        Reading {
            moment: Moment {
                now: whole_millis(wall()),
                uptime: started.saturating_duration_since(*BEGINNING),
            },
            started,
        }
    }
}

/// When the first clock of the process was read.
static BEGINNING: LazyLock<Instant> = LazyLock::new(stopwatch);

/// A clock that stands still until it is set: time as a fact that tests choose.
#[derive(Debug)]
pub struct ManualClock {
    millis: AtomicI64,
    uptime_millis: AtomicU64,
}

impl ManualClock {
    /// A clock that stands at this instant.
    pub fn at(now: Timestamp) -> Self {
        Self {
            millis: AtomicI64::new(now.as_millisecond()),
            uptime_millis: AtomicU64::new(0),
        }
    }

    /// Sets the wall's clock, forwards or backwards; no time passes by that.
    pub fn set(&self, now: Timestamp) {
        self.millis.store(now.as_millisecond(), Ordering::SeqCst);
    }

    /// Lets time pass.
    pub fn advance(&self, duration: Duration) {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        self.uptime_millis.fetch_add(millis, Ordering::SeqCst);
        self.set(crate::policy::after(self.now(), duration));
    }
}

impl Clock for ManualClock {
    fn read(&self) -> Reading {
        Reading {
            moment: Moment {
                now: from_millis(self.millis.load(Ordering::SeqCst)),
                uptime: Duration::from_millis(self.uptime_millis.load(Ordering::SeqCst)),
            },
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
    fn age_is_the_larger_of_two_clocks() {
        let clock = ManualClock::at(from_millis(1_000_000));
        let earlier = clock.moment();
        let age_ms = |clock: &ManualClock| {
            let age = clock.moment().age_of(earlier);
            age.map(|age| age.as_millis())
        };
        assert_eq!(age_ms(&clock), Some(0));
        clock.advance(Duration::from_mins(1));
        assert_eq!(age_ms(&clock), Some(60_000));
        // Set back by 50 s: the other clock still knows.
        clock.set(from_millis(1_010_000));
        assert_eq!(age_ms(&clock), Some(60_000));
        // Set forwards, or the machine slept: the wall knows better.
        clock.set(from_millis(1_100_000));
        assert_eq!(age_ms(&clock), Some(100_000));
        // Set back before it began: a moment's doubt is let pass, more is not.
        clock.set(from_millis(990_000));
        assert_eq!(age_ms(&clock), Some(60_000));
        clock.set(from_millis(989_999));
        assert_eq!(age_ms(&clock), None);
    }

    #[test]
    fn the_system_clock_never_runs_backwards() {
        let (first, second) = (SystemClock.moment(), SystemClock.moment());
        assert!(first.uptime <= second.uptime);
    }

    #[test]
    fn the_system_clock_reads_whole_milliseconds() {
        assert_eq!(SystemClock.now().as_nanosecond() % 1_000_000, 0);
    }
}
