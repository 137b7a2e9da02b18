//! What the rounds of a comparison come to: medians, and ratios to the first target. This is also the shape of the JSON, which
//! `docs/performance.md` describes.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    arrivals::Arrivals,
    load::{Load, Measured, Target},
    spread::{Spread, rounded},
    tally::{Tally, Times},
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
    /// How many calls a round has at most.
    pub calls: Option<u64>,
    /// Calls a second, in an open loop.
    pub rate: Option<f64>,
    /// `poisson` or `constant`, in an open loop.
    pub arrivals: Option<&'static str>,
    /// How long each round is measured, in seconds.
    pub duration_s: f64,
    /// How long the load goes before that.
    pub warmup_s: f64,
    /// How long an answer may take.
    pub timeout_s: f64,
    /// What random arrivals begin with: the same instants for the same seed.
    pub seed: u64,
    /// How many rounds.
    pub rounds: usize,
}

/// One target in all rounds.
#[derive(Debug, Clone, Serialize)]
pub struct TargetSummary {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub url: String,
    /// `unary`, `batch`, `stream` or `cerbos`.
    pub call: &'static str,
    /// The policy that is asked about.
    pub policy: Option<String>,
    /// The process whose CPU and memory are reported.
    pub server_pid: Option<u32>,
    /// The decision or the status that every call had to have; `null`: any decision.
    pub expected: Option<String>,
    /// Whether every call that was due was sent, and ended so in time.
    pub holds: bool,
    /// Calls in flight on each connection at most; on a stream, checks.
    pub streams: usize,
    /// How many checks a call has.
    pub checks_per_call: u32,
    /// Checks that were answered as expected, in a second.
    pub checks_per_second: Option<Spread>,
    /// The CPU time that the server has used for each, in microseconds.
    pub cpu_us_per_check: Option<Spread>,
    /// The ratios to the first target, of rounds in pairs.
    pub ratios: Ratios,
    /// From the instant at which a call was due to its answer.
    pub latency_us: Option<Percentiles>,
    /// From the instant at which a call was sent to its answer.
    pub service_us: Option<Percentiles>,
    /// What waited for a stream, and for how long.
    pub queue: Queue,
    /// How much later than due calls were sent that found a stream.
    pub lateness_us: Option<Percentiles>,
    /// The calls of all rounds.
    pub calls: Counts,
    /// Calls by how they ended.
    pub statuses: BTreeMap<String, u64>,
    /// Checks by their decision.
    pub decisions: BTreeMap<&'static str, u64>,
    /// The first answer that was not as expected.
    pub first_unexpected: Option<String>,
    /// Why there was no connection in a round, at first or at last.
    pub lost: Option<String>,
    /// The memory of the server, resident at the end of the last round, in bytes.
    pub resident_bytes: Option<u64>,
    /// The most that ever was resident.
    pub peak_bytes: Option<u64>,
    /// How much of its core the load generator used, of the core that it used most, in the busiest round.
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
    pub checks_per_second: Option<Spread>,
    /// Of CPU time for a check: less is better.
    pub cpu_us_per_check: Option<Spread>,
    /// Of the latency at the median: less is better.
    pub p50: Option<Spread>,
    /// Of that at the 99th percentile: less is better.
    pub p99: Option<Spread>,
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
    /// How many of them were never sent.
    pub never_sent: u64,
    /// How long they waited.
    pub wait_us: Option<Percentiles>,
}

/// The calls of all rounds.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Counts {
    /// Due while it was measured.
    pub due: u64,
    /// Ended as expected, and in time.
    pub as_expected: u64,
    /// Sent, and ended otherwise or not at all.
    pub unexpected: u64,
    /// Sent, and answered as expected, but too late.
    pub late: u64,
    /// Sent, and without an answer when the wait for answers ended.
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
    pub latency_us: Option<Percentiles>,
    /// How long it was measured, in seconds.
    pub duration_s: f64,
}

impl Compared {
    /// `rounds` has a measurement of each target for each round.
    pub fn of(targets: &[Target], load: &Load, rounds: &[Vec<Measured>]) -> Self {
        let of_target = |target: usize| rounds.iter().filter_map(move |round| round.get(target));
        let figures = |target| of_target(target).map(Round::of).collect::<Vec<_>>();
        let first = figures(0);
        let summaries = targets.iter().enumerate().filter_map(|(index, target)| {
            let own: Vec<&Measured> = of_target(index).collect();
            TargetSummary::of(target, load, &own, figures(index), &first)
        });
        Self {
            load: Shape::of(load, rounds.len()),
            targets: summaries.collect(),
        }
    }

    /// Whether every call that was due was sent and ended as expected, and there was at least one of each target.
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
            calls: load.calls,
            duration_s: load.duration.as_secs_f64(),
            warmup_s: load.warmup.as_secs_f64(),
            timeout_s: load.timeout.as_secs_f64(),
            seed: load.seed,
            rounds,
        }
    }
}

