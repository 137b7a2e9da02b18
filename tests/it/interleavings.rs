//! The orders in which fetches, invalidations, refreshes, expiries and departures can meet in the cache, explored by a
//! scheduler that runs one task at a time and chooses which: evidence from before an invalidation is never served after it,
//! and nobody waits for ever. That the exploration can find a lost invalidation is shown on a cache that loses them.

mod flight;

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use parking_lot::Mutex;
use shuttle::{
    future::{block_on, spawn, yield_now},
    scheduler::RandomScheduler,
};
use tokio::runtime::{Builder, Runtime};
use verigate::{
    callers::{CallerId, OverQuotaError},
    clock::{Clock as _, ManualClock},
    deps::Deps,
    flight::Spawn,
    policy::{DataKinds, Evidence, Finding, Verification, VerificationId, from_millis},
    provenance::{Origin, Timings},
    source::{Config, EvidenceCache, Invalidation, Known, LookupRequest, Priority, Source, Wait},
};

use crate::world::PLENTY;

/// How many orders each test tries.
const ORDERS: usize = 1_000;
/// What a task may use of the stack, unoptimised.
const STACK_BYTES: usize = 1024 * 1024;
const FRESH_FOR: Duration = Duration::from_mins(1);

/// Time-outs need a timer to be there. Nobody runs this one, so that none of them ends.
static TIMER: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().enable_time().build().unwrap());

/// An upstream whose truth is a number that grows, at first that there is no such verification; it reads it when it is asked,
/// and answers some time later.
#[derive(Debug, Default)]
struct Truth {
    version: AtomicU64,
    asked: AtomicU64,
}

impl Truth {
    fn now(&self) -> u64 {
        self.version.load(Ordering::SeqCst)
    }

