//! Wakes the reloader: when the system tells of a change, when somebody asks, and now and then all the same.

use std::{sync::Arc, time::Duration};

use notify::{
    Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _,
    event::{AccessKind, AccessMode},
    recommended_watcher,
};
use tokio::{
    sync::Notify,
    task::spawn_blocking,
    time::{sleep, timeout},
};
use tracing::warn;

use super::{Reloader, sources::Places};

/// Changes come in bursts: files are written piece by piece, and one after another. This long nothing must happen.
const SETTLE: Duration = Duration::from_millis(100);
/// A stream of changes without end does not put a look off for longer.
const SETTLE_MAX: Duration = Duration::from_secs(1);
/// A look without being told: file systems across a network do not tell, and a queue of events may overflow.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// After this it is told that a look does not come to an end, as on a file system that has gone away.
const LOOK_MAX: Duration = Duration::from_secs(30);

/// Looks at the policies until it is dropped, and reloads them when `asked`.
pub async fn watch(reloader: Arc<Reloader>, asked: Arc<Notify>) {
    let changed = Arc::new(Notify::new());
    // The first look is for what changed since the set in force was read, and finds out what to watch.
    changed.notify_one();
    let mut watcher = Watcher::default();
    loop {
        let by_name = tokio::select! {
            () = asked.notified() => true,
            () = changed.notified() => {
                settle(&changed).await;
                false
            }
            () = sleep(LOOK_EVERY) => false,
        };
        watcher = look(&reloader, &changed, watcher, by_name).await;
    }
}

/// Waits until nothing has changed for a while.
async fn settle(changed: &Notify) {
    let quiet = async { while timeout(SETTLE, changed.notified()).await.is_ok() {} };
    // If it does not come to rest, what is there now is looked at.
    let _ = timeout(SETTLE_MAX, quiet).await;
}

/// Looks once, on a thread that may block. The next look waits for it, however long it takes.
async fn look(
    reloader: &Arc<Reloader>,
    changed: &Arc<Notify>,
    watcher: Watcher,
    by_name: bool,
) -> Watcher {
    let (own, wake) = (Arc::clone(reloader), Arc::clone(changed));
    let mut looking = spawn_blocking(move || {
        let places = own.places();
        // Made anew before it is read: so nothing is missed in between, nor a folder that was deleted and made again.
        let watcher = Watcher::new(&places, wake.clone(), watcher.failure.as_deref());
        if by_name {
            own.reload_now();
        } else {
            own.look_now();
        }
        if own.places() != places {
            wake.notify_one();
        }
        watcher
    });
    loop {
        match timeout(LOOK_MAX, &mut looking).await {
            Ok(Ok(watcher)) => return watcher,
            Ok(Err(_)) => {
                reloader.fail("reading or compiling them broke off, which is a mistake of ours");
                return Watcher::default();
            }
            Err(_) => reloader.fail("reading them takes very long"),
        }
    }
}

/// The system's word that something changed.
#[derive(Debug, Default)]
struct Watcher {
    _watching: Option<RecommendedWatcher>,
    /// Why not everything is watched. The log has it.
    failure: Option<String>,
}

impl Watcher {
    /// Watches these places, and wakes whoever looks.
    fn new(places: &Places, wake: Arc<Notify>, told: Option<&str>) -> Self {
        let concerned = places.clone();
        let on_event = move |event: notify::Result<Event>| {
            if event.is_ok_and(|event| !counts(&event, &concerned)) {
                return;
            }
            wake.notify_one();
        };
        let mut failure = None;
        let mut watching = recommended_watcher(on_event)
            .map_err(|error| failure = Some(error.to_string()))
            .ok();
        if let Some(watching) = &mut watching {
            for folder in places.watched() {
                if let Err(error) = watching.watch(folder, RecursiveMode::NonRecursive) {
                    failure = Some(error.to_string());
                }
            }
        }
        if let Some(error) = failure.as_deref().filter(|&error| told != Some(error)) {
            let seconds = LOOK_EVERY.as_secs();
            warn!("the policies cannot be watched, and are looked at every {seconds} s: {error}");
        }
        Self {
            _watching: watching,
            failure,
        }
    }
}

/// Whether an event may be a change of the policies. Reading them, which causes events too, is none.
fn counts(event: &Event, places: &Places) -> bool {
    let only_read = matches!(event.kind, EventKind::Access(kind)
        if kind != AccessKind::Close(AccessMode::Write));
    let here = event.paths.iter().any(|path| places.concern(path));
    event.need_rescan() || (here && !only_read)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use notify::event::{CreateKind, Flag};

    use super::*;
    use crate::live::sources::Reading;

    #[test]
    fn reading_the_policies_is_not_a_change_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap().join("policies");
        std::fs::create_dir(&root).unwrap();
        let places = Reading::settled(&root, None).places;
        let happened = |kind, path: &Path| {
            let event = Event::new(kind).add_path(path.to_owned());
            counts(&event, &places)
        };
        let (file, beside) = (root.join("p.yaml"), folder.path().join("beside.yaml"));
        let opened = EventKind::Access(AccessKind::Open(AccessMode::Any));
        let written = EventKind::Access(AccessKind::Close(AccessMode::Write));
        let created = EventKind::Create(CreateKind::Any);
        assert!(!happened(opened, &file));
        assert!(!happened(opened, &root));
        assert!(happened(written, &file));
        assert!(happened(created, &root));
        assert!(!happened(created, &beside));
        let overflow = Event::new(EventKind::Other).set_flag(Flag::Rescan);
        assert!(counts(&overflow, &places));
    }
}
