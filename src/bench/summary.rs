//! What the rounds of a comparison come to: medians, and ratios to the first target. This is also the shape of the JSON, which
//! `docs/performance.md` describes.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    arrivals::Arrivals,
    load::{Load, Measured, Target},
    tally::Times,
};

/// The percentiles of the curve: each step halves what is left, as those of `HdrHistogram` do.
const HALVINGS: i32 = 20;
const MICROS_PER_SECOND: f64 = 1e6;

/// A comparison: the load, and what each target made of it.
#[derive(Debug, Clone, Serialize)]
pub struct Compared {
    /// The load of each round.
    pub load: Shape,
    /// The targets, in order; the first is what the others are compared with.
    pub targets: Vec<TargetSummary>,
}

/// The load of each round.
#[derive(Debug, Clone, Serialize)]
pub struct Shape {
    /// `open`: at a rate; `closed`: as fast as answers come.
    pub kind: &'static str,
    /// Connections.
    pub connections: usize,
    /// Calls in flight on each at most.
    pub streams: usize,
    /// Threads of the load generator.
    pub threads: usize,
    /// Calls a second, in an open loop.
    pub rate: Option<f64>,
    /// `poisson` or `constant`, in an open loop.
    pub arrivals: Option<&'static str>,
    /// How long each round is measured, in seconds.
    pub duration_s: f64,
    /// How long the load goes before that.
    pub warmup_s: f64,
    /// How many rounds.
    pub rounds: usize,
}

/// A median and the values that it is the middle of.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// The median.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
}

/// One target in all rounds.
#[derive(Debug, Clone, Serialize)]
pub struct TargetSummary {
    /// Its name.
    pub name: String,
    /// The decision or the status that every call had to have; `null`: any decision.
    pub expected: Option<String>,
    /// Whether every call that went ended so.
    pub holds: bool,
    /// How many checks a call has.
    pub checks_per_call: u32,
    /// Checks that were answered as expected, in a second.
    pub checks_per_second: Spread,
    /// The CPU time that the server has used for each, in microseconds.
    pub cpu_us_per_check: Option<Spread>,
    /// The ratios to the first target, of rounds in pairs.
    pub ratios: Ratios,
    /// From the instant at which a call was due to its answer.
    pub latency_us: Percentiles,
    /// From the instant at which a call went to its answer.
    pub service_us: Percentiles,
    /// What waited for a stream, and for how long.
    pub queue: Queue,
    /// How much later than due calls went that found a stream.
    pub lateness_us: Percentiles,
    /// The calls of all rounds.
    pub calls: Counts,
    /// Calls by how they ended.
    pub statuses: BTreeMap<String, u64>,
    /// Checks by their decision.
    pub decisions: BTreeMap<&'static str, u64>,
    /// The first answer that was not as expected.
    pub first_unexpected: Option<String>,
    /// The memory of the server, resident at the end of the last round, in bytes.
    pub resident_bytes: Option<u64>,
    /// The most that ever was resident.
    pub peak_bytes: Option<u64>,
    /// How much of its core the busiest thread of the load generator used, in the busiest round.
    pub generator_busy: Option<f64>,
    /// Latency by percentile, of all rounds together.
    pub curve: Vec<Point>,
    /// The rounds.
    pub rounds: Vec<Round>,
}

/// Ratios to the first target.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Ratios {
    /// Of checks a second: more is better.
    pub checks_per_second: Spread,
    /// Of CPU time for a check: less is better.
    pub cpu_us_per_check: Option<Spread>,
    /// Of the latency at the median: less is better.
    pub p50: Spread,
    /// Of that at the 99th percentile: less is better.
    pub p99: Spread,
}

/// How long something took, in microseconds.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Percentiles {
    /// The median.
    pub p50: f64,
    /// The 90th percentile.
    pub p90: f64,
    /// The 99th percentile.
    pub p99: f64,
    /// The 99.9th percentile.
    pub p99_9: f64,
    /// The 99.99th percentile.
    pub p99_99: f64,
    /// The longest.
    pub max: f64,
    /// The mean.
    pub mean: f64,
}

/// Calls that found no stream.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Queue {
    /// How many were due when none was free.
    pub waited: u64,
    /// How many of them never went.
    pub never_sent: u64,
    /// How long they waited.
    pub wait_us: Percentiles,
}

/// The calls of all rounds.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Counts {
    /// Due while it was measured.
    pub due: u64,
    /// Ended as expected.
    pub as_expected: u64,
    /// Went, and ended otherwise or not at all.
    pub unexpected: u64,
    /// Went, and had no answer in time.
    pub never_answered: u64,
    /// Connections that the server ended.
    pub reconnects: u64,
}

/// A point of a curve.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Point {
    /// In percent.
    pub percentile: f64,
    /// The latency, in microseconds.
    pub us: f64,
}

