//! `verigate bench`: measures services under load, alone or in comparison.

mod entry;
mod targets;
mod demo;
mod children;
mod fixtures;

use std::{
    fs,
    io::{self, IsTerminal as _},
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::Context as _;
use clap::{ArgGroup, Args, ValueEnum, builder::RangedU64ValueParser};

use self::{
    demo::Demo,
    entry::{Entry, TARGETS},
};
use super::{
    check::{duration, timeout},
    environment::Environment,
    examples,
    exit::Exit,
    output::{eprint_line, print, print_json},
    signals::interrupted,
};
use crate::{
    bench::{
        Arrivals, BenchError, Compared, EmptyServer, Load, Measured, Target, chart, compare,
        measure, report, table,
    },
    clock::SystemClock,
};

const LOAD: &str = "The load";
const DEFAULT_SERVER: &str = "http://127.0.0.1:50051";
const CONNECTIONS_MAX: u64 = 10_000;
const STREAMS_MAX: u64 = 10_000;
const THREADS_MAX: u64 = 256;
const ROUNDS_MAX: u64 = 1_000;
const RATE_MAX: f64 = 10_000_000.0;
/// How many rounds a comparison has.
const ROUNDS: usize = 5;
/// The same in every run, so that runs can be repeated.
const SEED: u64 = 14;

/// Measure a service under load, or compare several.
///
/// With --rate the load is an open loop: the instants at which calls are due are fixed before, and each latency counts from there, also for
/// calls that wait because the service is slow. Without it, the next call goes when an answer has come, which shows how much a service
/// can do. Every answer is checked. Exits with 0 if all are as expected, 1 if one is not, and 2 if nothing could be measured.
#[derive(Debug, Args)]
#[command(after_help = examples::BENCH)]
#[command(group = ArgGroup::new("targets of the comparison").args(["server", "target", "targets", "demo", "serve_empty"]))]
pub(super) struct Bench {
    /// Address of a gRPC listener: http, or https where it speaks TLS.
    #[arg(long, value_name = "URL", default_value = DEFAULT_SERVER, help_heading = TARGETS)]
    server: String,
    /// Target of a comparison, with the settings below for each; can be repeated. The others are compared with the first.
    #[arg(long, value_name = "NAME=URL", value_parser = target, help_heading = TARGETS)]
    target: Vec<(String, String)>,
    /// File with the targets of a comparison (TOML), each with settings of its own in place of those below.
    #[arg(long, value_name = "FILE", help_heading = TARGETS)]
    targets: Option<PathBuf>,
    /// Start everything that is compared: an empty tonic server, a simulated vendor, the service without and with TLS, and Cerbos.
    #[arg(long, help_heading = TARGETS)]
    demo: bool,
    /// Program of Cerbos for --demo, in place of `cerbos` in PATH. From npm: node_modules/@cerbos/cerbos-linux-x64/cerbos-linux-x64.
    #[arg(long, value_name = "FILE", requires = "demo", help_heading = TARGETS)]
    cerbos: Option<PathBuf>,
    /// Cores of each server that --demo starts; the load has the others.
    #[arg(long, value_name = "N", default_value_t = 1, requires = "demo", help_heading = TARGETS)]
    server_cores: usize,
    /// Measure only targets whose name contains this; can be repeated.
    #[arg(long, value_name = "TEXT", help_heading = TARGETS)]
    only: Vec<String>,
    /// Serve the empty handler of --demo, on a free port, which is printed.
    #[arg(long, hide = true)]
    serve_empty: bool,
    #[command(flatten)]
    entry: Entry,
    #[command(flatten)]
    load: LoadFlags,
    /// Print the measurements as JSON.
    #[arg(long)]
    json: bool,
    /// Write a chart to this file (SVG): throughput, and latency by percentile.
    #[arg(long, value_name = "FILE")]
    chart: Option<PathBuf>,
}

/// How much is asked.
#[derive(Debug, Clone, Args)]
struct LoadFlags {
    /// Connections.
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = RangedU64ValueParser::<usize>::new().range(1..=CONNECTIONS_MAX), help_heading = LOAD)]
    connections: usize,
    /// Calls in flight on each connection at most; with --call stream, checks in flight on its one stream.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = RangedU64ValueParser::<usize>::new().range(1..=STREAMS_MAX), help_heading = LOAD)]
    streams: usize,
    /// Calls a second, which are due whatever the service does; without it, the next call goes when an answer has come.
    #[arg(long, value_name = "CALLS", value_parser = rate, help_heading = LOAD)]
    rate: Option<f64>,
    /// How the calls of --rate follow one another.
    #[arg(long, value_name = "KIND", value_enum, default_value_t = ArrivalKind::Poisson, help_heading = LOAD)]
    arrivals: ArrivalKind,
    /// How long each round is measured, at most 1h.
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = timeout, help_heading = LOAD)]
    duration: Duration,
    /// Calls of each round at most, without a warm-up: the round ends with the last answer, if that is earlier.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = LOAD)]
    calls: Option<u64>,
    /// How long the same load goes before that, uncounted.
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = duration, help_heading = LOAD)]
    warmup: Duration,
    /// Rounds, each with every target in turn: 1, and 5 if there are several targets.
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=ROUNDS_MAX), help_heading = LOAD)]
    rounds: Option<usize>,
    /// How long an answer may take; the service is given it as the deadline of each call.
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = timeout, help_heading = LOAD)]
    timeout: Duration,
    /// Threads that make the load, each with its part of the connections.
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

