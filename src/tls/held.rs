//! What is made from the files of a section, and made again when they change. Files that cannot be used change nothing, and are
//! reported.
//!
//! Files that belong together are replaced one after another, and a file is not written at once. So a reading counts once two in a row
//! were equal, and files that cannot be used are read again for a while before that is called a failure.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tracing::{error, info};

use super::{
    contents::Contents,
    error::{FileProblem, FilesError},
    expiry::Expiry,
    metrics::{Reload, TlsMetrics},
    pem_file::PemFile,
    watch::Reloads,
};
use crate::{
    clock::Clock,
    file_watch::{WatchPaths, read_settled},
    policy::Timestamp,
};

/// How often files that cannot be used are read before that is a failure, and how long after one another.
const ATTEMPTS: u32 = 4;
const RETRY_AFTER: Duration = Duration::from_millis(500);
/// How long after something has expired the files are read again: it is valid until the end of that second.
const CHANGE_MARGIN: Duration = Duration::from_secs(1);

/// Makes something from the files of a section.
pub(super) trait Make: fmt::Debug + Send + Sync + 'static {
    /// What is made.
    type Made: fmt::Debug + Send + Sync + 'static;

    /// The files, in the order in which [`Make::make`] is given them.
    fn files(&self) -> &[PemFile];

    /// Makes it from what the files hold; every problem at once. A part whose files cannot be used may be taken from what was made
    /// `before`.
    fn make(
        &self,
        files: &[Result<Contents<'_>, FileProblem>],
        now: Timestamp,
        before: Option<&Self::Made>,
    ) -> Result<Made<Self::Made>, FilesError>;

    /// Whether something else was made than before.
    fn differs(before: &Self::Made, now: &Self::Made) -> bool;
}

/// What was made.
pub(super) struct Made<T> {
    pub(super) value: T,
    /// By which setting's file it expires when.
    pub(super) expiries: Vec<(&'static str, Timestamp)>,
    /// After this instant something else would be made from the same files.
    pub(super) next_change: Option<Timestamp>,
    /// Why parts were taken from what was made before.
    pub(super) kept: Vec<FileProblem>,
}

/// What was made last, and what it is made from.
#[derive(Debug)]
pub(super) struct Held<M: Make> {
    section: &'static str,
    make: M,
    current: ArcSwap<M::Made>,
    /// Counts how often it was made again.
    version: AtomicU64,
    last: Mutex<Last>,
    clock: Arc<dyn Clock>,
    metrics: TlsMetrics,
}

/// What is known from the last reading.
#[derive(Debug)]
struct Last {
    digest: [u8; 32],
    expiries: Vec<(&'static str, Timestamp)>,
    next_change: Option<Timestamp>,
    /// How often in a row the files could not be used.
    attempts: u32,
    failure: Option<Failure>,
}

#[derive(Debug)]
struct Failure {
    at: Timestamp,
    error: String,
}

/// What a reading has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Something else was made.
    Changed,
    /// Nothing else was made.
    Kept,
}

/// Checks the files as they are now, without using them; what of a section expires when. Blocks.
pub(super) fn check<M: Make>(
    section: &'static str,
    make: &M,
    now: Timestamp,
) -> Result<Vec<Expiry>, FilesError> {
    let made = made(make, &stable(make.files()), now, None)?;
    let expiries = made.expiries.into_iter();
    Ok(expiries
        .map(|(key, at)| Expiry { section, key, at })
        .collect())
}

impl<M: Make> Held<M> {
    /// Makes it for the first time. Blocks.
    pub(super) fn load(
        section: &'static str,
        make: M,
        clock: Arc<dyn Clock>,
        metrics: TlsMetrics,
    ) -> Result<Self, FilesError> {
        let texts = stable(make.files());
        let made = made(&make, &texts, clock.now(), None)?;
        metrics.expiries(section, &made.expiries);
        metrics.last_successful(section, true);
        Ok(Self {
            section,
            make,
            current: ArcSwap::from_pointee(made.value),
            version: AtomicU64::new(0),
            last: Mutex::new(Last {
                digest: digest(&texts),
                expiries: made.expiries,
                next_change: made.next_change,
                attempts: 0,
                failure: None,
            }),
            clock,
            metrics,
        })
    }