/// One round.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Round {
    /// Checks answered as expected, in a second.
    pub checks_per_second: f64,
    /// CPU time of the server for each.
    pub cpu_us_per_check: Option<f64>,
    /// Latency.
    pub latency_us: Percentiles,
}

impl Compared {
    /// `rounds` has a measurement of each target for each round.
    pub fn of(targets: &[Target], load: &Load, rounds: &[Vec<Measured>]) -> Self {
        let of_target = |target: usize| rounds.iter().filter_map(move |round| round.get(target));
        let figures = |target| of_target(target).map(Round::of).collect::<Vec<_>>();
        let first = figures(0);
        let summaries = targets.iter().enumerate().filter_map(|(index, target)| {
            let own: Vec<&Measured> = of_target(index).collect();
            TargetSummary::of(target, &own, figures(index), &first)
        });
        Self {
            load: Shape::of(load, rounds.len()),
            targets: summaries.collect(),
        }
    }

    /// Whether every call that went ended as expected, and at least one of each target did.
    pub fn holds(&self) -> bool {
        self.targets.iter().all(|target| target.holds)
    }
}

impl Shape {
    fn of(load: &Load, rounds: usize) -> Self {
        let arrivals = match load.arrivals {
            Arrivals::Poisson => "poisson",
            Arrivals::Constant => "constant",
        };
        Self {
            kind: if load.rate.is_some() {
                "open"
            } else {
                "closed"
            },
            connections: load.connections,
            streams: load.streams,
            threads: load.threads,
            rate: load.rate,
            arrivals: load.rate.map(|_| arrivals),
            duration_s: load.duration.as_secs_f64(),
            warmup_s: load.warmup.as_secs_f64(),
            rounds,
        }
    }
}

impl TargetSummary {
    fn of(
        target: &Target,
        measured: &[&Measured],
        rounds: Vec<Round>,
        first: &[Round],
    ) -> Option<Self> {
        let (head, rest) = measured.split_first()?;
        let mut all = head.tally.clone();
        for other in rest {
            all.add(other.tally.clone());
        }
        let memory = measured.last().and_then(|last| last.memory);
        let busy = measured.iter().filter_map(|of| of.generator_busy);
        let spread = |value: fn(&Round) -> f64| Spread::of(rounds.iter().map(value));
        let median = |value: fn(&Round) -> f64| spread(value).median;
        let cpu: Option<Vec<f64>> = rounds.iter().map(|round| round.cpu_us_per_check).collect();
        Some(Self {
            name: target.name.clone(),
            expected: target.expected.name(),
            holds: all.unexpected() == 0 && all.as_expected > 0,
            checks_per_call: target.calls.checks,
            checks_per_second: spread(|round| round.checks_per_second),
            cpu_us_per_check: cpu.map(Spread::of),
            ratios: Ratios::of(&rounds, first),
            latency_us: Percentiles {
                p50: median(|round| round.latency_us.p50),
                p90: median(|round| round.latency_us.p90),
                p99: median(|round| round.latency_us.p99),
                p99_9: median(|round| round.latency_us.p99_9),
                p99_99: median(|round| round.latency_us.p99_99),
                max: median(|round| round.latency_us.max),
                mean: median(|round| round.latency_us.mean),
            },
            service_us: Percentiles::of(&all.service),
            queue: Queue {
                waited: all.waited,
                never_sent: all.never_sent,
                wait_us: Percentiles::of(&all.queue),
            },
            lateness_us: Percentiles::of(&all.lateness),
            calls: Counts {
                due: all.due,
                as_expected: all.as_expected,
                unexpected: all.unexpected(),
                never_answered: all.never_answered,
                reconnects: all.reconnects,
            },
            statuses: named(&all.statuses, ToString::to_string),
            decisions: named(&all.decisions, |verdict| verdict.name()),
            first_unexpected: all.first_unexpected.clone(),
            resident_bytes: memory.map(|memory| memory.resident),
            peak_bytes: memory.map(|memory| memory.peak),
            generator_busy: busy.reduce(f64::max).map(rounded),
            curve: curve(&all.latency),
            rounds,
        })
    }
}

fn named<K, N: Ord>(counts: &BTreeMap<K, u64>, name: impl Fn(&K) -> N) -> BTreeMap<N, u64> {
    counts
        .iter()
        .map(|(key, count)| (name(key), *count))
        .collect()
}

impl Round {
    fn of(measured: &Measured) -> Self {
        let checks = count(measured.tally.checks_in_window);
        let cpu = measured.cpu.filter(|_| checks > 0.0);
        Self {
            checks_per_second: rounded(checks / measured.duration.as_secs_f64()),
            cpu_us_per_check: cpu
                .map(|cpu| rounded(cpu.as_secs_f64() * MICROS_PER_SECOND / checks)),
            latency_us: Percentiles::of(&measured.tally.latency),
        }
    }
}

