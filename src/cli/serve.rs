//! `verigate serve`: the service.

use std::{io, path::PathBuf, sync::Arc};

use clap::Args;
use tokio::runtime::Handle;
use tracing::warn;

use super::{
    environment::{Colours, Environment},
    exit::Exit,
    output::eprint_line,
    signals::{hang_ups, terminated},
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
        let config = Config::load(self.config.as_deref(), environment)?;
        let policies = match live::load(&config.policies)
            .and_then(|set| live::check_redirects(set, &config.step_up.redirects))
        {
            Ok(policies) => policies,
            Err(error @ (LoadError::Unreadable(..) | LoadError::Unsettled(_))) => {
                return Err(error.into());
            }
            Err(invalid) => {
                eprint_line(&invalid.to_string());
                return Ok(Exit::Invalid);
            }
        };
        let warnings = config.warnings();
        if self.check {
            for warning in &warnings {
                eprint_line(&format!("warning: {warning}"));
            }
            let (count, revision) = (policies.len(), policies.revision());
            eprint_line(&format!(
                "the configuration is valid; {count} policies, revision {revision}"
            ));
            return Ok(Exit::Done);
        }
        let (reload, stop) = (hang_ups()?, terminated()?);
        let clock = Arc::new(SystemClock);
        let telemetry = telemetry::start(
            config.log,
            colours.on(&io::stderr()),
            &config.trace,
            &Handle::current(),
            Arc::clone(&clock) as _,
        )?;
        for warning in warnings {
            warn!(
                event = "configuration_warning",
                %warning,
                "a setting is valid, and probably not meant"
            );
        }
        let ran = serve::run(&config, policies, clock, reload, stop).await;
        telemetry.flush().await;
        ran.map(|()| Exit::Done)
    }
}