    /// Another truth from now on.
    fn changes(&self) {
        self.version.fetch_add(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl Source for Truth {
    async fn look_up(
        &self,
        _: &VerificationId,
        request: LookupRequest,
    ) -> Result<Known, OverQuotaError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        yield_now().await;
        let version = self.now();
        yield_now().await;
        yield_now().await;
        let finding = match version {
            0 => Finding::Absent,
            version => Finding::Present(Verification {
                id: Some("v-1".into()),
                trace_id: Some("trace-1".into()),
                status: Some(version.to_string().into()),
                ..Verification::default()
            }),
        };
        Ok(Known {
            evidence: Arc::new(Evidence {
                finding,
                seen_at: request.at.now,
            }),
            origin: Origin::Upstream,
            outage: None,
            timings: Timings::default(),
            not_before: request.at.now,
            succession: verigate::source::Succession::None,
        })
    }

    async fn invalidate(&self, _: &VerificationId, _: Invalidation) {
        yield_now().await;
    }
}

/// A cache with a race: it reads, fetches and stores, each in a step of its own, so that an invalidation in between is lost.
#[derive(Debug)]
struct RacyCache {
    stored: Mutex<BTreeMap<VerificationId, Known>>,
    behind: Arc<dyn Source>,
}

#[async_trait]
impl Source for RacyCache {
    async fn look_up(
        &self,
        id: &VerificationId,
        request: LookupRequest,
    ) -> Result<Known, OverQuotaError> {
        let stored = self.stored.lock().get(id).cloned();
        if let Some(known) = stored {
            return Ok(known);
        }
        let known = self.behind.look_up(id, request).await?;
        let mut stored = self.stored.lock();
        stored.insert(id.clone(), known.clone());
        Ok(known)
    }

    async fn invalidate(&self, id: &VerificationId, invalidation: Invalidation) {
        self.stored.lock().remove(id);
        self.behind.invalidate(id, invalidation).await;
    }
}

/// A cache, the upstream behind it, and the time.
#[derive(Debug, Clone)]
struct Scene {
    cache: Arc<dyn Source>,
    truth: Arc<Truth>,
    clock: Arc<ManualClock>,
}

impl Scene {
    fn new() -> Self {
        let (truth, clock) = (Arc::default(), Arc::new(ManualClock::at(from_millis(0))));
        let config = Config {
            capacity: 100,
            waiters: 100_000,
            fetches: PLENTY,
        };
        let cache = EvidenceCache::new(
            Arc::clone(&truth) as _,
            config,
            Duration::from_hours(1),
            &Deps {
                // Nobody waits for it by its handle, but it must run to its end.
                spawn: Spawn::by(|task| std::mem::forget(spawn(task))),
                ..Deps::new(Arc::clone(&clock) as _)
            },
        )
        .unwrap();
        Self {
            cache: Arc::new(cache),
            truth,
            clock,
        }
    }

    fn with_the_race() -> Self {
        let scene = Self::new();
        let cache = Arc::new(RacyCache {
            stored: Mutex::default(),
            behind: Arc::clone(&scene.truth) as _,
        });
        Self { cache, ..scene }
    }

    /// The version that is served.
    async fn look(&self) -> u64 {
        let request = LookupRequest {
            at: self.clock.moment(),
            max_age: FRESH_FOR,
            max_stale: FRESH_FOR,
            reads: DataKinds::NONE,
            wait: Wait::AtMost(Duration::from_hours(1)),
            caller: CallerId::Address(IpAddr::from([127, 0, 0, 1])),
            priority: Priority::Cold,
            failed_before: false,
        };
        let known = self.cache.look_up(&named("v-1"), request).await.unwrap();
        let Finding::Present(verification) = &known.evidence.finding else {
            let finding = &known.evidence.finding;
            assert!(matches!(finding, Finding::Absent), "{finding:?}");
            return 0;
        };
        let version = verification.status.as_ref().unwrap();
        version.parse().unwrap()
    }

    /// The truth changes, and is invalidated by this id; a caller that asks afterwards gets it, or a later one.
    async fn change(&self, name: &str) {
        self.truth.changes();
        let least = self.truth.now();
        self.cache
            .invalidate(&named(name), Invalidation::Changed)
            .await;
        let served = self.look().await;
        assert!(
            served >= least,
            "served {served} after {least} was invalidated"
        );
    }
}

fn named(name: &str) -> VerificationId {
    VerificationId::parse(name).unwrap()
}

/// Plays a scene in many orders. At its end everybody gets the last truth, and the upstream is not asked again for it.
fn explore(scene: fn() -> Scene, play: impl AsyncFn(Scene) + Send + Sync + Copy + 'static) {
    let _timer = TIMER.enter();
    let mut config = shuttle::Config::new();
    config.stack_size = STACK_BYTES;
    let orders = RandomScheduler::new(ORDERS);
    shuttle::Runner::new(orders, config).run(move || {
        block_on(async move {
            let scene = scene();
            play(scene.clone()).await;
            let served = scene.look().await;
            assert_eq!(
                served,
                scene.truth.now(),
                "what was invalidated is cached in the end"
            );
        });
    });
}

/// Runs it beside whatever else runs.
fn beside<F: Future<Output = ()> + Send + 'static>(task: F) -> shuttle::future::JoinHandle<()> {
    spawn(task)
}

async fn invalidations_by_both_ids(scene: Scene) {
    // What does not exist yet has no other name.
    scene.truth.changes();
    let tasks: Vec<_> = ["v-1", "trace-1", "trace-1"]
        .into_iter()
        .map(|name| {
            let scene = scene.clone();
            beside(async move { scene.change(name).await })
        })
        .collect();
    let looking = scene.clone();
    let look = beside(async move {
        looking.look().await;
        looking.look().await;
    });
    for task in tasks {
        task.await.unwrap();
    }
    look.await.unwrap();
}

#[test]
fn an_invalidation_is_never_lost() {
    explore(Scene::new, invalidations_by_both_ids);
}

#[test]
#[should_panic(expected = "was invalidated")]
fn the_exploration_finds_a_cache_that_loses_invalidations() {
    explore(Scene::with_the_race, async |scene| {
        let looking = scene.clone();
        let look = beside(async move {
            let _ = looking.look().await;
        });
        let changing = scene.clone();
        let change = beside(async move { changing.change("v-1").await });
        look.await.unwrap();
        change.await.unwrap();
    });
}

#[test]
fn an_invalidation_during_a_refresh_is_never_lost() {
    explore(Scene::new, async |scene| {
        scene.truth.changes();
        for _ in 0..3 {
            scene.look().await;
        }
        scene.clock.advance(FRESH_FOR * 4 / 5);
        let looking = scene.clone();
        let look = beside(async move {
            for _ in 0..3 {
                looking.look().await;
            }
        });
        let changing = scene.clone();
        let change = beside(async move { changing.change("trace-1").await });
        look.await.unwrap();
        change.await.unwrap();
    });
}

#[test]
fn evidence_that_expires_while_it_is_invalidated_is_fetched_again() {
    explore(Scene::new, async |scene| {
        scene.look().await;
        let aging = scene.clone();
        let age = beside(async move {
            for _ in 0..4 {
                aging.clock.advance(FRESH_FOR / 2);
                aging.look().await;
            }
        });
        let changing = scene.clone();
        let change = beside(async move { changing.change("v-1").await });
        age.await.unwrap();
        change.await.unwrap();
    });
}

#[test]
fn callers_who_leave_block_nobody_and_lose_nothing() {
    explore(Scene::new, async |scene| {
        let leavers: Vec<_> = (0..3)
            .map(|_| {
                let scene = scene.clone();
                beside(async move {
                    let _ = scene.look().await;
                })
            })
            .collect();
        let changing = scene.clone();
        let change = beside(async move { changing.change("v-1").await });
        yield_now().await;
        for leaver in leavers {
            leaver.abort();
        }
        change.await.unwrap();
    });
}

#[test]
fn those_who_ask_together_cause_one_fetch_in_every_order() {
    explore(Scene::new, async |scene| {
        let together: Vec<_> = (0..5)
            .map(|_| {
                let scene = scene.clone();
                beside(async move {
                    let _ = scene.look().await;
                })
            })
            .collect();
        for task in together {
            task.await.unwrap();
        }
        assert_eq!(scene.truth.asked.load(Ordering::SeqCst), 1);
    });
}
