//! What honest callers get while others flood the service, in paused time: the evidence cache in front of a vendor that permits 100
//! calls a second and answers after 100 ms.

use std::{net::IpAddr, sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::{
    sync::Semaphore,
    task::JoinHandle,
    time::{Instant, sleep},
};

use super::{
    adaptive_limit::Ended,
    turns::{Concurrency, Turns},
};
use crate::{
    callers::{CallerId, CallerName, CallerPriority, NamedCaller, OverQuotaError},
    clock::{Clock as _, ManualClock},
    deps::Deps,
    policy::{DataKinds, Evidence, Finding, Verification, VerificationId, from_millis},
    provenance::{Origin, Outage, Timings},
    rate_limit::Rate,
    source::{Config, EvidenceCache, Known, LookupRequest, Priority, Source, Wait},
};

const SECOND: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(1);
const LATENCY: Duration = Duration::from_millis(100);
const RATE: Rate = Rate {
    per_second: 100,
    burst: 100,
};
const CONCURRENCY: Concurrency = Concurrency {
    lowest: 4,
    highest: 64,
};
const CONFIG: Config = Config {
    capacity: 1000,
    waiters: 100_000,
    fetches: Rate {
        per_second: 200,
        burst: 500,
    },
};

/// Knows the verifications whose ids begin with `v-`.
#[derive(Debug)]
struct Vendor {
    turns: Turns,
    /// Calls that it processes at a time; the others wait there.
    places: Arc<Semaphore>,
    clock: Arc<ManualClock>,
}

#[async_trait]
impl Source for Vendor {
    async fn look_up(
        &self,
        id: &VerificationId,
        request: LookupRequest,
    ) -> Result<Known, OverQuotaError> {
        let turn = self.turns.wait(request.priority, request.caller, SECOND);
        let now = self.clock.now();
        let Ok(mut turn) = turn.await else {
            return Ok(Known::nothing(Outage::OverRate, now, Timings::default()));
        };
        let place = self.places.acquire().await.unwrap();
        sleep(LATENCY).await;
        drop(place);
        turn.ended(Ended::Found);
        let finding = if id.as_str().starts_with("v-") {
            Finding::Present(Verification::default())
        } else {
            Finding::Absent
        };
        Ok(Known {
            evidence: Arc::new(Evidence {
                finding,
                seen_at: now,
            }),
            origin: Origin::Upstream,
            outage: None,
            timings: Timings::default(),
            not_before: now,
            succession: crate::source::Succession::None,
        })
    }
}

/// The outcome of calls.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    answered: u32,
    degraded: u32,
    refused: u32,
}

#[derive(Clone)]
struct Scene {
    cache: EvidenceCache,
    vendor: Arc<Vendor>,
    clock: Arc<ManualClock>,
}

type Call = JoinHandle<Result<Known, OverQuotaError>>;

impl Scene {
    fn new() -> Self {
        Self::within(CONCURRENCY)
    }

    fn within(concurrency: Concurrency) -> Self {
        let clock = Arc::new(ManualClock::at(from_millis(0)));
        let ticking = Arc::clone(&clock);
        tokio::spawn(async move {
            loop {
                sleep(TICK).await;
                ticking.advance(TICK);
            }
        });
        let deps = Deps::new(Arc::clone(&clock) as _);
        let vendor = Arc::new(Vendor {
            turns: Turns::new(
                RATE,
                concurrency,
                Arc::clone(&clock) as _,
                deps.spawn.clone(),
            ),
            places: Arc::new(Semaphore::new(64)),
            clock: Arc::clone(&clock),
        });
        let behind = Arc::clone(&vendor) as _;
        let cache = EvidenceCache::new(behind, CONFIG, 2 * SECOND, &deps).unwrap();
        Self {
            cache,
            vendor,
            clock,
        }
    }

    /// A call of this caller, whose evidence may be this old.
    fn call(&self, caller: [u8; 4], id: &str, max_age: Duration) -> Call {
        self.call_of(CallerId::of(IpAddr::from(caller)), id, max_age)
    }

    fn call_of(&self, caller: CallerId, id: &str, max_age: Duration) -> Call {
        let (cache, id) = (self.cache.clone(), VerificationId::parse(id).unwrap());
        let request = LookupRequest {
            at: self.clock.moment(),
            max_age,
            max_stale: max_age,
            reads: DataKinds::NONE,
            wait: Wait::AtMost(Duration::from_millis(1950)),
            caller,
            priority: Priority::Cold,
            failed_before: false,
        };
        tokio::spawn(async move { cache.look_up(&id, request).await })
    }

    /// Warms up these verifications.
    async fn warm_up(&self, count: u32, max_age: Duration) {
        for n in 0..count {
            let call = self.call([192, 0, 2, 200], &format!("v-{n}"), max_age);
            call.await.unwrap().unwrap();
        }
    }
}

async fn tally(calls: Vec<Call>) -> Tally {
    let mut tally = Tally::default();
    for call in calls {
        match call.await.unwrap() {
            Ok(known) if known.degraded() => tally.degraded += 1,
            Ok(_) => tally.answered += 1,
            Err(_) => tally.refused += 1,
        }
    }
    tally
}

fn answered(count: u32) -> Tally {
    Tally {
        answered: count,
        ..Tally::default()
    }
}

const HOUR: Duration = Duration::from_hours(1);