    /// What was made last.
    pub(super) fn current(&self) -> Arc<M::Made> {
        self.current.load_full()
    }

    /// How often it was made again.
    pub(super) fn version(&self) -> u64 {
        self.version.load(Ordering::SeqCst)
    }

    /// Reads the files again, and makes it again if they have changed. When `requested`, what cannot be used is reported at once.
    /// `replaced` is called with what was made before and since, after it was replaced. Blocks.
    pub(super) fn reload(
        &self,
        requested: bool,
        replaced: impl FnOnce(&M::Made, &M::Made),
    ) -> Outcome {
        // Locked from reading to replacing, so that an older reading never replaces a newer one.
        let mut last = self.last.lock();
        let texts = stable(self.make.files());
        let digest = digest(&texts);
        let now = self.clock.now();
        let is_due = last.next_change.is_some_and(|at| now > at);
        if digest == last.digest && last.attempts == 0 && last.failure.is_none() && !is_due {
            // Again: a reading that took too long has said otherwise.
            self.metrics.last_successful(self.section, true);
            if requested {
                self.metrics.reload(Reload::Unchanged);
            }
            return Outcome::Kept;
        }
        let before = self.current.load_full();
        let made = made(&self.make, &texts, now, Some(&*before));
        let (outcome, error) = match made {
            Ok(made) => {
                let problems = made.kept.clone();
                let is_other = problems.is_empty() || M::differs(&before, &made.value);
                last.next_change = made.next_change;
                if is_other {
                    self.replace(&mut last, made, replaced);
                }
                let outcome = if is_other {
                    Outcome::Changed
                } else {
                    Outcome::Kept
                };
                (outcome, FilesError { problems })
            }
            Err(error) => {
                last.next_change = None;
                (Outcome::Kept, error)
            }
        };
        let is_new = digest != last.digest;
        last.digest = digest;
        if error.problems.is_empty() {
            self.metrics.reload(Reload::Ok);
            self.metrics.last_successful(self.section, true);
            (last.attempts, last.failure) = (0, None);
            return outcome;
        }
        // Files that change all the time and cannot be used are a failure too.
        last.attempts = last.attempts.saturating_add(1);
        let is_due = last.attempts == ATTEMPTS || (is_new && last.failure.is_some());
        if requested || is_due {
            self.fail(&mut last, &error, now);
        }
        outcome
    }

    /// Uses what was made from now on.
    fn replace(
        &self,
        last: &mut Last,
        made: Made<M::Made>,
        replaced: impl FnOnce(&M::Made, &M::Made),
    ) {
        let before = self.current.swap(Arc::new(made.value));
        self.version.fetch_add(1, Ordering::SeqCst);
        replaced(&before, &self.current.load());
        self.metrics.expiries(self.section, &made.expiries);
        last.expiries = made.expiries;
        let section = self.section;
        info!(
            event = "tls_files_reloaded",
            section, "certificates were read again; new connections use them"
        );
    }

    /// Records that what the files hold cannot be used.
    fn fail(&self, last: &mut Last, problems: &FilesError, at: Timestamp) {
        last.attempts = last.attempts.max(ATTEMPTS);
        self.metrics.reload(Reload::Failed);
        self.report(last, problems.to_string(), at);
    }

    /// Records a failure.
    fn report(&self, last: &mut Last, error: String, at: Timestamp) {
        self.metrics.last_successful(self.section, false);
        let section = self.section;
        error!(
            event = "tls_reload_failed",
            section,
            %error,
            "files of certificates cannot be used; the last good ones stay in use: correct the files"
        );
        last.failure = Some(Failure { at, error });
    }

