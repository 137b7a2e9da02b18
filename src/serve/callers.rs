//! Reads the callers of the configuration file again while the service runs. A file that cannot be used keeps the callers in force.

use std::{path::PathBuf, sync::Arc, time::Duration};

use parking_lot::Mutex;
use prometheus::{IntCounter, IntGauge};
use serde_json::{Value, json};
use tokio::{sync::Notify, task::spawn_blocking, time::timeout};
use tracing::{error, info, warn};

use crate::{
    callers::{CallerConfig, Callers},
    clock::pause,
    config::{Config, OtherSections},
    deps::Deps,
    jwt::KeysError,
    metrics::set_count,
    readiness::Component,
};

/// How often the file is read without being asked to. By content and not by events: every way to replace a file shows in it.
const POLL_EVERY: Duration = Duration::from_secs(1);
/// How long reading may take before the next attempt, as on a file system that no longer responds.
const READING_MAX: Duration = Duration::from_secs(30);

/// Reads the callers again.
#[derive(Debug)]
pub(super) struct CallersReloader {
    callers: Callers,
    file: Option<PathBuf>,
    state: Mutex<State>,
    in_force: IntGauge,
    failed: IntGauge,
    reloads: IntCounter,
}

#[derive(Debug, Default)]
struct State {
    configs: Vec<CallerConfig>,
    /// The other sections, as they were when the service started.
    others: Option<OtherSections>,
    /// Those that have changed since, which has been logged.
    changed: Vec<String>,
    failure: Option<String>,
}

impl CallersReloader {
    /// Begins with the callers of this configuration.
    pub(super) fn new(
        config: &Config,
        callers: Callers,
        deps: &Deps,
    ) -> Result<Arc<Self>, prometheus::Error> {
        let gauge = |name, help| {
            let gauge = IntGauge::new(name, help)?;
            deps.registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let in_force = gauge("verigate_callers", "Callers that are configured.")?;
        set_count(&in_force, config.callers.len());
        let anonymous = gauge(
            "verigate_anonymous_allowed",
            "1 while everybody who reaches the listeners may ask, because no caller is configured.",
        )?;
        anonymous.set(i64::from(callers.is_open()));
        let failed = gauge(
            "verigate_callers_reload_failed",
            "1 while the callers of the configuration file cannot be used, and older ones are in force.",
        )?;
        let reloads = IntCounter::new(
            "verigate_callers_reloads_total",
            "Changed callers that were put in force.",
        )?;
        deps.registry.register(Box::new(reloads.clone()))?;
        let others = config
            .file
            .as_ref()
            .and_then(|file| Config::read_callers(file).ok());
        Ok(Arc::new(Self {
            callers,
            file: config.file.clone(),
            state: Mutex::new(State {
                configs: config.callers.clone(),
                others: others.map(|(_, others)| others),
                ..State::default()
            }),
            in_force,
            failed,
            reloads,
        }))
    }

    /// Reads the file once. Blocks.
    pub(super) fn reload(&self) {
        let Some(file) = &self.file else { return };
        match Config::read_callers(file) {
            Ok((configs, others)) => match self.replace(&configs) {
                Ok(()) => self.put_in_force(configs, &others),
                Err(error) => {
                    self.record_failure(&format!("the keys of an issuer: {}", chain(&error)));
                }
            },
            Err(error) => self.record_failure(&error.to_string()),
        }
    }

    fn replace(&self, configs: &[CallerConfig]) -> Result<(), KeysError> {
        if self.state.lock().configs == configs {
            return Ok(());
        }
        self.callers.replace(configs)
    }

    /// These callers are in force.
    fn put_in_force(&self, configs: Vec<CallerConfig>, others: &OtherSections) {
        let mut state = self.state.lock();
        if state.failure.take().is_some() {
            self.failed.set(0);
            info!(
                event = "callers_reload_recovered",
                "the callers of the configuration file can be used again"
            );
        }
        if configs != state.configs {
            let callers = configs.len();
            set_count(&self.in_force, callers);
            self.reloads.inc();
            if callers == 0 {
                warn!(
                    event = "callers_all_removed",
                    "no caller is configured any more: every call is refused until one is; a restart without callers admits everybody on this machine"
                );
            }
            info!(
                event = "callers_reloaded",
                callers, "the callers of the configuration file are in force"
            );
            state.configs = configs;
        }
        let before = state.others.as_ref();
        let changed = before.map_or_else(Vec::new, |before| before.differences(others));
        if changed != state.changed {
            if !changed.is_empty() {
                let sections = changed.join(", ");
                warn!(
                    event = "configuration_needs_restart",
                    sections,
                    "other sections of the configuration file have changed, and are in force after a restart only"
                );
            }
            state.changed = changed;
        }
    }

    fn record_failure(&self, failure: &str) {
        self.failed.set(1);
        let mut state = self.state.lock();
        if state.failure.as_deref() != Some(failure) {
            error!(
                event = "callers_reload_failed",
                error = failure,
                "the callers of the configuration file cannot be used; those before stay in force: correct the file"
            );
            state.failure = Some(failure.to_owned());
        }
    }

    /// Reads the file when asked to, and at an interval. Runs until it is dropped.
    pub(super) async fn watch(self: Arc<Self>, requested: Arc<Notify>) {
        if self.file.is_none() {
            return;
        }
        loop {
            tokio::select! {
                () = requested.notified() => {}
                () = pause(POLL_EVERY) => {}
            }
            let own = Arc::clone(&self);
            // What a file system does not give in time is read by the next attempt.
            let _ = timeout(READING_MAX, spawn_blocking(move || own.reload())).await;
        }
    }
}

impl Component for CallersReloader {
    fn state(&self) -> Value {
        let state = self.state.lock();
        json!({
            "configured": state.configs.len(),
            "anonymous_allowed": self.callers.is_open(),
            "reload_failure": state.failure,
            "needs_restart": state.changed,
        })
    }
}

/// An error with all its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut shown = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        shown.push_str(": ");
        shown.push_str(&cause.to_string());
        next = cause.source();
    }
    shown
}
