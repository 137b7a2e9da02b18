//! The clock: the only place in the service that reads the time. Everything else is given a [`Moment`].
//!
//! Why two clocks in a moment: the wall clock is the one that verifications and schedules are about, but it can be set; the uptime only
//! goes forwards, but knows nothing of dates. An age is measured by both, and the larger one counts ([`Moment::age_of`]), so that
//! setting the clock back makes nothing younger. For the same reason the service has an [`AnchoredClock`]: what it calls now is never
//! earlier than an anchor plus the uptime since.

mod anchored;

use std::{
    fmt::Debug,
    sync::{
        LazyLock,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use uuid::{NoContext, Uuid};

pub use self::anchored::{AnchoredClock, OffsetRange};
use crate::policy::{Timestamp, after, before, between, from_millis, whole_millis};

/// If the clock is further behind than this, it was set back, and ages are unknown.
const FROM_FUTURE_MAX: Duration = Duration::from_secs(10);

/// A source of time.
pub trait Clock: Debug + Send + Sync + 'static {
    /// Reads the clock.
    fn read(&self) -> Reading;

    /// The present instant, in whole milliseconds.
    fn now(&self) -> Timestamp {
        self.read().moment.now
    }

    /// The instant by both clocks.
    fn moment(&self) -> Moment {
        self.read().moment
    }
}

/// An instant by two clocks: the one that has dates, and the uptime, which only goes forwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The instant that decisions are made for, in whole milliseconds: the wall clock, or by an [`AnchoredClock`] a later instant if
    /// the wall clock was set back.
    pub now: Timestamp,
    /// Time since the process first read its clock, the sleep of the machine included.
    pub uptime: Duration,
}

impl Moment {
    /// The age at this moment of something that began at `earlier`: the larger one of both clocks. `None`, unknown, if it is more than
    /// 10 s earlier now than `earlier` and the uptime since say: `earlier` was read from a clock that has been corrected.
    pub fn age_of(self, earlier: Self) -> Option<Duration> {
        let by_uptime = self.uptime.saturating_sub(earlier.uptime);
        let expected = after(earlier.now, by_uptime);
        let known = before(expected, FROM_FUTURE_MAX) <= self.now;
        known.then(|| between(earlier.now, self.now).max(by_uptime))
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
    /// The wall clock as it was read, in whole milliseconds.
    pub wall: Timestamp,
    /// Measures the time since the reading.
    pub stopwatch: Stopwatch,
}

/// Measures the time since a reading of a clock. Real time, also where the clock is a [`ManualClock`].
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Duration);

impl Stopwatch {
    fn start() -> Self {
        Self(since_start())
    }

    /// The time that has passed since the reading.
    pub fn elapsed(self) -> Duration {
        since_start().saturating_sub(self.0)
    }
}

impl Reading {
    /// The time that has passed since the reading, by its stopwatch.
    pub fn elapsed(&self) -> Duration {
        self.stopwatch.elapsed()
    }

    /// How far the wall clock is behind the instant that decisions are made for: zero unless it was set back.
    pub fn wall_is_behind_by(&self) -> Duration {
        between(self.wall, self.moment.now)
    }
}

/// Waits this long; not at all if it is zero, for which the runtime's timer would take a millisecond.
pub async fn pause(duration: Duration) {
    if !duration.is_zero() {
        tokio::time::sleep(duration).await;
    }
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn read(&self) -> Reading {
        let stopwatch = Stopwatch::start();
        let wall = whole_millis(wall());
        Reading {
            moment: Moment {
                now: wall,
                uptime: stopwatch.0.saturating_sub(*STARTED),
            },
            wall,
            stopwatch,
        }
    }
}

/// The start of the uptime.
static STARTED: LazyLock<Duration> = LazyLock::new(since_start);

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
        self.set(after(self.now(), duration));
    }
}

impl Clock for ManualClock {
    fn read(&self) -> Reading {
        let wall = from_millis(self.millis.load(Ordering::SeqCst));
        Reading {
            moment: Moment {
                now: wall,
                uptime: Duration::from_millis(self.uptime_millis.load(Ordering::SeqCst)),
            },
            wall,
            stopwatch: Stopwatch::start(),
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

/// Time since the machine started. The clock of `std::time::Instant` stands still while a Linux machine sleeps; this one does not.
#[cfg(target_os = "linux")]
#[expect(
    clippy::disallowed_methods,
    reason = "the clock is read here and nowhere else"
)]
fn since_start() -> Duration {
    use rustix::time::{ClockId, clock_gettime};

    // Neither part of the time since the start of the machine is negative.
    Duration::try_from(clock_gettime(ClockId::Boottime)).unwrap_or_default()
}

/// Time since the process first asked.
#[cfg(not(target_os = "linux"))]
#[expect(
    clippy::disallowed_methods,
    reason = "the clock is read here and nowhere else"
)]
fn since_start() -> Duration {
    use std::time::Instant;

    static FIRST: LazyLock<Instant> = LazyLock::new(Instant::now);
    FIRST.elapsed()
}

#[cfg(test)]
mod tests;
