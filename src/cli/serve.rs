//! `verigate serve`: the service.

use std::{io, path::PathBuf, sync::Arc};

use clap::Args;
use tokio::runtime::Handle;
use tracing::warn;

use super::{
    environment::{Colours, Environment},
    examples,
    exit::Exit,
    output::eprint_in_time,
    signals::{Terminations, hang_ups, ignore_others},
};
use crate::{
    clock::{Clock, SystemClock},
    config::{Config, ConfigError},
    listener::Inherited,
    live::{self, LoadError, Loaded},
    policy::PolicySet,
    serve::{self, NOT_TRIED, core_dumps, preflight, preflight_with_addresses},
    telemetry,
};

/// Run the service.
#[derive(Debug, Args)]
#[command(after_help = examples::SERVE)]
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
        inherited: Inherited,
    ) -> anyhow::Result<Exit> {
        // First of all: until they are taken, each of them ends the process.
        let (reload, terminations) = (hang_ups()?, Terminations::count()?);
        ignore_others()?;
        // Before a secret is read.
        core_dumps::forbid();
        let config = Config::load(self.config.as_deref(), environment);
        let (config, loaded, expiring) = match ready(config, self.check) {
            Ok(ready) => ready,
            Err(exit) => return Ok(exit),
        };
        if config.core_dumps {
            core_dumps::permit();
        }
        let shadow = shadow(&config);
        let mut warnings = warnings(&config, &loaded);
        warnings.extend(shadow.as_ref().and_then(shadow_warning));
        warnings.extend(expiring);
        if self.check {
            for warning in &warnings {
                eprint_in_time(format!("warning: {warning}"));
            }
            report_valid(&loaded, shadow.as_ref());
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
        for warning in warnings {
            warn!(
                event = "configuration_warning",
                %warning,
                "a setting is valid but probably not intended"
            );
        }
        let (stop, force) = (terminations.clone().reach(1), terminations.reach(2));
        let ran = serve::run(&config, loaded, clock, inherited, reload, stop, force).await;
        telemetry.flush().await;
        ran.map(|()| Exit::Done)
    }
}

/// The configuration and the policies, and what will soon expire; or reports everything that is wrong with them and with this machine, all
/// at once.
fn ready(
    config: Result<Config, ConfigError>,
    check: bool,
) -> Result<(Config, Loaded, Vec<String>), Exit> {
    let mut expiring = Vec::new();
    let (config, policies, problems) = match config {
        Ok(config) => {
            let clock: Arc<dyn Clock> = Arc::new(SystemClock);
            let found = if check {
                preflight_with_addresses(&config, &clock)
            } else {
                preflight(&config, &clock)
            };
            for note in found.notes {
                eprint_in_time(format!("note: {note}"));
            }
            expiring = found.warnings;
            let policies = Some(config.policies.clone());
            (Some(config), policies, found.problems)
        }
        Err(ConfigError { problems, policies }) => (None, policies, problems),
    };
    let redirects = config.as_ref().map(|config| &config.step_up.redirects);
    let loaded = policies.map(|path| {
        let loaded = live::load_all(&path)?;
        live::check_exposures(&loaded.exposures)?;
        match redirects {
            Some(redirects) => {
                let set = live::check_redirects(loaded.set, redirects)?;
                Ok(Loaded { set, ..loaded })
            }
            None => Ok(loaded),
        }
    });
    let mut exit = Exit::Done;
    if let Some(Err(error)) = &loaded {
        exit = report_policies(error);
    }
    if !problems.is_empty() {
        let policies = None;
        eprint_in_time(format!("verigate: {}", ConfigError { problems, policies }));
        exit = Exit::CannotRun;
    }
    match (config, loaded) {
        (Some(config), Some(Ok(loaded))) if exit == Exit::Done => Ok((config, loaded, expiring)),
        _ => {
            if check {
                eprint_in_time(NOT_TRIED.to_owned());
            }
            Err(exit)
        }
    }
}

/// What is valid but probably not intended.
fn warnings(config: &Config, loaded: &Loaded) -> Vec<String> {
    let exposed = loaded.exposures.iter();
    let exposed = exposed.map(|exposure| format!("policies are exposed: {exposure}"));
    let of_policies = config.warnings_of_policies(&loaded.set);
    let warnings = config.warnings().into_iter().chain(of_policies);
    warnings.chain(exposed).collect()
}

/// The shadow policies, if any are configured.
fn shadow(config: &Config) -> Option<Result<PolicySet, LoadError>> {
    let path = config.shadow.as_ref()?;
    Some(live::load_shadow(path, &config.step_up.redirects))
}

/// What is wrong with the shadow policies. It keeps nothing from working.
fn shadow_warning(shadow: &Result<PolicySet, LoadError>) -> Option<String> {
    match shadow {
        Ok(set) => set.is_empty().then(|| {
            "policies.shadow: there are no shadow policies at this path, so none are judged"
                .to_owned()
        }),
        Err(error) => Some(format!(
            "policies.shadow: the shadow policies cannot be used, so none are judged: {}",
            error.in_full()
        )),
    }
}

/// Reports why there are no policies.
pub(super) fn report_policies(error: &LoadError) -> Exit {
    match error {
        LoadError::Unreadable(..) | LoadError::Unsettled(_) => {
            eprint_in_time(format!("verigate: {}", error.in_full()));
            Exit::CannotRun
        }
        invalid => {
            eprint_in_time(invalid.to_string());
            Exit::Invalid
        }
    }
}

/// Reports that nothing is wrong, what was left out, and what that does not say.
fn report_valid(loaded: &Loaded, shadow: Option<&Result<PolicySet, LoadError>>) {
    for file in &loaded.ignored {
        eprint_in_time(format!("warning: {file}"));
    }
    let (count, revision) = (loaded.set.len(), loaded.set.revision());
    eprint_in_time(format!(
        "the configuration is valid; {count} policies, revision {revision}"
    ));
    if let Some(Ok(set)) = shadow
        && !set.is_empty()
    {
        let (count, revision) = (set.len(), set.revision());
        eprint_in_time(format!("{count} shadow policies, revision {revision}"));
    }
    eprint_in_time(NOT_TRIED.to_owned());
}
