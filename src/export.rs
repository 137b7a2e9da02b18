//! Hands the lines of the journal on while it runs: as log records to a collector (OTLP), and as messages to a receiver of syslog.
//!
//! A line is handed on once it is recorded as `journal.durability` says. Neither the journal nor a check waits for those who receive it: what they do
//! not take in time is dropped and counted, and each line has its index, so that they see what is missing.

mod config;
mod members;
mod severity;
mod failures;
mod tally;
mod backoff;
mod otlp;
pub mod syslog;

use std::{sync::Arc, time::Duration};

pub use self::config::{Config, SyslogConfig, SyslogTarget, Transport};
use self::{
    failures::{Failures, Target},
    otlp::Otlp,
    syslog::Syslog,
    tally::{ExportMetrics, Tally},
};
use crate::{
    deps::{Deps, Task},
    journal::{Outlet, outlet},
    tls::{ClientError, StreamTls, TlsFiles},
};

/// Why lines cannot be exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportStartError {
    /// A client cannot be built.
    #[error("cannot build the client of journal.syslog or journal.otlp_endpoint")]
    Client(#[from] ClientError),
    /// A metric cannot be registered: an internal error.
    #[error("internal error: assembly failed")]
    Metrics(#[from] prometheus::Error),
}

/// What exports lines, as the one who stops it sees it.
#[derive(Debug, Default)]
pub struct Exports {
    running: Vec<(Tally, Task)>,
}

/// Starts what is configured. The journal hands lines to the outlets.
pub fn start(
    config: &Config,
    files: &mut TlsFiles,
    deps: &Deps,
) -> Result<(Vec<Outlet>, Exports), ExportStartError> {
    let metrics = ExportMetrics::register(&deps.registry)?;
    let (mut outlets, mut exports) = (Vec::new(), Exports::default());
    let begin = |target| {
        let tally = metrics.of(target, Failures::new(target, deps));
        let (outlet, lines) = outlet(tally.waiting.clone(), tally.not_taken.clone());
        (tally, outlet, lines)
    };
    if let Some(address) = &config.otlp {
        let (tally, outlet, lines) = begin(Target::Otlp);
        let otlp = Otlp::new(address, lines, tally.clone(), Arc::clone(&deps.clock))?;
        outlets.push(outlet);
        exports.running.push((tally, deps.start(otlp.run())));
    }
    if let Some(config) = &config.syslog {
        let (tally, outlet, lines) = begin(Target::Syslog);
        let tls = match config.target.transport {
            Transport::Tls => Some(StreamTls::new(&config.files, files, deps)?),
            Transport::Udp | Transport::Tcp => None,
        };
        let clock = Arc::clone(&deps.clock);
        let syslog = Syslog::new(config.clone(), tls, lines, tally.clone(), clock);
        outlets.push(outlet);
        exports.running.push((tally, deps.start(syslog.run())));
    }
    Ok((outlets, exports))
}

impl Exports {
    /// Waits a little for the last lines, once the journal has ended.
    pub async fn finish(self, within: Duration) {
        let all = self.running.into_iter().map(|(tally, task)| async move {
            if !task.end(within).await {
                tally.not_finished();
            }
        });
        futures_util::future::join_all(all).await;
    }
}

#[cfg(test)]
mod tests;