fn target(text: &str) -> Result<(String, String), &'static str> {
    let (name, url) = text.split_once('=').ok_or("not of the form NAME=URL")?;
    if name.is_empty() {
        return Err("the name is empty: NAME=URL");
    }
    Ok((name.to_owned(), url.to_owned()))
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text
        .parse()
        .ok()
        .filter(|rate| *rate > 0.0 && *rate <= RATE_MAX);
    rate.ok_or_else(|| format!("not a number of calls a second, from above 0 to {RATE_MAX:.0}"))
}

impl Bench {
    pub(super) async fn run(self, environment: &Environment) -> anyhow::Result<Exit> {
        if self.serve_empty {
            let server = EmptyServer::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
            print(&format!("http://{}\n", server.address))?;
            server.serve().await?;
            return Ok(Exit::Done);
        }
        let stop = interrupted()?;
        let is_stopped = Arc::new(AtomicBool::new(false));
        let (json, chart_file) = (self.json, self.chart.clone());
        let (environment, stopping) = (environment.clone(), Arc::clone(&is_stopped));
        let mut measuring =
            tokio::task::spawn_blocking(move || self.measure(&environment, &stopping));
        let measured = tokio::select! {
            measured = &mut measuring => measured?,
            () = stop => {
                is_stopped.store(true, Ordering::Relaxed);
                measuring.await?
            }
        };
        let compared = measured?;
        if let Some(path) = chart_file {
            let shown = path.display();
            fs::write(&path, chart(&compared))
                .with_context(|| format!("cannot write `{shown}`"))?;
        }
        if json {
            print_json(&report(&compared))?;
        } else {
            print(&table(&compared))?;
        }
        Ok(if compared.holds() {
            Exit::Done
        } else {
            Exit::Invalid
        })
    }

    /// Starts what is to be started, and measures. Blocks.
    fn measure(self, environment: &Environment, stop: &AtomicBool) -> anyhow::Result<Compared> {
        let mut load = self.load.load();
        let mut started = None;
        let mut targets = if self.demo {
            let demo = started.insert(Demo::start(
                self.cerbos.as_deref(),
                self.server_cores,
                environment,
                stop,
            )?);
            load.cores.clone_from(&demo.load_cores);
            demo.targets()
        } else {
            self.targets()?
        };
        targets.retain(|target| {
            self.only.is_empty() || self.only.iter().any(|text| target.name.contains(text))
        });
        if targets.is_empty() {
            anyhow::bail!("no target has a name that --only names");
        }
        let alone = targets.len() == 1;
        let rounds = self.load.rounds.unwrap_or(if alone { 1 } else { ROUNDS });
        let is_watched = io::stderr().is_terminal();
        let rounds: Vec<Vec<Measured>> = compare(targets.len(), rounds, |index, round| {
            let target = targets.get(index).ok_or(BenchError::Interrupted)?;
            if is_watched {
                eprint_line(&format!("round {} of {rounds}: {}", round + 1, target.name));
            }
            measure(target, &load, &SystemClock, stop)
        })?;
        drop(started);
        Ok(Compared::of(&targets, &load, &rounds))
    }

    fn targets(&self) -> anyhow::Result<Vec<Target>> {
        let entries = match &self.targets {
            Some(path) => targets::read(path)?,
            None if self.target.is_empty() => vec![Entry::named(&self.server, &self.server)],
            None => {
                let named = self
                    .target
                    .iter()
                    .map(|(name, url)| Entry::named(name, url));
                named.collect()
            }
        };
        let entries = entries.into_iter().map(|entry| entry.or(&self.entry));
        entries.map(targets::prepare).collect()
    }
}

impl LoadFlags {
    fn load(&self) -> Load {
        Load {
            connections: self.connections,
            streams: self.streams,
            threads: self.threads.min(self.connections),
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
        }
    }
}