impl TargetSummary {
    fn of(
        target: &Target,
        load: &Load,
        measured: &[&Measured],
        rounds: Vec<Round>,
        first: &[Round],
    ) -> Option<Self> {
        let (head, rest) = measured.split_first()?;
        let mut all = head.tally.clone();
        for other in rest {
            all.add(other.tally.clone());
        }
        let latency = all.latency();
        let memory = measured.last().and_then(|last| last.memory);
        let busy = measured.iter().filter_map(|of| of.generator_busy);
        let mut lost = measured.iter().filter_map(|of| of.lost.clone());
        let lost = lost.next();
        let is_complete = all.unexpected() == 0 && all.never_sent == 0 && lost.is_none();
        Some(Self {
            name: target.name.clone(),
            url: target.url.clone(),
            call: target.calls.kind,
            policy: target.calls.policy.clone(),
            server_pid: target.server_pid,
            expected: target.expected.name(),
            holds: is_complete && all.as_expected > 0,
            streams: load.for_target(target).streams,
            checks_per_call: target.calls.checks,
            checks_per_second: Spread::of(rounds.iter().filter_map(Round::answered)),
            cpu_us_per_check: Spread::of(rounds.iter().filter_map(|round| round.cpu_us_per_check)),
            ratios: Ratios::of(&rounds, first),
            latency_us: Percentiles::median(&rounds),
            service_us: Percentiles::of(&all.service),
            queue: Queue {
                waited: all.waited,
                never_sent: all.never_sent,
                wait_us: Percentiles::of(&all.queue),
            },
            lateness_us: Percentiles::of(&all.lateness),
            calls: Counts::of(&all),
            statuses: named(&all.statuses, ToString::to_string),
            decisions: named(&all.decisions, |decision| decision.name()),
            first_unexpected: all.first_unexpected,
            lost,
            resident_bytes: memory.map(|memory| memory.resident),
            peak_bytes: memory.map(|memory| memory.peak),
            generator_busy: busy.reduce(f64::max).map(rounded),
            curve: curve(&latency),
            rounds,
        })
    }
}

impl Counts {
    fn of(all: &Tally) -> Self {
        Self {
            due: all.due,
            as_expected: all.as_expected,
            unexpected: all.unexpected(),
            late: all.late,
            never_answered: all.never_answered,
            reconnects: all.reconnects,
        }
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
        let seconds = measured.duration.as_secs_f64();
        let cpu = measured.cpu.filter(|_| checks > 0.0);
        Self {
            checks_per_second: rounded(if seconds > 0.0 { checks / seconds } else { 0.0 }),
            cpu_us_per_check: cpu
                .map(|cpu| rounded(cpu.as_secs_f64() * MICROS_PER_SECOND / checks)),
            latency_us: Percentiles::of(&measured.tally.latency()),
            duration_s: rounded(seconds),
        }
    }

    /// The rate, if anything was answered as expected.
    fn answered(&self) -> Option<f64> {
        Some(self.checks_per_second).filter(|rate| *rate > 0.0)
    }

    fn at(&self, percentile: fn(&Percentiles) -> f64) -> Option<f64> {
        self.latency_us.as_ref().map(percentile)
    }
}

impl Ratios {
    /// Of the rounds in which both have a figure.
    fn of(rounds: &[Round], first: &[Round]) -> Self {
        let of = |value: fn(&Round) -> Option<f64>| {
            let pairs = rounds.iter().zip(first);
            Spread::of(pairs.filter_map(|(own, first)| {
                let first = value(first).filter(|first| *first > 0.0)?;
                Some(value(own)? / first)
            }))
        };
        Self {
            checks_per_second: of(Round::answered),
            cpu_us_per_check: of(|round| round.cpu_us_per_check),
            p50: of(|round| round.at(|latency| latency.p50)),
            p99: of(|round| round.at(|latency| latency.p99)),
        }
    }
}

impl Percentiles {
    /// `None` without any.
    fn of(times: &Times) -> Option<Self> {
        if times.count() == 0 {
            return None;
        }
        let at = |percent| rounded(times.percentile(percent));
        Some(Self {
            p50: at(50.0),
            p90: at(90.0),
            p99: at(99.0),
            p99_9: at(99.9),
            p99_99: at(99.99),
            max: rounded(times.max()),
            mean: rounded(times.mean()),
        })
    }

    /// The median of each, of the rounds that have them.
    fn median(rounds: &[Round]) -> Option<Self> {
        let median = |value: fn(&Self) -> f64| {
            let spread = Spread::of(rounds.iter().filter_map(|round| round.at(value)));
            spread.map(|spread| spread.median)
        };
        Some(Self {
            p50: median(|latency| latency.p50)?,
            p90: median(|latency| latency.p90)?,
            p99: median(|latency| latency.p99)?,
            p99_9: median(|latency| latency.p99_9)?,
            p99_99: median(|latency| latency.p99_99)?,
            max: median(|latency| latency.max)?,
            mean: median(|latency| latency.mean)?,
        })
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

#[expect(clippy::cast_precision_loss, reason = "no run has 2^53 calls")]
fn count(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests;
