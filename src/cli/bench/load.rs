//! How much `verigate bench` asks, and what is too much.

use std::time::Duration;

use anyhow::bail;
use clap::{Args, ValueEnum, builder::RangedU64ValueParser};

use super::super::check::{duration, timeout};
use crate::bench::{Arrivals, Load};

const LOAD: &str = "The load";
const CONNECTIONS_MAX: u64 = 10_000;
const STREAMS_MAX: u64 = 10_000;
/// Calls in flight on all connections together, each of which takes memory.
const IN_FLIGHT_MAX: usize = 1_000_000;
const THREADS_MAX: u64 = 256;
const ROUNDS_MAX: u64 = 1_000;
const RATE_MAX: f64 = 10_000_000.0;
/// Calls that are due in a round, each of which is counted.
const DUE_MAX: f64 = 1e9;
const WARMUP_MAX: Duration = Duration::from_hours(1);
/// The same in every run, so that runs can be repeated.
const SEED: u64 = 14;

/// How much is asked.
#[derive(Debug, Clone, Args)]
pub(super) struct LoadFlags {
    /// Connections.
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = RangedU64ValueParser::<usize>::new().range(1..=CONNECTIONS_MAX), help_heading = LOAD)]
    connections: usize,
    /// Calls in flight on each connection; with --call stream, checks in flight on its one stream.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = RangedU64ValueParser::<usize>::new().range(1..=STREAMS_MAX), help_heading = LOAD)]
    streams: usize,
    /// Calls a second, which are due whatever the service does; without it, the next call is sent when an answer has come.
    #[arg(long, value_name = "CALLS", value_parser = rate, help_heading = LOAD)]
    rate: Option<f64>,
    /// How the calls of --rate follow one another.
    #[arg(long, value_name = "KIND", value_enum, default_value_t = ArrivalKind::Poisson, requires = "rate", help_heading = LOAD)]
    arrivals: ArrivalKind,
    /// How long each round is measured, at most 1h.
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = timeout, help_heading = LOAD)]
    duration: Duration,
    /// Calls of each round at most, without a warm-up: the round ends with the last answer, if that is earlier.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = LOAD)]
    calls: Option<u64>,
    /// How long the same load is made before that, uncounted, at most 1h.
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = warmup, conflicts_with = "calls", help_heading = LOAD)]
    warmup: Duration,
    /// Rounds, each with every target in turn: 1, and 5 if there are several targets.
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=ROUNDS_MAX), help_heading = LOAD)]
    pub(super) rounds: Option<usize>,
    /// How long an answer may take after its call was sent: a later one is not as expected. The service is given it as the deadline of each call, but not of --call stream.
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = timeout, help_heading = LOAD)]
    timeout: Duration,
    /// Threads that make the load, each with its part of the connections; with --demo, each on a core of its own.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = RangedU64ValueParser::<usize>::new().range(1..=THREADS_MAX), help_heading = LOAD)]
    threads: usize,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ArrivalKind {
    /// At random and independent of one another.
    Poisson,
    /// At equal distances.
    Constant,
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text
        .parse()
        .ok()
        .filter(|rate| *rate > 0.0 && *rate <= RATE_MAX);
    rate.ok_or_else(|| format!("not a number of calls a second, from above 0 to {RATE_MAX:.0}"))
}

fn warmup(text: &str) -> Result<Duration, &'static str> {
    let warmup = duration(text)?;
    if warmup > WARMUP_MAX {
        return Err("must be at most 1h");
    }
    Ok(warmup)
}

impl LoadFlags {
    /// The load of a round.
    pub(super) fn load(&self) -> anyhow::Result<Load> {
        self.check()?;
        Ok(Load {
            connections: self.connections,
            streams: self.streams,
            threads: self.threads,
            rate: self.rate,
            arrivals: match self.arrivals {
                ArrivalKind::Poisson => Arrivals::Poisson,
                ArrivalKind::Constant => Arrivals::Constant,
            },
            seed: SEED,
            duration: self.duration,
            calls: self.calls,
            warmup: if self.calls.is_some() {
                Duration::ZERO
            } else {
                self.warmup
            },
            timeout: self.timeout,
            cores: Vec::new(),
        })
    }

    /// What no flag shows by itself.
    fn check(&self) -> anyhow::Result<()> {
        let (connections, streams, threads) = (self.connections, self.streams, self.threads);
        if threads > connections {
            bail!(
                "--threads {threads} is more than --connections {connections}: each thread has a connection at least"
            );
        }
        if connections.saturating_mul(streams) > IN_FLIGHT_MAX {
            bail!(
                "--connections {connections} and --streams {streams} are more than {IN_FLIGHT_MAX} calls in flight"
            );
        }
        let round = self.duration.saturating_add(self.warmup).as_secs_f64();
        if self.rate.is_some_and(|rate| rate * round > DUE_MAX) {
            bail!(
                "--rate and --duration are more than {DUE_MAX:.0} calls in a round: lower one of them"
            );
        }
        Ok(())
    }
}
