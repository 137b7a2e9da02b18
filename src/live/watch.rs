//! Wakes the reloader: on an event of the file system, on request, and at an interval in any case.

#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use notify::{
    Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _,
    event::{AccessKind, AccessMode},
    recommended_watcher,
};
use tokio::{sync::Notify, task::spawn_blocking, time::timeout};
use tracing::warn;

use super::{reload::Reloader, watch_paths::WatchPaths};
use crate::clock::pause;

/// Changes come in bursts, because files are written piece by piece and one after another. A reload waits until nothing has changed for
/// so long.
const QUIET_FOR: Duration = Duration::from_millis(100);
/// A reload waits no longer than this, even if changes never cease.
const QUIET_WAIT_MAX: Duration = Duration::from_secs(1);
/// The files are read at this interval without any event: network file systems report none, and a queue of events may overflow.
const POLL_EVERY: Duration = Duration::from_secs(30);
/// The shortest wait for a policy to be dropped: the timer and the uptime are not the same clock.
const DROP_WAIT_MIN: Duration = Duration::from_millis(10);
/// A reading that takes longer is reported as a failure, as on a file system that no longer responds.
const READING_MAX: Duration = Duration::from_secs(30);

/// Reloads the policies when their files change and when `requested`. Runs until it is dropped.
pub async fn watch(reloader: Arc<Reloader>, requested: Arc<Notify>) {
    let changed = Arc::new(Notify::new());
    // The first reading finds out what to watch, and what has changed since the set in force was read.
    changed.notify_one();
    let mut watcher = PathWatcher::default();
    loop {
        let requested = tokio::select! {
            () = requested.notified() => true,
            () = changed.notified() => {
                until_quiet(&changed).await;
                false
            }
            () = pause(until_next(&reloader)) => false,
        };
        watcher = reload(&reloader, &changed, watcher, requested).await;
    }
}

/// How long to wait without an event: until a policy that is held is to be dropped, and no longer than the interval.
fn until_next(reloader: &Reloader) -> Duration {
    let drop = reloader.next_drop();
    drop.map_or(POLL_EVERY, |drop| drop.clamp(DROP_WAIT_MIN, POLL_EVERY))
}

/// Waits until nothing has changed for a while.
async fn until_quiet(changed: &Notify) {
    let quiet = async { while timeout(QUIET_FOR, changed.notified()).await.is_ok() {} };
    // If it never is quiet, the files are read as they are.
    let _ = timeout(QUIET_WAIT_MAX, quiet).await;
}

/// Reads the files once, on a thread that may block. Waits until that has ended, however long it takes: no two readings overlap.
async fn reload(
    reloader: &Arc<Reloader>,
    changed: &Arc<Notify>,
    watcher: PathWatcher,
    requested: bool,
) -> PathWatcher {
    let (own, wake) = (Arc::clone(reloader), Arc::clone(changed));
    let mut reading = spawn_blocking(move || {
        let paths = own.watch_paths();
        // Made again before each reading, so that no change in between is missed, nor a folder that was deleted and made again.
        let watcher = PathWatcher::new(&paths, wake.clone(), watcher.failure.as_deref());
        if requested {
            own.reload();
        } else {
            own.reload_if_changed();
        }
        if own.watch_paths() != paths {
            wake.notify_one();
        }
        watcher
    });
    loop {
        match timeout(READING_MAX, &mut reading).await {
            Ok(Ok(watcher)) => return watcher,
            Ok(Err(_)) => {
                reloader
                    .record_failure("internal error while reading or compiling the policy files");
                return PathWatcher::default();
            }
            Err(_) => reloader.record_failure("reading the policy files takes longer than 30s"),
        }
    }
}

/// Wakes the reloader on events of the file system.
#[derive(Debug, Default)]
struct PathWatcher {
    _watcher: Option<RecommendedWatcher>,
    /// Why not everything is watched. It has been logged.
    failure: Option<String>,
}

impl PathWatcher {
    /// Watches these paths. A failure is logged unless it is the same as the one before.
    fn new(paths: &WatchPaths, wake: Arc<Notify>, failure_before: Option<&str>) -> Self {
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
        let is_new = |error: &&str| failure_before != Some(*error);
        if let Some(error) = failure.as_deref().filter(is_new) {
            warn!(
                event = "policy_watch_failed",
                interval_seconds = POLL_EVERY.as_secs(),
                %error,
                "policy files cannot be watched; polling instead"
            );
        }
        Self {
            _watcher: watcher,
            failure,
        }
    }
}

/// Whether an event may be a change of the policies. Our own reading of them causes events too, which are not.
fn may_be_a_change(event: &Event, paths: &WatchPaths) -> bool {
    let only_read = matches!(event.kind, EventKind::Access(kind)
        if kind != AccessKind::Close(AccessMode::Write));
    let here = event.paths.iter().any(|path| paths.includes(path));
    event.need_rescan() || (here && !only_read)
}