/// Twelve seconds in which `flood` runs every 10 ms, beside 300 warm and 7 cold calls a second of others. The tallies of these.
async fn beside(
    scene: &Scene,
    warm_age: Duration,
    honest: [u8; 4],
    flood: impl Fn(u32),
) -> (Tally, Tally) {
    let (mut warm, mut cold) = (Vec::new(), Vec::new());
    for tick in 0..1200 {
        flood(tick);
        for n in 0..3 {
            let id = format!("v-{}", (tick * 3 + n) % 500);
            warm.push(scene.call(honest, &id, warm_age));
        }
        if tick % 15 == 14 {
            cold.push(scene.call(honest, &format!("v-cold-{tick}"), HOUR));
        }
        sleep(10 * TICK).await;
    }
    (tally(warm).await, tally(cold).await)
}

#[tokio::test(start_paused = true)]
async fn guesses_from_fifty_addresses_push_nothing_out_and_starve_nobody() {
    let scene = Scene::new();
    scene.warm_up(500, HOUR).await;
    let flood = |tick: u32| {
        for n in 0..4 {
            let from = u8::try_from((tick * 4 + n) % 50).unwrap();
            scene.call([198, 51, 100, from], &format!("x-{tick}-{n}"), HOUR);
        }
    };
    let (warm, cold) = beside(&scene, HOUR, [192, 0, 2, 7], flood).await;
    assert_eq!(warm, answered(3600));
    assert!(cold.answered >= 76 && cold.refused == 0, "{cold:?}");
}

#[tokio::test(start_paused = true)]
async fn guesses_from_ten_thousand_addresses_push_nothing_out() {
    let scene = Scene::new();
    scene.warm_up(500, HOUR).await;
    let flood = |tick: u32| {
        for n in 0..10 {
            let [_, _, b, c] = (tick * 10 + n).to_be_bytes();
            scene.call([10, 0, b, c], &format!("x-{tick}-{n}"), HOUR);
        }
    };
    let (warm, cold) = beside(&scene, HOUR, [192, 0, 2, 7], flood).await;
    assert_eq!(warm, answered(3600));
    assert_eq!(cold.refused, 0, "{cold:?}");
}

#[tokio::test(start_paused = true)]
async fn guesses_behind_the_same_address_do_not_refuse_what_is_known_and_becomes_old() {
    let scene = Scene::new();
    scene.warm_up(500, HOUR).await;
    let flood = |tick: u32| {
        for n in 0..6 {
            scene.call([192, 0, 2, 7], &format!("x-{tick}-{n}"), HOUR);
        }
    };
    // Evidence becomes old while the flood lasts, and is fetched again: ten verifications a second.
    let (warm, _) = beside(&scene, 55 * SECOND, [192, 0, 2, 7], flood).await;
    assert_eq!(warm, answered(3600));
}

#[tokio::test(start_paused = true)]
async fn a_proxy_for_a_hundred_people_a_second_is_not_refused_while_the_vendor_idles() {
    let scene = Scene::new();
    let mut calls = Vec::new();
    for n in 0..6000 {
        calls.push(scene.call([192, 0, 2, 7], &format!("v-{n}"), HOUR));
        sleep(10 * TICK).await;
    }
    assert_eq!(tally(calls).await, answered(6000));
}

#[tokio::test(start_paused = true)]
async fn attempts_are_charged_also_those_that_are_rejected_locally() {
    let scene = Scene::new();
    for wave in 0..2 {
        let calls = (0..2000)
            .map(|n| scene.call([192, 0, 2, 7], &format!("x-{n}"), HOUR))
            .collect();
        let tally = tally(calls).await;
        // The burst, and what comes back while the first wave waits for its turns.
        assert!(tally.refused >= 1500 - 500 * wave, "{tally:?}");
    }
}

/// Twenty seconds in which the vendor has a tenth of its places, while gateways ask for 90 verifications a second that are not cached
/// and a door for five, beside warm checks. The longest check of the door, and whether each warm one was answered at once.
async fn slow_vendor(concurrency: Concurrency) -> Duration {
    let scene = Scene::within(concurrency);
    scene.warm_up(100, HOUR).await;
    let _others = scene.vendor.places.acquire_many(58).await.unwrap();
    let door = CallerId::Named(NamedCaller::new(
        CallerName::parse("door-1").unwrap(),
        None,
        CallerPriority::Doors,
    ));
    let mut at_door = Vec::new();
    for tick in 0..2_000_u32 {
        if tick % 10 != 0 {
            let gateway = [198, 51, 100, u8::try_from(tick % 20).unwrap()];
            scene.call(gateway, &format!("v-cold-{tick}"), HOUR);
        }
        if tick % 20 == 0 && tick >= 1_000 {
            let asked = scene.call_of(door.clone(), &format!("v-door-{tick}"), HOUR);
            at_door.push(tokio::spawn(async move {
                let since = paused_now();
                assert!(!asked.await.unwrap().unwrap().degraded(), "{tick}");
                since.elapsed()
            }));
        }
        let since = paused_now();
        let warm = scene.call([192, 0, 2, 7], &format!("v-{}", tick % 100), HOUR);
        assert_eq!(tally(vec![warm]).await, answered(1));
        assert_eq!(
            since.elapsed(),
            Duration::ZERO,
            "warm checks wait for nothing"
        );
        sleep(10 * TICK).await;
    }
    let mut longest = Duration::ZERO;
    for call in at_door {
        longest = longest.max(call.await.unwrap());
    }
    longest
}

#[tokio::test(start_paused = true)]
async fn a_door_does_not_wait_behind_gateways_at_a_slow_vendor() {
    let longest = slow_vendor(CONCURRENCY).await;
    let highest = CONCURRENCY.highest;
    let fixed = Concurrency {
        lowest: highest,
        highest,
    };
    let without = slow_vendor(fixed).await;
    assert!(longest * 2 <= without, "{longest:?} {without:?}");
}

#[expect(
    clippy::disallowed_methods,
    reason = "it is the paused time of the test"
)]
fn paused_now() -> Instant {
    Instant::now()
}
