//! `verigate bench`: measures services under load, alone or in comparison.

mod load;
mod entry;
mod targets;
mod advice;
mod demo;
mod children;
mod fixtures;

use std::{
    fs::File,
    io::{self, IsTerminal as _, Write as _},
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::{Context as _, bail};
use clap::{ArgGroup, Args, builder::RangedU64ValueParser};

use self::{
    advice::advised,
    demo::{Cores, Demo, NAMES, fill_caches},
    entry::{Entry, TARGETS},
    load::LoadFlags,
};
use super::{
    environment::Environment,
    examples,
    exit::Exit,
    output::{eprint_line, print, print_json},
    signals::interrupted,
};
use crate::{
    bench::{
        BenchError, Compared, EmptyServer, Load, Measured, Origin, Target, TargetSummary, chart,
        compare, measure, reach, report, table,
    },
    clock::SystemClock,
};

const DEFAULT_SERVER: &str = "http://127.0.0.1:50051";
/// How many rounds a comparison has.
const ROUNDS: usize = 5;

/// Measure a service under load, or compare several.
///
/// With --rate the load is an open loop: the instants at which calls are due are fixed before, and each latency counts from there, also for
/// calls that wait because the service is slow. Without it, the next call is sent when an answer has come, which shows how much a service
/// can do. Every answer is checked. Exits with 0 if every call that was due was sent and answered as expected, in time; 1 if one was not; and 2
/// if nothing could be measured.
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
    #[arg(long, conflicts_with = "Entry", help_heading = TARGETS)]
    demo: bool,
    /// Program of Cerbos for --demo, in place of `cerbos` in PATH. From npm: node_modules/@cerbos/cerbos-linux-x64/cerbos-linux-x64.
    #[arg(long, value_name = "FILE", requires = "demo", help_heading = TARGETS)]
    cerbos: Option<PathBuf>,
    /// Cores on which all servers run that --demo starts; the load has the others.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = RangedU64ValueParser::<usize>::new().range(1..), requires = "demo", help_heading = TARGETS)]
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

fn target(text: &str) -> Result<(String, String), &'static str> {
    let (name, url) = text.split_once('=').ok_or("not of the form NAME=URL")?;
    if name.is_empty() {
        return Err("the name is empty: NAME=URL");
    }
    Ok((name.to_owned(), url.to_owned()))
}

/// A file that can be written, before it takes minutes to know what to write.
#[derive(Debug)]
struct ChartFile {
    path: PathBuf,
    file: File,
}

impl ChartFile {
    fn open(path: PathBuf) -> anyhow::Result<Self> {
        let mut options = File::options();
        // What it holds stays there until there is something better.
        let file = options.write(true).create(true).truncate(false).open(&path);
        let file = file.with_context(|| format!("cannot write `{}`", path.display()))?;
        Ok(Self { path, file })
    }

    fn write(mut self, svg: &str) -> anyhow::Result<()> {
        let written = self.file.set_len(0);
        written
            .and_then(|()| self.file.write_all(svg.as_bytes()))
            .with_context(|| format!("cannot write `{}`", self.path.display()))
    }
}

impl Bench {
    pub(super) async fn run(self, environment: &Environment) -> anyhow::Result<Exit> {
        if self.serve_empty {
            let server = EmptyServer::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
            print(&format!("http://{}\n", server.address))?;
            server.serve().await?;
            return Ok(Exit::Done);
        }
        let chart_file = self.chart.clone().map(ChartFile::open).transpose()?;
        let stop = interrupted()?;
        let is_stopped = Arc::new(AtomicBool::new(false));
        let json = self.json;
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
        let (compared, origin) = (measured?, Origin::here());
        if json {
            print_json(&report(&compared, &origin))?;
        } else {
            print(&table(&compared, &origin))?;
        }
        if let Some(file) = chart_file {
            file.write(&chart(&compared, &origin))?;
        }
        Ok(if compared.holds() {
            Exit::Done
        } else {
            Exit::Invalid
        })
    }

    /// Starts what is to be started, and measures. Blocks.
    fn measure(self, environment: &Environment, stop: &AtomicBool) -> anyhow::Result<Compared> {
        let mut load = self.load.load()?;
        let mut started = None;
        let mut targets = if self.demo {
            self.check_names(&NAMES)?;
            let cores = Cores::divided(self.server_cores)?;
            cores.check_threads(load.threads)?;
            load.cores.clone_from(&cores.load);
            let demo = Demo::start(self.cerbos.as_deref(), &cores, environment, stop)?;
            let mut contenders = started.insert(demo).contenders();
            contenders.retain(|contender| self.is_wanted(&contender.target.name));
            fill_caches(&contenders, &cores.load, stop)?;
            contenders.into_iter().map(|of| of.target).collect()
        } else {
            let targets = self.targets()?;
            let names: Vec<&str> = targets.iter().map(|of| of.name.as_str()).collect();
            self.check_names(&names)?;
            targets
        };
        targets.retain(|target| self.is_wanted(&target.name));
        if targets.is_empty() {
            bail!("--only leaves nothing to measure");
        }
        for target in &mut targets {
            reach(target, &load, &SystemClock, stop).map_err(advised)?;
        }
        let compared = self.compare(&targets, &load, stop)?;
        drop(started);
        Ok(compared)
    }

    fn compare(
        &self,
        targets: &[Target],
        load: &Load,
        stop: &AtomicBool,
    ) -> anyhow::Result<Compared> {
        let alone = targets.len() == 1;
        let rounds = self.load.rounds.unwrap_or(if alone { 1 } else { ROUNDS });
        let is_watched = io::stderr().is_terminal();
        let rounds: Vec<Vec<Measured>> = compare(targets.len(), rounds, |index, round| {
            let target = targets.get(index).ok_or(BenchError::Interrupted)?;
            if is_watched {
                eprint_line(&format!("round {} of {rounds}: {}", round + 1, target.name));
            }
            measure(target, load, &SystemClock, stop)
        })?;
        let compared = Compared::of(targets, load, &rounds);
        let is_empty = |of: &&TargetSummary| of.calls.due == 0 && of.lost.is_none();
        match (load.rate, compared.targets.iter().find(is_empty)) {
            (Some(rate), Some(target)) => bail!(
                "{}: no call was due in {} s at {rate} calls/s: give a longer --duration or a higher --rate",
                target.name,
                load.duration.as_secs_f64()
            ),
            _ => Ok(compared),
        }
    }

    fn is_wanted(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|text| name.contains(text))
    }

    /// Before anything is started.
    fn check_names(&self, names: &[&str]) -> anyhow::Result<()> {
        if names.iter().any(|name| self.is_wanted(name)) {
            return Ok(());
        }
        let all: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        bail!(
            "no target has a name that contains the text of --only; there are {}",
            all.join(", ")
        )
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
        targets::prepare(entries, &self.entry)
    }
}
