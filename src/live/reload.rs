//! Puts another policy set in force when the files give one. When they do not, keeps the last good set and reports why.

mod ignored;
mod removal;
mod first;

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeSet,
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    time::Duration,
};

use parking_lot::Mutex;
use tracing::{error, info};

use self::ignored::LoggedFiles;
use super::{
    error::LoadError,
    held::HeldPolicies,
    in_force::{Live, ReloadFailure},
    load::{Reading, check_exposures, check_redirects, or_none},
    metrics::{Metrics, ReloadOutcome},
    role::Role,
    snapshot::{Digest, Parsed, Snapshot},
};
use crate::{
    clock::Clock,
    deps::Deps,
    file_watch::WatchPaths,
    policy::{PolicySet, Revision},
};

/// How much of the problems is logged.
const LOG_LINES_MAX: usize = 500;
const LOG_CHARS_MAX: usize = 32 * 1024;
/// How much of the problems readiness shows: enough to know what to look for.
const SHOWN_LINES_MAX: usize = 12;
const SHOWN_CHARS_MAX: usize = 2000;

/// Reads the policy files when it is called, and swaps the set in force.
#[derive(Debug)]
pub struct Reloader {
    role: Role,
    path: PathBuf,
    /// The addresses to which policies may redirect browsers.
    redirects: BTreeSet<String>,
    live: Arc<Live>,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    recorder: OnceLock<Recorder>,
    /// Locked from reading to swapping, so that an older reading never replaces a newer one.
    last: Mutex<Last>,
}

/// What is known from the last reading.
#[derive(Debug)]
struct Last {
    outcome: Option<LastOutcome>,
    parsed: Parsed,
    watch_paths: WatchPaths,
    /// The last good set, as the files gave it.
    set: Arc<PolicySet>,
    /// The paths of its files.
    files: BTreeSet<String>,
    held: HeldPolicies,
    logged: LoggedFiles,
}

#[derive(Debug, Clone, Copy)]
struct LastOutcome {
    digest: Digest,
    compiled: bool,
}

impl Last {
    /// A set that is in force, and the reading that has given it, if it is known.
    fn of(set: Arc<PolicySet>, reading: Option<Reading>) -> Self {
        let outcome = reading.as_ref().map(|reading| LastOutcome {
            digest: reading.digest,
            compiled: true,
        });
        let (parsed, files) = reading
            .map(|reading| (reading.parsed, reading.files))
            .unwrap_or_default();
        Self {
            outcome,
            parsed,
            watch_paths: WatchPaths::default(),
            set,
            files,
            held: HeldPolicies::default(),
            logged: LoggedFiles::default(),
        }
    }
}

/// What is called when other policies are in force.
struct Recorder(Box<dyn Fn(usize, Revision) + Send + Sync>);

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recorder")
    }
}

impl Reloader {
    /// A reloader for this path, from which the set in force was read: by this `reading`, if it is known.
    pub fn new(
        path: &Path,
        redirects: BTreeSet<String>,
        live: Arc<Live>,
        reading: Option<Reading>,
        deps: &Deps,
    ) -> Result<Arc<Self>, prometheus::Error> {
        Self::of_role(Role::InForce, path, redirects, live, reading, deps)
    }

    /// A reloader of a set that is judged beside the one in force. Reads the files. Blocks.
    pub fn of_shadow(
        path: &Path,
        redirects: BTreeSet<String>,
        live: Arc<Live>,
        deps: &Deps,
    ) -> Result<Arc<Self>, prometheus::Error> {
        let reloader = Self::of_role(Role::Shadow, path, redirects, live, None, deps)?;
        reloader.reload_if_changed();
        Ok(reloader)
    }

    fn of_role(
        role: Role,
        path: &Path,
        redirects: BTreeSet<String>,
        live: Arc<Live>,
        reading: Option<Reading>,
        deps: &Deps,
    ) -> Result<Arc<Self>, prometheus::Error> {
        let metrics = Metrics::register(role, &deps.registry)?;
        let set = live.current();
        metrics.policies(set.len(), 0);
        metrics.last_successful(true);
        Ok(Arc::new(Self {
            role,
            path: path.to_owned(),
            redirects,
            live,
            clock: Arc::clone(&deps.clock),
            metrics,
            recorder: OnceLock::new(),
            last: Mutex::new(Last::of(set, reading)),
        }))
    }

    /// Calls this with the number of policies and their revision, whenever others are in force. The first one that is given counts.
    pub fn on_reload(&self, record: impl Fn(usize, Revision) + Send + Sync + 'static) {
        let _ = self.recorder.set(Recorder(Box::new(record)));
    }

    /// Reloads on request: compiles also files that failed before and have not changed, so that the problems are logged again. Blocks.
    pub fn reload(&self) -> ReloadOutcome {
        let outcome = self.read_and_swap(true);
        if outcome == ReloadOutcome::Unchanged {
            info!(
                event = "policies_unchanged",
                set = self.role.as_str(),
                "policies read again; nothing changed"
            );
        }
        outcome
    }

    /// Reads the files, and compiles them only if they differ from the last reading. Blocks.
    pub fn reload_if_changed(&self) -> ReloadOutcome {
        self.read_and_swap(false)
    }

    /// What the set is for.
    pub(super) fn role(&self) -> Role {
        self.role
    }

    /// Where a change shows, as the last reading has found it.
    pub(super) fn last_watch_paths(&self) -> WatchPaths {
        let last = self.last.lock();
        last.watch_paths.clone()
    }