    /// How long the next reading can wait.
    pub(super) fn next_due(&self) -> Option<Duration> {
        let (attempts, next_change) = {
            let last = self.last.lock();
            (last.attempts, last.next_change)
        };
        if (1..ATTEMPTS).contains(&attempts) {
            return Some(RETRY_AFTER);
        }
        let wait = Duration::try_from(next_change?.duration_since(self.clock.now()));
        Some(wait.unwrap_or_default().saturating_add(CHANGE_MARGIN))
    }

    /// Records that the files cannot be read at all.
    pub(super) fn reading_failed(&self, error: &str) {
        // A reading that hangs holds the lock.
        if let Some(mut last) = self.last.try_lock() {
            self.metrics.reload(Reload::Failed);
            self.report(&mut last, error.to_owned(), self.clock.now());
        } else {
            self.metrics.last_successful(self.section, false);
        }
    }

    /// Where a change of the files shows.
    pub(super) fn watch_paths(&self) -> WatchPaths {
        let mut paths = WatchPaths::default();
        for file in self.make.files() {
            // A relative path would not be recognised in events.
            paths.add(&std::path::absolute(&file.path).unwrap_or_else(|_| file.path.clone()));
        }
        paths
    }

    /// The section, and what operators are shown of it.
    pub(super) fn state(&self) -> (&'static str, Value) {
        // Readiness does not wait for a file system.
        let Some(last) = self.last.try_lock() else {
            return (self.section, json!({ "reading": true }));
        };
        let expiries = last.expiries.iter();
        let expiries: serde_json::Map<String, Value> = expiries
            .map(|(key, at)| ((*key).to_owned(), at.to_string().into()))
            .collect();
        let failure = last.failure.as_ref();
        let failure = failure.map(|f| json!({ "at": f.at.to_string(), "error": f.error }));
        (
            self.section,
            json!({ "not_after": expiries, "reload_failure": failure }),
        )
    }
}

impl<M: Make> Reloads for Held<M> {
    fn reload(&self, requested: bool) -> bool {
        self.reload(requested, |_, _| {}) == Outcome::Changed
    }

    fn next_due(&self) -> Option<Duration> {
        self.next_due()
    }

    fn reading_failed(&self, error: &str) {
        self.reading_failed(error);
    }

    fn watch_paths(&self) -> WatchPaths {
        self.watch_paths()
    }

    fn state(&self) -> (&'static str, Value) {
        self.state()
    }
}

type Texts = Vec<Result<SecretString, FileProblem>>;

fn made<M: Make>(
    make: &M,
    texts: &Texts,
    now: Timestamp,
    before: Option<&M::Made>,
) -> Result<Made<M::Made>, FilesError> {
    let contents = make.files().iter().zip(texts).map(|(file, text)| {
        let text = text.as_ref().map_err(Clone::clone)?;
        Ok(Contents { file, text })
    });
    let contents: Vec<_> = contents.collect();
    make.make(&contents, now, before)
}

/// The texts of the files, once two readings in a row were equal, or else as the last one found them.
fn stable(files: &[PemFile]) -> Texts {
    let read = || -> Texts { files.iter().map(PemFile::read).collect() };
    read_settled(read, digest, None).unwrap_or_else(|last| last)
}

/// The SHA-256 of what was read, or of why it could not be read. Each text is preceded by its length, so that no other texts have the
/// same bytes.
fn digest(texts: &Texts) -> [u8; 32] {
    let mut hash = Sha256::new();
    for text in texts {
        let mut add = |kind: u8, text: &str| {
            hash.update([kind]);
            hash.update(text.len().to_be_bytes());
            hash.update(text.as_bytes());
        };
        match text {
            Ok(text) => add(0, text.expose_secret()),
            Err(problem) => add(1, &problem.to_string()),
        }
    }
    hash.finalize().into()
}
