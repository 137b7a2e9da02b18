//! Puts another policy set in force when the files have one; keeps the last good one, and tells why, when they have not.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use tracing::{error, info};

use super::{
    Live, NoPolicies, admit,
    metrics::{Metrics, ReloadOutcome},
    sources::{Fingerprint, Places, Reading},
};
use crate::{
    clock::Clock,
    deps::Deps,
    policy::{PolicySet, Timestamp},
};

/// How much of what is wrong the log gets.
const LOG_LINES_MAX: usize = 500;
const LOG_CHARS_MAX: usize = 32 * 1024;
/// How much of it readiness shows: enough to know what to look for.
const SHOWN_LINES_MAX: usize = 12;
const SHOWN_CHARS_MAX: usize = 2000;

/// Why what is written now is not in force.
#[derive(Debug)]
pub struct Failure {
    /// When that was found.
    pub at: Timestamp,
    /// The first lines of what is wrong; the log has more.
    pub told: String,
}

/// Looks at the policy files when it is told to.
#[derive(Debug)]
pub struct Reloader {
    path: PathBuf,
    /// Where policies may send a browser.
    redirects: BTreeSet<String>,
    live: Arc<Live>,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    /// Held from reading to swapping, so that no older reading comes after a newer one.
    last: Mutex<Last>,
}

/// What the last look found.
#[derive(Debug, Default)]
struct Last {
    judged: Option<Judged>,
    places: Places,
}

#[derive(Debug, Clone, Copy)]
struct Judged {
    fingerprint: Fingerprint,
    good: bool,
}

impl Reloader {
    /// Will read this path, from which the set in force came.
    pub fn new(
        path: &Path,
        redirects: BTreeSet<String>,
        live: Arc<Live>,
        deps: &Deps,
    ) -> Result<Arc<Self>, prometheus::Error> {
        let metrics = Metrics::register(&deps.registry)?;
        metrics.policies(live.current().len());
        metrics.last_successful(true);
        Ok(Arc::new(Self {
            path: path.to_owned(),
            redirects,
            live,
            clock: Arc::clone(&deps.clock),
            metrics,
            last: Mutex::default(),
        }))
    }

    /// Reads the files, and compiles them even if they are those that failed: whoever asks for it wants to be told. Blocks.
    pub fn reload_now(&self) -> ReloadOutcome {
        let outcome = self.reload(true);
        if outcome == ReloadOutcome::Unchanged {
            info!("the policies were read again and are the same");
        }
        outcome
    }

    /// Reads the files, and compiles them if they are not those of the last look. Blocks.
    pub fn look_now(&self) -> ReloadOutcome {
        self.reload(false)
    }

    /// Where a change would show, as far as the last look knows.
    pub(super) fn places(&self) -> Places {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.places.clone()
    }

    /// Counts and tells a reload that failed.
    pub(super) fn fail(&self, told: &str) {
        let shown = first(told, SHOWN_LINES_MAX, SHOWN_CHARS_MAX);
        self.live.failure.store(Some(Arc::new(Failure {
            at: self.clock.now(),
            told: shown,
        })));
        self.metrics.last_successful(false);
        self.metrics.reload(ReloadOutcome::Failed);
        let problems = first(told, LOG_LINES_MAX, LOG_CHARS_MAX);
        let revision = self.live.current().revision();
        error!(%revision, %problems, "the policies cannot be used, and the last good ones stay in force until the files are corrected");
    }

    fn reload(&self, asked: bool) -> ReloadOutcome {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        // The texts are compared and not when they were changed: file systems across a network are vague about that.
        let known = last.judged.map(|judged| judged.fingerprint);
        let reading = Reading::settled(&self.path, known);
        last.places = reading.places;
        match last.judged {
            Some(judged) if known == Some(reading.fingerprint) && (judged.good || !asked) => {
                self.unchanged(judged)
            }
            _ => {
                let compiled = reading.sources.and_then(|s| s.compile(&self.path));
                let compiled = compiled.and_then(|set| admit(set, &self.redirects));
                last.judged = Some(Judged {
                    fingerprint: reading.fingerprint,
                    good: compiled.is_ok(),
                });
                self.judge(compiled)
            }
        }
    }

    fn unchanged(&self, judged: Judged) -> ReloadOutcome {
        if judged.good {
            // Since then, looking itself may have failed.
            self.live.failure.store(None);
            self.metrics.last_successful(true);
        }
        self.metrics.reload(ReloadOutcome::Unchanged);
        ReloadOutcome::Unchanged
    }

    fn judge(&self, compiled: Result<PolicySet, NoPolicies>) -> ReloadOutcome {
        let set = match compiled {
            Ok(set) => set,
            Err(error) => {
                self.fail(&error.told());
                return ReloadOutcome::Failed;
            }
        };
        let (policies, revision) = (set.len(), set.revision());
        // The one swap. A set that decides the same may describe itself otherwise.
        let before = self.live.set.swap(Arc::new(set));
        let failed_before = self.live.failure.swap(None).is_some();
        self.metrics.policies(policies);
        self.metrics.last_successful(true);
        let same = before.revision() == revision && !failed_before;
        let outcome = if same {
            ReloadOutcome::Unchanged
        } else {
            info!(policies, %revision, "the policies were read again and are in force");
            ReloadOutcome::Ok
        };
        self.metrics.reload(outcome);
        outcome
    }
}

/// The first lines of a text, and a word that there is more.
fn first(text: &str, lines_max: usize, chars_max: usize) -> String {
    let lines: Vec<&str> = text.lines().take(lines_max).collect();
    let mut shown: String = lines.join("\n").chars().take(chars_max).collect();
    if shown.len() < text.trim_end().len() {
        shown.push_str("\n…");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_and_says_so() {
        assert_eq!(first("a\nb\n", 2, 10), "a\nb");
        assert_eq!(first("a\nb\nc", 2, 10), "a\nb\n…");
        assert_eq!(first("äöü", 2, 2), "äö\n…");
    }
}