    /// The time until a policy that is held is to be dropped, if there is one.
    pub(super) fn next_drop(&self) -> Option<Duration> {
        let at = self.last.lock().held.next_drop()?;
        Some(at.saturating_sub(self.clock.moment().uptime))
    }

    /// Records, counts and logs a reload that failed.
    pub(super) fn record_failure(&self, error: &str) {
        self.live.set_failure(Some(ReloadFailure {
            at: self.clock.now(),
            error: truncated(error, SHOWN_LINES_MAX, SHOWN_CHARS_MAX),
        }));
        self.metrics.last_successful(false);
        self.metrics.reload(ReloadOutcome::Failed);
        let revision = self.live.current().revision();
        let problems = truncated(error, LOG_LINES_MAX, LOG_CHARS_MAX);
        match self.role {
            Role::InForce => error!(
                event = "policy_reload_failed",
                %revision,
                %problems,
                "policy reload failed; the last good policies stay in force until the files are corrected"
            ),
            Role::Shadow => error!(
                event = "shadow_policy_reload_failed",
                %revision,
                %problems,
                "shadow policies cannot be used; the last good ones are judged until the files are corrected, and the policies in force decide as before"
            ),
        }
    }

    fn read_and_swap(&self, requested: bool) -> ReloadOutcome {
        let mut last = self.last.lock();
        let before = last.outcome;
        // Texts are compared, not modification times: network file systems do not keep those exactly.
        let known = before.map(|before| before.digest);
        let mut snapshot = Snapshot::stable(&self.path, known, &mut last.parsed);
        let exposures = snapshot.exposures(&self.path);
        self.metrics.exposed(exposures.len());
        if let Err(error) = check_exposures(&exposures) {
            snapshot = snapshot.refused(error);
        }
        last.watch_paths = snapshot.watch_paths.clone();
        if let Some(ignored) = snapshot.ignored.take() {
            last.logged.log(&ignored, self.role);
        }
        let (digest, files) = (snapshot.digest, snapshot.files());
        let outcome = match before {
            Some(before) if before.digest == digest && (before.compiled || !requested) => {
                self.keep(&mut last, before)
            }
            _ => {
                let compiled = snapshot.compile(&self.path, &mut last.parsed);
                let compiled = compiled.and_then(|set| check_redirects(set, &self.redirects));
                let compiled = match self.role {
                    Role::InForce => compiled,
                    Role::Shadow => or_none(compiled),
                };
                last.outcome = Some(LastOutcome {
                    digest,
                    compiled: compiled.is_ok(),
                });
                self.take(&mut last, compiled, files)
            }
        };
        if outcome != ReloadOutcome::Failed {
            // One that failed was counted when that was recorded.
            self.metrics.reload(outcome);
        }
        outcome
    }

    /// Keeps the last good set, because the files are those of the last reading.
    fn keep(&self, last: &mut Last, before: LastOutcome) -> ReloadOutcome {
        if before.compiled {
            // A reading in between may have failed to end.
            self.live.set_failure(None);
            self.metrics.last_successful(true);
        }
        self.put_in_force(last, &[], false)
    }

    /// Takes a set as the last good one, or records why there is none.
    fn take(
        &self,
        last: &mut Last,
        compiled: Result<PolicySet, LoadError>,
        files: BTreeSet<String>,
    ) -> ReloadOutcome {
        match compiled {
            Ok(set) => {
                let before = std::mem::replace(&mut last.files, files);
                let gone: Vec<String> = before.difference(&last.files).cloned().collect();
                last.set = Arc::new(set);
                let failed_before = self.live.set_failure(None);
                self.metrics.last_successful(true);
                self.put_in_force(last, &gone, failed_before)
            }
            Err(error) => {
                self.put_in_force(last, &[], false);
                self.record_failure(&error.in_full());
                ReloadOutcome::Failed
            }
        }
    }

    /// Puts the last good set in force, together with the policies that are held.
    fn put_in_force(
        &self,
        last: &mut Last,
        gone_files: &[String],
        failed_before: bool,
    ) -> ReloadOutcome {
        let uptime = self.clock.moment().uptime;
        let merged = last.held.merge(&last.set, &self.live.current(), uptime);
        removal::log(&merged, gone_files, self.role);
        let held = last.held.names();
        let (policies, revision) = (merged.set.len(), merged.set.revision());
        self.metrics.policies(policies, held.len());
        // Swapped even if the revision is the same: descriptions are not part of it.
        let before = self.live.swap(merged.set, held);
        if before.revision() == revision && !failed_before {
            return ReloadOutcome::Unchanged;
        }
        match self.role {
            Role::InForce => {
                info!(event = "policies_reloaded", policies, %revision, "policies reloaded");
            }
            Role::Shadow => {
                info!(
                    event = "shadow_policies_reloaded",
                    policies,
                    %revision,
                    "other shadow policies are judged beside those in force; with none, nothing is"
                );
            }
        }
        if let Some(recorder) = self.recorder.get() {
            (recorder.0)(policies, revision);
        }
        ReloadOutcome::Ok
    }
}

/// The first lines of a text, with an ellipsis if there are more.
fn truncated(text: &str, lines_max: usize, chars_max: usize) -> String {
    let lines: Vec<&str> = text.lines().take(lines_max).collect();
    let mut shown: String = lines.join("\n").chars().take(chars_max).collect();
    if shown.len() < text.trim_end().len() {
        shown.push_str("\n…");
    }
    shown
}
