//! When calls are due: the instants are known before the load begins, so that no answer that is late can put off the next call.

use std::time::Duration;

use fastrand::Rng;

/// How the calls of an open loop follow one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrivals {
    /// At random and independent of one another, as the calls of many doors are.
    Poisson,
    /// At equal distances.
    Constant,
}

/// The instants at which calls are due, in order, since the load began.
#[derive(Debug, Clone)]
pub(super) struct Schedule {
    arrivals: Arrivals,
    per_second: f64,
    /// The due calls before this one.
    before: f64,
    /// Seconds, of which the sum of random distances is made.
    seconds: f64,
    random: Rng,
}

impl Schedule {
    /// This many calls a second. Of several schedules, `share` of how many says which one this is: then the calls of constant arrivals
    /// lie between those of the others.
    pub(super) fn new(arrivals: Arrivals, per_second: f64, share: f64, seed: u64) -> Self {
        let mut schedule = Self {
            arrivals,
            per_second,
            before: share,
            seconds: 0.0,
            random: Rng::with_seed(seed),
        };
        if arrivals == Arrivals::Poisson {
            schedule.advance();
        }
        schedule
    }

    /// When the next call is due.
    pub(super) fn due(&self) -> Duration {
        let seconds = match self.arrivals {
            Arrivals::Poisson => self.seconds,
            // By the number of calls and not by a sum, so that no error adds up.
            Arrivals::Constant => self.before / self.per_second,
        };
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }

    /// Passes on to the call after that.
    pub(super) fn advance(&mut self) {
        self.before += 1.0;
        if self.arrivals == Arrivals::Poisson {
            // Never the logarithm of zero.
            self.seconds += -(1.0 - self.random.f64()).ln() / self.per_second;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(schedule: &mut Schedule, n: usize) -> Vec<Duration> {
        let next = |schedule: &mut Schedule| {
            let due = schedule.due();
            schedule.advance();
            due
        };
        (0..n).map(|_| next(schedule)).collect()
    }

    #[test]
    fn constant_arrivals_have_equal_distances_and_no_drift() {
        let mut schedule = Schedule::new(Arrivals::Constant, 3.0, 0.0, 0);
        let due = first(&mut schedule, 3_000_001);
        let ms: Vec<u128> = due.iter().take(4).map(Duration::as_millis).collect();
        assert_eq!(ms, [0, 333, 666, 1_000]);
        assert_eq!(due.last(), Some(&Duration::from_secs(1_000_000)));
    }

    #[test]
    fn constant_arrivals_of_several_schedules_lie_between_one_another() {
        let mut of = [0.0, 0.5].map(|share| Schedule::new(Arrivals::Constant, 100.0, share, 0));
        let due = of.each_mut().map(|schedule| first(schedule, 2));
        let ms = due.map(|due| due.iter().map(Duration::as_millis).collect::<Vec<_>>());
        assert_eq!(ms, [[0, 10], [5, 15]]);
    }

    /// The distances of a Poisson process have the same mean and standard deviation, and their order is that of the seed.
    #[test]
    fn poisson_arrivals_have_the_rate_and_the_spread_of_independent_calls() {
        let mut schedule = Schedule::new(Arrivals::Poisson, 1_000.0, 0.0, 7);
        let due = first(&mut schedule, 100_000);
        assert!(due.is_sorted());
        let gaps: Vec<f64> = due
            .windows(2)
            .map(|two| two[1].saturating_sub(two[0]).as_secs_f64() * 1e3)
            .collect();
        let n = 99_999.0;
        let mean = gaps.iter().sum::<f64>() / n;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / n;
        assert!((mean - 1.0).abs() < 0.02, "{mean}");
        assert!((variance.sqrt() - 1.0).abs() < 0.03, "{variance}");
        let mut same = Schedule::new(Arrivals::Poisson, 1_000.0, 0.0, 7);
        assert_eq!(first(&mut same, 10), due[..10]);
        let mut other = Schedule::new(Arrivals::Poisson, 1_000.0, 0.0, 8);
        assert_ne!(first(&mut other, 10), due[..10]);
    }
}
