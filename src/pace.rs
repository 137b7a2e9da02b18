//! How fast, how often, how long: rates as buckets of tokens, a budget for second tries, what is said only now and then, and
//! chance, so that many do not do the same at the same moment. Nothing here asks the time or waits; it is told the time, and says how long to wait.

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
    /// When it is full again, by the time that the process has been running.
    full_at: Mutex<Duration>,
}

impl Bucket {
    /// A full bucket, of at least one token: `per_second` come in, up to `burst`.
    pub fn new(per_second: u32, burst: u32) -> Self {
        let interval = Duration::from_secs(1) / per_second.max(1);
        Self {
            interval,
            fill: interval.saturating_mul(burst.max(1)),
            full_at: Mutex::default(),
        }
    }

    /// Takes a token: how long to wait until it is there. If that is more than `patience` none is taken, and the error is how
    /// long it would have been.
    pub fn take(&self, uptime: Duration, patience: Duration) -> Result<Duration, Duration> {
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let next = uptime.max(*full_at).saturating_add(self.interval);
        let wait = next.saturating_sub(self.fill).saturating_sub(uptime);
        if wait > patience {
            return Err(wait);
        }
        *full_at = next;
        Ok(wait)
    }

    /// Whether it is full, as one that was never used.
    pub fn is_full(&self, uptime: Duration) -> bool {
        *self.full_at.lock().unwrap_or_else(PoisonError::into_inner) <= uptime
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

/// Lets one through in a while and counts the others: for what is worth saying, but not each time.
#[derive(Debug)]
pub struct Seldom {
    every: Duration,
    /// When the next one is let through, by the time that the process has been running; how many were not since the last.
    state: Mutex<(Duration, u64)>,
}

impl Seldom {
    /// One in this time.
    pub fn new(every: Duration) -> Self {
        Self {
            every,
            state: Mutex::default(),
        }
    }

    /// How many there were since the last one that was let through, with this one; nothing if it is not let through.
    pub fn pass(&self, uptime: Duration) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (next, held) = &mut *state;
        let count = held.saturating_add(1);
        if uptime < *next {
            *held = count;
            return None;
        }
        *state = (uptime.saturating_add(self.every), 0);
        Some(count)
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
        assert!(bucket.is_full(hour));
        let taken = (0..100).filter(|_| bucket.take(hour, NONE).is_ok()).count();
        assert_eq!(taken, 2);
        assert!(!bucket.is_full(hour));
        assert!(bucket.is_full(hour + ms(200)));
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
    fn what_is_said_seldom_says_how_often_it_was_not() {
        let seldom = Seldom::new(ms(1000));
        assert_eq!(seldom.pass(NONE), Some(1));
        assert_eq!(seldom.pass(NONE), None);
        assert_eq!(seldom.pass(ms(999)), None);
        assert_eq!(seldom.pass(ms(1000)), Some(3));
        assert_eq!(seldom.pass(ms(5000)), Some(1));
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
