//! Reads the callers of the configuration file again while the service runs. A file that cannot be used keeps the callers in force.

use std::{path::PathBuf, sync::Arc, time::Duration};

use parking_lot::Mutex;
use prometheus::{IntCounter, IntGauge};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tracing::{error, info, warn};

use super::{held_callers::HeldCallers, recorded::change};
use crate::{
    callers::{CallerConfig, Callers, IssuerError},
    clock::Clock,
    config::{Config, OtherSections, place_in},
    deps::Deps,
    file_watch::{self, HOLD_FOR, POLL_EVERY, ReadingFailure, WatchPaths, Watched},
    journal::Journal,
    metrics::set_count,
    readiness::Component,
};

/// When a file that was found changed is read again, to see whether it was whole.
const READ_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// Reads the callers again.
#[derive(Debug)]
pub(super) struct CallersReloader {
    callers: Callers,
    file: Option<PathBuf>,
    credentials: Option<PathBuf>,
    /// Whether other machines reach a listener for decisions.
    is_reached_from_afar: bool,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    in_force: IntGauge,
    anonymous: IntGauge,
    anonymous_from_afar: IntGauge,
    failed: IntGauge,
    reloads: IntCounter,
    journal: Journal,
}

#[derive(Debug, Default)]
struct State {
    /// Those in force: of the file, and those that are held.
    configs: Vec<CallerConfig>,
    /// Those of the file, as they were last taken from it.
    in_file: Vec<CallerConfig>,
    held: HeldCallers,
    /// The other sections, as they were when the service started.
    others: Option<OtherSections>,
    /// Those that have changed since, which has been logged.
    changed: Vec<String>,
    failure: Option<String>,
    /// What the last reading found, if it does not count yet.
    seen: Option<Result<Vec<CallerConfig>, String>>,
}

