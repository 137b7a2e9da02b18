//! Reads files again when they change: on an event of the file system, on request, and at an interval in any case.
//!
//! An implementation of [`Watched`] says what is read, and what happens then.

mod paths;
mod held;

#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use notify::{
    Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _,
    event::{AccessKind, AccessMode},
    recommended_watcher,
};
use tokio::{sync::Notify, task::spawn_blocking, time::timeout};

pub use self::{
    held::{HOLD_FOR, Held, HeldChanges},
    paths::WatchPaths,
};
use crate::clock::pause;

/// Changes come in bursts, because files are written piece by piece and one after another. A reload waits until nothing has changed for
/// so long.
const QUIET_FOR: Duration = Duration::from_millis(100);
/// A reload waits no longer than this, even if changes never cease.
const QUIET_WAIT_MAX: Duration = Duration::from_secs(1);
/// The files are read at this interval without any event: network file systems report none, and a queue of events may overflow.
pub const POLL_EVERY: Duration = Duration::from_secs(30);
/// The shortest wait for what is due: the timer and the uptime are not the same clock.
const DUE_WAIT_MIN: Duration = Duration::from_millis(10);
/// How often files that change while they are read are read again.
const READINGS_MAX: usize = 8;
/// A reading that takes longer is reported as a failure, as on a file system that no longer responds.
const READING_MAX: Duration = Duration::from_secs(30);

/// What is read from files, and read again.
pub trait Watched: Send + Sync + 'static {
    /// Where a change shows, as the last reading has found it.
    fn watch_paths(&self) -> WatchPaths;

    /// Reads the files again, on request or because they may have changed. Blocks.
    fn look(&self, requested: bool);

    /// How long the next reading can wait, if it is due before the interval ends.
    fn next_due(&self) -> Option<Duration>;

    /// A reading failed: it takes too long, or it panicked.
    fn reading_failed(&self, failure: ReadingFailure);

    /// The system cannot watch the files, so that they are only read at the interval.
    fn watch_failed(&self, error: &str);
}

/// Why a reading gave nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadingFailure {
    /// It takes longer than 30 s, as on a file system that no longer responds.
    TooLong,
    /// An internal error.
    Internal,
}

/// Reads the files when they change and when `requested`. Runs until it is dropped.
pub async fn watch(watched: Arc<dyn Watched>, requested: Arc<Notify>) {
    let changed = Arc::new(Notify::new());
    // The first reading finds out what to watch, and what has changed since the files were read.
    changed.notify_one();
    let mut watcher = PathWatcher::default();
    loop {
        let requested = tokio::select! {
            () = requested.notified() => true,
            () = changed.notified() => {
                until_quiet(&changed).await;
                false
            }
            () = pause(until_next(&*watched)) => false,
        };
        watcher = look(&watched, &changed, watcher, requested).await;
    }
}

/// How long to wait without an event: until something is due, and no longer than the interval.
fn until_next(watched: &dyn Watched) -> Duration {
    let due = watched.next_due();
    due.map_or(POLL_EVERY, |due| due.clamp(DUE_WAIT_MIN, POLL_EVERY))
}

/// Reads until two readings in a row have the same digest, or one has that which is known, so that files that are replaced one after another
/// while they are read are never mixed with those that they replace. An error with the last reading if they change all the time.
pub fn read_settled<R, D: PartialEq>(
    mut read: impl FnMut() -> R,
    digest: impl Fn(&R) -> D,
    known: Option<&D>,
) -> Result<R, R> {
    let mut last = read();
    let mut last_digest = digest(&last);
    for _ in 1..READINGS_MAX {
        if known == Some(&last_digest) {
            return Ok(last);
        }
        let next = read();
        let next_digest = digest(&next);
        if next_digest == last_digest {
            return Ok(next);
        }
        (last, last_digest) = (next, next_digest);
    }
    Err(last)
}

/// Waits until nothing has changed for a while.
async fn until_quiet(changed: &Notify) {
    let quiet = async { while timeout(QUIET_FOR, changed.notified()).await.is_ok() {} };
    // If it never is quiet, the files are read as they are.
    let _ = timeout(QUIET_WAIT_MAX, quiet).await;
}

/// Reads the files once, on a thread that may block. Waits until that has ended, however long it takes: no two readings overlap.
async fn look(
    watched: &Arc<dyn Watched>,
    changed: &Arc<Notify>,
    watcher: PathWatcher,
    requested: bool,
) -> PathWatcher {
    let (own, wake) = (Arc::clone(watched), Arc::clone(changed));
    let mut reading = spawn_blocking(move || {
        let paths = own.watch_paths();
        // Made again before each reading, so that no change in between is missed, nor a folder that was deleted and made again.
        let watcher = PathWatcher::new(&paths, wake.clone(), &watcher, &*own);
        own.look(requested);
        if own.watch_paths() != paths {
            wake.notify_one();
        }
        watcher
    });
    loop {
        match timeout(READING_MAX, &mut reading).await {
            Ok(Ok(watcher)) => return watcher,
            Ok(Err(_)) => {
                watched.reading_failed(ReadingFailure::Internal);
                return PathWatcher::default();
            }
            Err(_) => watched.reading_failed(ReadingFailure::TooLong),
        }
    }
}

/// Wakes on events of the file system.
#[derive(Debug, Default)]
struct PathWatcher {
    _watcher: Option<RecommendedWatcher>,
    /// Why not everything is watched. It has been reported.
    failure: Option<String>,
}

impl PathWatcher {
    /// Watches these paths. A failure is reported unless it is the same as the one before.
    fn new(paths: &WatchPaths, wake: Arc<Notify>, before: &Self, watched: &dyn Watched) -> Self {
        let relevant = paths.clone();
        let on_event = move |event: notify::Result<Event>| {
            // An error may mean that events were lost.
            if event.is_err() || event.is_ok_and(|event| may_be_a_change(&event, &relevant)) {
                wake.notify_one();
            }
        };
        let mut failure = None;
        let mut watcher = recommended_watcher(on_event)
            .map_err(|error| failure = Some(error.to_string()))
            .ok();
        if let Some(watcher) = &mut watcher {
            for folder in paths.watched_folders() {
                // One that has gone since the files were read needs no watch: the next reading finds out what to watch instead.
                if let Err(error) = watcher.watch(folder, RecursiveMode::NonRecursive)
                    && folder.exists()
                {
                    failure = Some(error.to_string());
                }
            }
        }
        let is_new = |error: &&str| before.failure.as_deref() != Some(*error);
        if let Some(error) = failure.as_deref().filter(is_new) {
            watched.watch_failed(error);
        }
        Self {
            _watcher: watcher,
            failure,
        }
    }
}

/// Whether an event may be a change of the files. Our own reading of them causes events too, which are not.
fn may_be_a_change(event: &Event, paths: &WatchPaths) -> bool {
    let only_read = matches!(event.kind, EventKind::Access(kind)
        if kind != AccessKind::Close(AccessMode::Write));
    let here = event.paths.iter().any(|path| paths.includes(path));
    event.need_rescan() || (here && !only_read)
}
