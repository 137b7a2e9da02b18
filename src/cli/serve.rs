//! `verigate serve`: the service.

use std::{io, path::PathBuf, sync::Arc};

use clap::Args;
use tokio::{
    runtime::Handle,
    signal::unix::{SignalKind, signal},
    sync::Notify,
};

use super::{Environment, Exit, has_colours, talk, told_to_end};
use crate::{
    clock::SystemClock,
    config::Config,
    live::{self, LoadError},
    serve, telemetry,
};

/// Run the service.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// The configuration file; the defaults and the environment alone if not given.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Check the configuration and the policies, and end.
    #[arg(long)]
    check: bool,
}

impl Serve {
    pub(super) async fn run(self, environment: Environment) -> anyhow::Result<Exit> {
        let config = Config::load(self.config.as_deref(), environment)?;
        let policies = match live::load(&config.policies)
            .and_then(|set| live::check_redirects(set, &config.step_up.redirects))
        {
            Ok(policies) => policies,
            Err(error @ (LoadError::Unreadable(..) | LoadError::Unsettled(_))) => {
                return Err(error.into());
            }
            Err(invalid) => {
                talk(&invalid.to_string());
                return Ok(Exit::Invalid);
            }
        };
        if self.check {
            let (count, revision) = (policies.len(), policies.revision());
            talk(&format!(
                "the configuration is valid; {count} policies, revision {revision}"
            ));
            return Ok(Exit::Done);
        }
        let (reload, stop) = (told_to_reload()?, told_to_end()?);
        let clock = Arc::new(SystemClock);
        let telemetry = telemetry::start(
            config.log,
            has_colours(&io::stderr()),
            &config.trace,
            &Handle::current(),
            Arc::clone(&clock) as _,
        )?;
        let ran = serve::run(&config, policies, clock, reload, stop).await;
        telemetry.flush().await;
        ran.map(|()| Exit::Done)
    }
}

/// Passes on each SIGHUP. Those that come while it is being followed are followed once more.
fn told_to_reload() -> io::Result<Arc<Notify>> {
    let mut hang_up = signal(SignalKind::hangup())?;
    let reload = Arc::new(Notify::new());
    let told = Arc::clone(&reload);
    tokio::spawn(async move {
        while hang_up.recv().await.is_some() {
            told.notify_one();
        }
    });
    Ok(reload)
}
