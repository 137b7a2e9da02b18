//! What is measured, under which load, and the outcome.

use std::time::Duration;

use super::{
    arrivals::Arrivals,
    calls::Calls,
    process::Memory,
    socket::{ConnectError, Endpoint},
    tally::{Expected, Tally, Window},
};

/// What is measured.
#[derive(Debug, Clone)]
pub struct Target {
    /// As it is shown.
    pub name: String,
    /// Where it is, as it was given.
    pub url: String,
    /// The same, resolved.
    pub endpoint: Endpoint,
    /// What it is asked.
    pub calls: Calls,
    /// What it has to answer.
    pub expected: Expected,
    /// Calls in flight on each connection at most, where that is fewer than the load has.
    pub streams: Option<usize>,
    /// The process whose CPU and memory are reported.
    pub server_pid: Option<u32>,
}

/// How much is asked, and for how long.
#[derive(Debug, Clone)]
pub struct Load {
    /// Connections in all.
    pub connections: usize,
    /// Calls in flight on each connection at most; on a stream, checks.
    pub streams: usize,
    /// Threads that make the load, at most one for each connection.
    pub threads: usize,
    /// Calls a second, which are due whatever the server does. `None`: a closed loop, which sends whenever a stream is free.
    pub rate: Option<f64>,
    /// How the calls of an open loop follow one another.
    pub arrivals: Arrivals,
    /// The seed of what is random.
    pub seed: u64,
    /// How long is measured.
    pub duration: Duration,
    /// How many calls are made at most: then the measurement ends with the last answer, if that is earlier.
    pub calls: Option<u64>,
    /// How long the same load goes before that.
    pub warmup: Duration,
    /// How long an answer may take after its call was sent: the server is given it as the deadline of each call that is no stream, later
    /// answers are not as expected, and the last answers are waited for that long.
    pub timeout: Duration,
    /// The cores of the threads; none: those that the system chooses.
    pub cores: Vec<usize>,
}

impl Load {
    /// The same with no more calls in flight on a connection than this target is given.
    pub(super) fn for_target(&self, target: &Target) -> Self {
        let streams = target.streams.unwrap_or(usize::MAX);
        Self {
            streams: self.streams.min(streams),
            ..self.clone()
        }
    }

    /// The part of a round that counts.
    pub(super) fn window(&self) -> Window {
        Window {
            begin: self.warmup,
            end: self.warmup.saturating_add(self.duration),
        }
    }
}

/// One server under one load.
#[derive(Debug, Clone)]
pub struct Measured {
    /// What came back.
    pub tally: Tally,
    /// How long it was measured.
    pub duration: Duration,
    /// CPU time that the server has used in that time, if its process is known.
    pub cpu: Option<Duration>,
    /// Its memory at the end.
    pub memory: Option<Memory>,
    /// How much of its core the load used, of the core that it used most.
    pub generator_busy: Option<f64>,
    /// Why there was no connection, at first or at last.
    pub lost: Option<String>,
}

/// Why there is no measurement.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// No connection.
    #[error("cannot connect to {address} ({target})")]
    Connect {
        /// The target.
        target: String,
        /// Its addresses.
        address: String,
        /// Whether TLS was to be spoken.
        is_tls: bool,
        /// Why.
        #[source]
        error: ConnectError,
    },
    /// No call at all.
    #[error("{target} takes no calls: its SETTINGS_MAX_CONCURRENT_STREAMS is 0")]
    NoStreams {
        /// The target.
        target: String,
    },
    /// More calls at once than the server takes.
    #[error(
        "{target} takes {most} calls at once on a connection: give --streams {most} or less, and more --connections"
    )]
    TooManyStreams {
        /// The target.
        target: String,
        /// How many it takes.
        most: u32,
    },
    /// A thread of the load could not run.
    #[error("a thread of the load could not run")]
    Thread,
    /// The histograms cannot be made.
    #[error("the bounds of the histograms are invalid")]
    Histogram,
    /// It was asked to stop.
    #[error("interrupted")]
    Interrupted,
}
