//! How fast, how often, how long: rates as buckets of tokens, a budget for second tries, how often the log is told the same, and
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

    /// Puts a token back that was taken for nothing.
    pub fn give_back(&self) {
        let mut level = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        level.full_at = level.full_at.saturating_sub(self.interval);
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

/// How long the log is not told the same again: an outage has few lines, however many calls it spoils.
const TOLD_AGAIN_AFTER: Duration = Duration::from_mins(1);
/// No more kinds of lines than this are told apart; those beyond are of one kind.
const KINDS_MAX: usize = 32;

/// Lets a line of each kind into the log once a minute, and counts those that are left out.
#[derive(Debug, Default)]
pub struct Seldom(Mutex<Vec<Line>>);

#[derive(Debug)]
struct Line {
    kind: &'static str,
    /// When one of its kind may be told again, by the time that the process has been running.
    next_at: Duration,
    left_out: u64,
}

impl Seldom {
    /// Whether to tell a line of this kind now: then how many like it have been left out since the last one.
    pub fn tell(&self, kind: &'static str, uptime: Duration) -> Option<u64> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let full = lines.len() >= KINDS_MAX;
        let known = lines.iter().position(|line| line.kind == kind);
        let known = known.or(full.then_some(KINDS_MAX - 1));
        let next_at = uptime.saturating_add(TOLD_AGAIN_AFTER);
        match known.and_then(|index| lines.get_mut(index)) {
            Some(line) if uptime < line.next_at => {
                line.left_out = line.left_out.saturating_add(1);
                None
            }
            Some(line) => {
                line.next_at = next_at;
                Some(std::mem::take(&mut line.left_out))
            }
            None => {
                lines.push(Line {
                    kind,
                    next_at,
                    left_out: 0,
                });
                Some(0)
            }
        }
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
    fn a_token_that_was_taken_for_nothing_can_be_put_back() {
        let bucket = Bucket::new(10, 1);
        for _ in 0..100 {
            assert_eq!(bucket.take(ms(0), NONE), Ok(NONE));
            bucket.give_back();
        }
        assert_eq!(bucket.take(ms(0), NONE), Ok(NONE));
        assert_eq!(bucket.take(ms(0), NONE), Err(ms(100)));
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
    fn an_outage_of_an_hour_at_two_hundred_checks_a_second_is_sixty_lines() {
        let seldom = Seldom::default();
        let told = |at| seldom.tell("failed", ms(at));
        let lines: Vec<u64> = (0..3_600_000).step_by(5).filter_map(told).collect();
        assert_eq!(lines.len(), 60);
        assert_eq!(lines[..2], [0, 11_999]);
    }

    #[test]
    fn what_is_told_of_one_kind_does_not_hide_another() {
        let seldom = Seldom::default();
        assert_eq!(seldom.tell("failed", ms(0)), Some(0));
        assert_eq!(seldom.tell("timed_out", ms(0)), Some(0));
        assert_eq!(seldom.tell("failed", ms(59_999)), None);
        assert_eq!(seldom.tell("failed", ms(60_000)), Some(1));
        assert_eq!(seldom.tell("failed", ms(120_000)), Some(0));
    }

    #[test]
    fn only_so_many_kinds_of_lines_are_told_apart() {
        let seldom = Seldom::default();
        let kinds: Vec<&'static str> = (1..=100).map(|n| &*"k".repeat(n).leak()).collect();
        let told = kinds
            .iter()
            .filter(|kind| seldom.tell(kind, NONE).is_some());
        assert_eq!(told.count(), KINDS_MAX);
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
