//! `verigate serve`: the service.

use std::{path::PathBuf, sync::Arc};

use clap::Args;

use super::{Environment, Exit, talk, told_to_stop};
use crate::{
    clock::SystemClock,
    config::Config,
    live::{self, NoPolicies},
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
        let policies = match live::load(&config.policies) {
            Ok(policies) => policies,
            Err(error @ (NoPolicies::Unreadable(..) | NoPolicies::Unsettled(_))) => {
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
        let stop = told_to_stop()?;
        telemetry::start(config.log);
        serve::run(&config, policies, Arc::new(SystemClock), stop).await?;
        Ok(Exit::Done)
    }
}