impl CallersReloader {
    /// Begins with the callers of this configuration.
    pub(super) fn new(
        config: &Config,
        callers: Callers,
        journal: Journal,
        deps: &Deps,
    ) -> Result<Arc<Self>, prometheus::Error> {
        let gauge = |name, help| {
            let gauge = IntGauge::new(name, help)?;
            deps.registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let in_force = gauge(
            "verigate_callers",
            "Callers in force: those that are configured, and for a few seconds those that have just left the configuration.",
        )?;
        set_count(&in_force, config.callers.len());
        let anonymous = gauge(
            "verigate_anonymous_allowed",
            "1 while everybody who reaches the listeners may ask, because no caller is configured.",
        )?;
        let anonymous_from_afar = gauge(
            "verigate_anonymous_from_other_machines",
            "1 while everybody on other machines may ask: no caller is configured, and a listener for decisions is not on a loopback address.",
        )?;
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
            .and_then(|file| Config::read_callers(file, config.credentials.as_deref()).ok());
        let reloader = Self {
            callers,
            file: config.file.clone(),
            credentials: config.credentials.clone(),
            is_reached_from_afar: !config.grpc.is_local() || !config.http.is_local(),
            clock: Arc::clone(&deps.clock),
            state: Mutex::new(State {
                configs: config.callers.clone(),
                in_file: config.callers.clone(),
                others: others.map(|(_, others)| others),
                ..State::default()
            }),
            in_force,
            anonymous,
            anonymous_from_afar,
            failed,
            reloads,
            journal,
        };
        reloader.show_anonymous();
        Ok(Arc::new(reloader))
    }

    /// Whether anybody may ask, in the metrics.
    fn show_anonymous(&self) {
        let is_open = self.callers.is_open();
        self.anonymous.set(i64::from(is_open));
        let from_afar = is_open && self.is_reached_from_afar;
        self.anonymous_from_afar.set(i64::from(from_afar));
    }

    /// Reads the file once. Blocks.
    pub(super) fn reload(&self) {
        let Some(file) = &self.file else { return };
        let read = Config::read_callers(file, self.credentials.as_deref());
        let seen = read.as_ref().map(|(configs, _)| configs.clone());
        if !self.is_settled(seen.map_err(ToString::to_string)) {
            return;
        }
        match read {
            Ok((in_file, others)) => {
                let (configs, held) = self.with_held(&in_file);
                match self.replace(&configs) {
                    Ok(()) => {
                        self.put_in_force(configs, in_file, others);
                        self.hold(held);
                    }
                    Err(error) => {
                        let keys = ["callers", error.caller.as_str(), "jwt", error.setting];
                        let place = place_in(file, &keys).map(|place| format!("{place}: "));
                        self.record_failure(&format!("{}{error}", place.unwrap_or_default()));
                    }
                }
            }
            Err(error) => self.record_failure(&error.to_string()),
        }
    }

    /// Whether the file was found like this twice in a row, or as before.
    fn is_settled(&self, read: Result<Vec<CallerConfig>, String>) -> bool {
        let mut state = self.state.lock();
        let is_known =
            state.failure.is_none() && read.as_ref().is_ok_and(|configs| *configs == state.in_file);
        if is_known || state.seen.as_ref() == Some(&read) {
            state.seen = None;
            return true;
        }
        state.seen = Some(read);
        false
    }

    /// The callers of the file, with those that are held because they are no longer in it.
    fn with_held(&self, in_file: &[CallerConfig]) -> (Vec<CallerConfig>, HeldCallers) {
        let uptime = self.clock.moment().uptime;
        let state = self.state.lock();
        let mut held = state.held.clone();
        let merged = held.merge(in_file, &state.configs, uptime);
        (merged, held)
    }

    /// These callers are held from now on.
    fn hold(&self, held: HeldCallers) {
        let mut state = self.state.lock();
        let names = held.names();
        if names.len() > state.held.names().len() {
            warn!(
                event = "callers_held",
                names = names.join(", "),
                hold_seconds = HOLD_FOR.as_secs(),
                "callers are no longer in the configuration file; they stay in force for a while, in case the file is being written"
            );
        }
        state.held = held;
    }

    fn replace(&self, configs: &[CallerConfig]) -> Result<(), IssuerError> {
        if self.state.lock().configs == configs {
            return Ok(());
        }
        self.callers.replace(configs)
    }

    /// These callers are in force.
    fn put_in_force(
        &self,
        configs: Vec<CallerConfig>,
        in_file: Vec<CallerConfig>,
        others: OtherSections,
    ) {
        let mut state = self.state.lock();
        state.in_file = in_file;
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
            self.show_anonymous();
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
            let members = [("callers", json!(callers))];
            self.journal
                .record_change(change("callers_reloaded", members));
            state.configs = configs;
        }
        let changed = match &state.others {
            Some(before) => before.differences(&others),
            // The file could not be read when the service started.
            None => {
                state.others = Some(others);
                Vec::new()
            }
        };
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
}

/// Reads the callers again when their file changes and when `requested`. Runs until it is dropped.
pub(super) async fn watch(reloader: Arc<CallersReloader>, requested: Arc<Notify>) {
    if reloader.file.is_some() {
        file_watch::watch(reloader, requested).await;
    }
}

impl Watched for CallersReloader {
    fn watch_paths(&self) -> WatchPaths {
        let mut paths = WatchPaths::default();
        if let Some(file) = &self.file {
            paths.add(file);
        }
        paths
    }

    fn look(&self, _requested: bool) {
        self.reload();
    }

    fn next_due(&self) -> Option<Duration> {
        let state = self.state.lock();
        if state.seen.is_some() {
            return Some(READ_AGAIN_AFTER);
        }
        let due = state.held.next_drop()?;
        Some(due.saturating_sub(self.clock.moment().uptime))
    }

    fn reading_failed(&self, failure: ReadingFailure) {
        self.record_failure(match failure {
            ReadingFailure::TooLong => "reading the configuration file takes longer than 30s",
            ReadingFailure::Internal => "internal error while reading the configuration file",
        });
    }

    fn watch_failed(&self, error: &str) {
        warn!(
            event = "callers_watch_failed",
            interval_seconds = POLL_EVERY.as_secs(),
            %error,
            "the configuration file cannot be watched; polling instead"
        );
    }
}

impl Component for CallersReloader {
    fn state(&self) -> Value {
        let state = self.state.lock();
        json!({
            "configured": state.configs.len(),
            "anonymous_allowed": self.callers.is_open(),
            "reload_failure": state.failure,
            "held": state.held.names(),
            "needs_restart": state.changed,
        })
    }
}
