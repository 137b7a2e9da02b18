//! A reload while a fetch ends: at whichever moment it comes, nothing stays in the cache that no policy reads any more.

use std::time::Duration;

use verigate::clock::{Clock, Reading};

use super::*;

/// A clock that lets something happen at one of its readings, once it is armed.
struct Interrupting {
    clock: Arc<ManualClock>,
    /// The readings until then, once it is armed.
    left: Mutex<Option<usize>>,
    happens: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl std::fmt::Debug for Interrupting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Interrupting")
    }
}

impl Clock for Interrupting {
    fn read(&self) -> Reading {
        let is_due = {
            let mut left = self.left.lock();
            let is_due = *left == Some(0);
            *left = left.and_then(|left| left.checked_sub(1));
            is_due
        };
        if is_due && let Some(happens) = self.happens.lock().take() {
            happens();
        }
        self.clock.read()
    }
}

#[tokio::test]
async fn a_reload_at_any_moment_of_a_fetch_leaves_nothing_that_is_not_read() {
    let mut happened = 0;
    for reading in 0..12 {
        let scene = Scene::new(10);
        let shadow = ShadowFile::beside(&scene);
        let clock = Arc::new(Interrupting {
            clock: Arc::clone(&scene.clock),
            left: Mutex::default(),
            happens: Mutex::default(),
        });
        let deps = Deps::new(Arc::clone(&clock) as _);
        let config = Config {
            capacity: 100,
            waiters: 100_000,
            fetches: PLENTY,
        };
        let behind = Arc::clone(&scene.vendor) as _;
        let cache = EvidenceCache::new(behind, config, Duration::from_mins(1), &deps).unwrap();
        cache.keep_for(Arc::clone(&shadow.live));
        let scene = Scene { cache, ..scene };
        let live = Arc::clone(&shadow.live);
        let shadow = Arc::new(shadow);
        let (file, advanced) = (Arc::clone(&shadow), Arc::clone(&scene.clock));
        *clock.happens.lock() = Some(Box::new(move || file.remove_by(&advanced)));
        *clock.left.lock() = Some(reading);
        // The check is of before the reload, and reads what it removes.
        scene.look(PHONE_AND_BIRTH).await;
        // The task that looks through the entries has its turns.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        let has_happened = clock.happens.lock().is_none();
        happened += usize::from(has_happened);
        if has_happened {
            assert_eq!(live.reads(), DataKinds::PHONE);
            let asked = scene.asked().len();
            let known = scene.look(DataKinds::PHONE).await;
            assert_eq!(kept(&known), Some(DataKinds::PHONE), "reading {reading}");
            // It was fetched before the reload, or with what is read after it.
            assert!(scene.asked().len() <= asked + 1);
        }
    }
    assert!(happened > 2, "the clock is read while a fetch ends");
}