impl Ratios {
    fn of(rounds: &[Round], first: &[Round]) -> Self {
        let of = |value: &dyn Fn(&Round) -> Option<f64>| -> Option<Spread> {
            let pairs = rounds.iter().zip(first);
            let ratios: Option<Vec<f64>> = pairs
                .map(|(own, first)| Some(value(own)? / value(first)?))
                .collect();
            ratios.map(Spread::of)
        };
        let always = |value: fn(&Round) -> f64| {
            of(&|round| Some(value(round))).unwrap_or_else(|| Spread::of([]))
        };
        Self {
            checks_per_second: always(|round| round.checks_per_second),
            cpu_us_per_check: of(&|round| round.cpu_us_per_check),
            p50: always(|round| round.latency_us.p50),
            p99: always(|round| round.latency_us.p99),
        }
    }
}

impl Percentiles {
    fn of(times: &Times) -> Self {
        let at = |percent| rounded(times.percentile(percent));
        Self {
            p50: at(50.0),
            p90: at(90.0),
            p99: at(99.0),
            p99_9: at(99.9),
            p99_99: at(99.99),
            max: rounded(times.max()),
            mean: rounded(times.mean()),
        }
    }
}

impl Spread {
    /// Of these values. Without any, and where a division by zero has made one that is no number, zero.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let finite = |value: f64| if value.is_finite() { value } else { 0.0 };
        let mut values: Vec<f64> = values.into_iter().map(finite).collect();
        values.sort_by(f64::total_cmp);
        let at = |index: usize| values.get(index).copied().unwrap_or(0.0);
        let upper = values.len() / 2;
        let lower = values.len().saturating_sub(1) / 2;
        Self {
            median: rounded(f64::midpoint(at(lower), at(upper))),
            min: rounded(at(0)),
            max: rounded(at(values.len().saturating_sub(1))),
        }
    }
}

fn curve(times: &Times) -> Vec<Point> {
    if times.count() == 0 {
        return Vec::new();
    }
    let total = count(times.count());
    let halvings = (0..=HALVINGS).take_while(|n| *n == 0 || 0.5_f64.powi(*n) * total >= 0.5);
    let percentiles = halvings.map(|n| 100.0 * (1.0 - 0.5_f64.powi(n)));
    percentiles
        .chain([100.0])
        .map(|percentile| Point {
            percentile,
            us: rounded(times.percentile(percentile)),
        })
        .collect()
}

/// To a thousandth.
fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

#[expect(clippy::cast_precision_loss, reason = "no run has 2^53 calls")]
fn count(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(values: &[f64]) -> (f64, f64, f64) {
        let Spread { median, min, max } = Spread::of(values.iter().copied());
        (median, min, max)
    }

    #[test]
    fn a_median_is_the_middle_or_between_the_two_in_the_middle() {
        assert_eq!(spread(&[3.0, 1.0, 2.0]), (2.0, 1.0, 3.0));
        assert_eq!(spread(&[4.0, 1.0, 2.0, 3.0]), (2.5, 1.0, 4.0));
        assert_eq!(spread(&[7.0]), (7.0, 7.0, 7.0));
        assert_eq!(spread(&[]), (0.0, 0.0, 0.0));
        assert_eq!(spread(&[f64::NAN, f64::INFINITY, 1.0]), (0.0, 0.0, 1.0));
    }

    fn round(checks_per_second: f64, cpu: Option<f64>, p99: f64) -> Round {
        let latency_us = Percentiles {
            p50: p99 / 2.0,
            p90: p99,
            p99,
            p99_9: p99,
            p99_99: p99,
            max: p99,
            mean: p99,
        };
        Round {
            checks_per_second,
            cpu_us_per_check: cpu,
            latency_us,
        }
    }

    /// The ratio is that of the rounds in pairs: a machine that is slower in one round is so for both.
    #[test]
    fn ratios_are_those_of_the_same_round() {
        let first = [
            round(100.0, Some(10.0), 8.0),
            round(50.0, Some(10.0), 16.0),
            round(80.0, Some(8.0), 10.0),
        ];
        let own = [
            round(50.0, Some(20.0), 16.0),
            round(25.0, Some(30.0), 16.0),
            round(60.0, Some(8.0), 5.0),
        ];
        let ratios = Ratios::of(&own, &first);
        let spread = |median, min, max| Spread { median, min, max };
        assert_eq!(ratios.checks_per_second, spread(0.5, 0.5, 0.75));
        assert_eq!(ratios.cpu_us_per_check, Some(spread(2.0, 1.0, 3.0)));
        assert_eq!(ratios.p99, spread(1.0, 0.5, 2.0));
        let unknown = [round(50.0, None, 1.0)];
        assert_eq!(Ratios::of(&unknown, &first).cpu_us_per_check, None);
    }
}
