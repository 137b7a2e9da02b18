//! `verigate serve`: the service.

use std::{io, path::PathBuf, sync::Arc};

use clap::Args;
use tokio::runtime::Handle;

use super::{
    environment::{Colours, Environment},
    exit::Exit,
    output::{eprint_in_time, eprint_line},
    signals::{Terminations, hang_ups, ignore_others},
};
use crate::{
    clock::SystemClock,
    config::Config,
    live::{self, LoadError},
    serve, telemetry,
};

/// Run the service.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Configuration file; without it, the defaults and the environment apply.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Check the configuration and the policies, and exit.
    #[arg(long)]
    check: bool,
}

impl Serve {
    pub(super) async fn run(
        self,
        environment: Environment,
        colours: Colours,
    ) -> anyhow::Result<Exit> {
        // First of all: until they are taken, each of them ends the process.
        let (reload, terminations) = (hang_ups()?, Terminations::count()?);
        ignore_others()?;
        let config = Config::load(self.config.as_deref(), environment)?;
        let policies = match live::load(&config.policies)
            .and_then(|set| live::check_redirects(set, &config.step_up.redirects))
        {
            Ok(policies) => policies,
            Err(error @ (LoadError::Unreadable(..) | LoadError::Unsettled(_))) => {
                return Err(error.into());
            }
            Err(invalid) => {
                eprint_in_time(invalid.to_string());
                return Ok(Exit::Invalid);
            }
        };
        if self.check {
            let (count, revision) = (policies.len(), policies.revision());
            eprint_line(&format!(
                "the configuration is valid; {count} policies, revision {revision}"
            ));
            return Ok(Exit::Done);
        }
        let clock = Arc::new(SystemClock);
        let telemetry = telemetry::start(
            config.log,
            colours.on(&io::stderr()),
            &config.trace,
            &Handle::current(),
            Arc::clone(&clock) as _,
        )?;
        let (stop, hurry) = (terminations.clone().reach(1), terminations.reach(2));
        let ran = serve::run(&config, policies, clock, reload, stop, hurry).await;
        telemetry.flush().await;
        ran.map(|()| Exit::Done)
    }
}
