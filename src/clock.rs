//! The clock: the only place in the service that reads the time. Everything else is given a [`Moment`].
//!
//! Why two clocks in a moment: the wall clock is the one that verifications and schedules are about, but it can be set; the uptime only
//! goes forwards, but knows nothing of dates and may stop while the host sleeps. An age is measured by both, and the larger one counts
//! ([`Moment::age_of`]), so that setting the clock back makes nothing younger.

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

/// If something began further in the future than this, the wall clock was set back, and the age is unknown.
const FROM_FUTURE_MAX: Duration = Duration::from_secs(10);

/// A source of time.
pub trait Clock: Debug + Send + Sync + 'static {
    /// Reads the clock.
    fn read(&self) -> Reading;

    /// The wall clock, in whole milliseconds.
    fn now(&self) -> Timestamp {
        self.read().moment.now
    }

    /// The instant by both clocks.
    fn moment(&self) -> Moment {
        self.read().moment
    }
}

/// An instant by two clocks: the wall clock, which can be set, and the uptime, which only goes forwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The wall clock, in whole milliseconds.
    pub now: Timestamp,
    /// Time since the process first read its clock.
    pub uptime: Duration,
}

impl Moment {
    /// The age at this moment of something that began at `earlier`: the larger one of both clocks. `None`, unknown, if by the wall clock
    /// it begins more than 10 s from now: that clock was set back.
    pub fn age_of(self, earlier: Self) -> Option<Duration> {
        let known = before(earlier.now, FROM_FUTURE_MAX) <= self.now;
        let by_wall = between(earlier.now, self.now);
        known.then(|| by_wall.max(self.uptime.saturating_sub(earlier.uptime)))
    }

    /// A new version 7 UUID of this moment. Such ids sort by time.
    pub fn uuid(self) -> Uuid {
        let seconds = u64::try_from(self.now.as_second()).unwrap_or(0);
        let nanos = u32::try_from(self.now.subsec_nanosecond()).unwrap_or(0);
        Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, seconds, nanos))
    }
}

/// One reading of a clock: the moment, and the start of a stopwatch.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    /// The moment of the reading.
    pub moment: Moment,
    started: Instant,
}

impl Reading {
    /// The time that has passed since the reading. Real time, also where the clock is a [`ManualClock`].
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

/// Waits this long; not at all if it is zero, for which the runtime's timer would take a millisecond.
pub async fn pause(duration: Duration) {
    if !duration.is_zero() {
        tokio::time::sleep(duration).await;
    }
}

/// The clock of the host.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn read(&self) -> Reading {
        let started = stopwatch();
        Reading {
            moment: Moment {
                now: whole_millis(wall()),
                uptime: started.saturating_duration_since(*STARTED),
            },
            started,
        }
    }
}

/// The start of the uptime.
static STARTED: LazyLock<Instant> = LazyLock::new(stopwatch);

/// A clock that stands still until a test sets it.
#[derive(Debug)]
pub struct ManualClock {
    millis: AtomicI64,
    uptime_millis: AtomicU64,
}

impl ManualClock {
    /// A clock that shows this instant.
    pub fn at(now: Timestamp) -> Self {
        Self {
            millis: AtomicI64::new(now.as_millisecond()),
            uptime_millis: AtomicU64::new(0),
        }
    }

    /// Sets the wall clock, forwards or backwards. The uptime stays.
    pub fn set(&self, now: Timestamp) {
        self.millis.store(now.as_millisecond(), Ordering::SeqCst);
    }

    /// Advances both clocks.
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

#[expect(
    clippy::disallowed_methods,
    reason = "the clock is read here and nowhere else"
)]
fn wall() -> Timestamp {
    Timestamp::now()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the clock is read here and nowhere else"
)]
fn stopwatch() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests;
