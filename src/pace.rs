//! How fast, how often, how long: rates as buckets of tokens, a budget for second tries, and chance, so that many do not do
//! the same at the same moment. Nothing here asks the time or waits; it is told the time, and says how long to wait.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// A rate with a burst, as a token bucket: tokens come in at the rate, as many as the burst can wait, each use takes one.
///
/// Kept as the instant at which the bucket would be full again (the generic cell rate algorithm), so that tokens can be
/// taken in advance: who must wait knows for how long, and they go in the order in which they came.
#[derive(Debug)]
pub struct Bucket {
    /// How long one token takes to come in.
    interval: Duration,
    /// How long all of them take.
    fill: Duration,
    level: Mutex<Level>,
}

/// By the time that the process has been running.
#[derive(Debug, Clone, Copy, Default)]
struct Level {
    /// When the bucket is full again.
    full_at: Duration,
    /// The latest time that it was told. Who read the clock a moment before somebody else, and comes after, shall not wait for
    /// that.
    latest: Duration,
}

impl Bucket {
    /// A full bucket, of at least one token: `per_second` come in, up to `burst`.
    pub fn new(per_second: u32, burst: u32) -> Self {
        let interval = Duration::from_secs(1) / per_second.max(1);
        Self {
            interval,
            fill: interval.saturating_mul(burst.max(1)),
            level: Mutex::default(),
        }
    }

    /// Takes a token: how long to wait until it is there. If that is more than `patience` none is taken, and the error is how
    /// long it would have been.
    pub fn take(&self, uptime: Duration, patience: Duration) -> Result<Duration, Duration> {
        let mut level = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        let now = uptime.max(level.latest);
        level.latest = now;
        let next = now.max(level.full_at).saturating_add(self.interval);
        let wait = next.saturating_sub(self.fill).saturating_sub(now);
        if wait > patience {
            return Err(wait);
        }
        level.full_at = next;
        Ok(wait)
    }
}

/// How many second tries may be made: one for each ten first ones, and a few saved up.
#[derive(Debug)]
pub struct Budget {
    tenths: Mutex<u32>,
}

/// What a second try costs, in tenths; a first one earns one.
const COST: u32 = 10;
/// No more second tries than this are saved up.
const SAVED_MAX: u32 = 10;

impl Default for Budget {
    fn default() -> Self {
        Self {
            tenths: Mutex::new(COST),
        }
    }
}

impl Budget {
    /// A first try has been made.
    pub fn earn(&self) {
        let mut tenths = self.tenths.lock().unwrap_or_else(PoisonError::into_inner);
        *tenths = tenths.saturating_add(1).min(SAVED_MAX * COST);
    }

    /// Takes a second try, if there is one.
    pub fn spend(&self) -> bool {
        let mut tenths = self.tenths.lock().unwrap_or_else(PoisonError::into_inner);
        let left = tenths.checked_sub(COST);
        *tenths = left.unwrap_or(*tenths);
        left.is_some()
    }
}

/// Anything up to this.
pub fn up_to(duration: Duration) -> Duration {
    duration.mul_f64(fastrand::f64())
}

/// This and up to half as much again.
pub fn about(duration: Duration) -> Duration {
    duration.saturating_add(up_to(duration / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Duration = Duration::ZERO;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_bucket_gives_its_burst_at_once_and_then_its_rate() {
        let bucket = Bucket::new(10, 3);
        for _ in 0..3 {
            assert_eq!(bucket.take(ms(1000), NONE), Ok(NONE));
        }
        assert_eq!(bucket.take(ms(1000), NONE), Err(ms(100)));
        assert_eq!(bucket.take(ms(1099), NONE), Err(ms(1)));
        assert_eq!(bucket.take(ms(1100), NONE), Ok(NONE));
        assert_eq!(bucket.take(ms(1100), NONE), Err(ms(100)));
    }

    #[test]
    fn those_who_can_wait_go_one_after_another() {
        let bucket = Bucket::new(10, 1);
        let waits: Vec<_> = (0..4).map(|_| bucket.take(NONE, ms(250))).collect();
        assert_eq!(waits, [Ok(NONE), Ok(ms(100)), Ok(ms(200)), Err(ms(300))]);
        // The one that was refused took nothing.
        assert_eq!(bucket.take(ms(100), ms(250)), Ok(ms(200)));
    }

    #[test]
    fn a_bucket_never_holds_more_than_its_burst() {
        let bucket = Bucket::new(10, 2);
        let hour = Duration::from_hours(1);
        let taken = (0..100).filter(|_| bucket.take(hour, NONE).is_ok()).count();
        assert_eq!(taken, 2);
    }

    #[test]
    fn who_read_the_clock_earlier_and_comes_later_does_not_wait_for_that() {
        let bucket = Bucket::new(10, 2);
        assert_eq!(bucket.take(ms(60_000), NONE), Ok(NONE));
        assert_eq!(bucket.take(ms(0), NONE), Ok(NONE));
        assert_eq!(bucket.take(ms(0), NONE), Err(ms(100)));
    }

    #[test]
    fn one_in_ten_may_be_tried_again() {
        let budget = Budget::default();
        let mut second_tries = 0;
        for _ in 0..1000 {
            budget.earn();
            second_tries += u32::from(budget.spend());
        }
        assert_eq!(second_tries, 101);
    }

    #[test]
    fn only_so_many_second_tries_are_saved_up() {
        let budget = Budget::default();
        (0..10_000).for_each(|_| budget.earn());
        let spent = (0..1000).filter(|_| budget.spend()).count();
        assert_eq!(spent, 10);
    }

    #[test]
    fn chance_stays_within_its_bounds() {
        for _ in 0..1000 {
            assert!(up_to(ms(100)) < ms(100));
            assert!((ms(100)..ms(150)).contains(&about(ms(100))));
        }
        assert_eq!(about(NONE), NONE);
    }
}
