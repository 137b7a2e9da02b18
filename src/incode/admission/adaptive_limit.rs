//! The adaptive concurrency limit: how many calls may be in flight, by how long they take and how many of them fail.
//!
//! An upstream that becomes slow has a queue, in which a door's call waits behind all others. With fewer calls in flight they wait in our
//! own queue instead, where doors go first and where a call that would wait too long is rejected at once.
//!
//! The rule is a gradient, as in Netflix's `concurrency-limits` and in Envoy's adaptive concurrency. Calls are judged a round at a time,
//! by their median: while it is at most [`TOLERANCE`] times what the upstream takes at best, the limit grows by its square root; above,
//! it is lowered in proportion, and so it is by the share of calls that failed. At the lowest limit the upstream has no queue of our making:
//! what it takes there is what it takes at best. If it stays slow, the limit is brought there for a round from time to time.
//!
//! Nothing here reads the clock: uptimes are arguments.

use std::time::Duration;

/// Medians that are this many times what the upstream takes at best are no queue yet.
const TOLERANCE: u32 = 2;
/// The fewest calls of a round; of a busy upstream, as many as are in flight.
const ROUND_MIN: usize = 10;
/// The fewest calls whose median counts.
const MEDIAN_OF_MIN: usize = 5;
/// The most that a round can lower the limit to, in thousandths.
const FACTOR_MIN: u128 = 500;
const WHOLE: u128 = 1000;
/// While the limit is lowered, what the upstream takes at best is measured again after this time.
const MEASURE_EVERY: Duration = Duration::from_secs(30);

/// The limit, and what it follows from.
#[derive(Debug)]
pub(super) struct AdaptiveLimit {
    lowest: u32,
    highest: u32,
    limit: u32,
    /// The limit before what the upstream takes at best is being measured, if it is.
    before_measuring: Option<u32>,
    measured_at: Duration,
    /// What the upstream takes at best, once a round has ended.
    at_best: Option<Duration>,
    /// The median of the last round.
    median: Option<Duration>,
    round: Round,
}

/// The calls since the limit changed.
#[derive(Debug, Default)]
struct Round {
    /// Calls that were started before say nothing of the present limit.
    since: Duration,
    took: Vec<Duration>,
    others: usize,
    failed: usize,
    /// The most calls that were in flight.
    peak: u32,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// It found what it asked for: its duration is comparable with that of other such calls.
    Found,
    /// The upstream processed it, but differently: what it takes to say that there is nothing says little.
    Otherwise,
    /// The upstream did not process it.
    Failed,
    /// It says nothing of the upstream.
    Unknown,
}

impl AdaptiveLimit {
    /// As high as it may be. Neither bound is below 1, nor the lowest above the highest.
    pub(super) fn new(lowest: u32, highest: u32) -> Self {
        let highest = highest.max(1);
        Self {
            lowest: lowest.clamp(1, highest),
            highest,
            limit: highest,
            before_measuring: None,
            measured_at: Duration::ZERO,
            at_best: None,
            median: None,
            round: Round::default(),
        }
    }

    /// How many calls may be in flight.
    pub(super) fn now(&self) -> u32 {
        self.limit
    }

    /// How long a call takes at present; `None` until a round has ended.
    pub(super) fn median(&self) -> Option<Duration> {
        self.median
    }

    /// Records a call from its start to its end, when this many were in flight, itself included.
    pub(super) fn record(&mut self, ended: Ended, [from, to]: [Duration; 2], in_flight: u32) {
        let round = &mut self.round;
        round.peak = round.peak.max(in_flight);
        if from < round.since {
            return;
        }
        match ended {
            Ended::Found => round.took.push(to.saturating_sub(from)),
            Ended::Otherwise => round.others = round.others.saturating_add(1),
            Ended::Failed => round.failed = round.failed.saturating_add(1),
            Ended::Unknown => return,
        }
        let full = usize::try_from(in_flight).map_or(ROUND_MIN, |n| n.max(ROUND_MIN));
        if round.calls() >= full {
            self.end_round(to);
        }
    }

    /// The upstream asked us to slow down.
    pub(super) fn slow_down(&mut self, uptime: Duration) {
        self.before_measuring = self.before_measuring.map(|limit| scaled(limit, FACTOR_MIN));
        self.change(scaled(self.limit, FACTOR_MIN), uptime);
    }

    fn end_round(&mut self, uptime: Duration) {
        let median = self.round.median();
        self.median = median.or(self.median);
        if let Some(median) = median {
            let is_alone = self.limit == self.lowest;
            let known = self.at_best.filter(|_| !is_alone).unwrap_or(median);
            self.at_best = Some(known.min(median));
        }
        if let Some(before) = self.before_measuring.take() {
            self.measured_at = uptime;
            self.change(before, uptime);
            return;
        }
        // So few calls that it is not the limit that bounds them: they say nothing about it.
        if self.round.peak.saturating_mul(2) < self.limit {
            self.change(self.limit, uptime);
            return;
        }
        let gradient = self.gradient(median);
        let factor = gradient.min(self.round.healthy()).max(FACTOR_MIN);
        let next = scaled(self.limit, factor).saturating_add(self.limit.isqrt());
        self.change(next, uptime);
        let is_due = uptime.saturating_sub(self.measured_at) >= MEASURE_EVERY;
        if gradient < WHOLE && is_due {
            self.before_measuring = Some(self.limit);
            self.change(self.lowest, uptime);
        }
    }

    /// What the upstream takes at best, with the tolerance, per median; at most 1, in thousandths.
    fn gradient(&self, median: Option<Duration>) -> u128 {
        let (Some(at_best), Some(median)) = (self.at_best, median) else {
            return WHOLE;
        };
        let tolerated = at_best.saturating_mul(TOLERANCE);
        if median <= tolerated {
            return WHOLE;
        }
        tolerated.as_nanos() * WHOLE / median.as_nanos()
    }

    /// Begins a round with this limit, within the bounds.
    fn change(&mut self, limit: u32, uptime: Duration) {
        let limit = limit.clamp(self.lowest, self.highest);
        if limit != self.limit {
            self.round.since = uptime;
        }
        self.limit = limit;
        self.round = Round {
            since: self.round.since,
            ..Round::default()
        };
    }
}

impl Round {
    fn calls(&self) -> usize {
        self.took.len() + self.others + self.failed
    }

    /// The share of calls that did not fail, in thousandths.
    fn healthy(&self) -> u128 {
        let (calls, failed) = (self.calls() as u128, self.failed as u128);
        WHOLE - failed * WHOLE / calls.max(1)
    }

    /// The median of what comparable calls took, if there were enough.
    fn median(&mut self) -> Option<Duration> {
        let middle = self.took.len() / 2;
        let enough = self.took.len() >= MEDIAN_OF_MIN;
        enough.then(|| *self.took.select_nth_unstable(middle).1)
    }
}

/// This limit times this number of thousandths.
fn scaled(limit: u32, thousandths: u128) -> u32 {
    let scaled = u128::from(limit) * thousandths / WHOLE;
    u32::try_from(scaled).unwrap_or(limit)
}

#[cfg(test)]
mod tests;
