//! A flood of webhooks with the right secret, about verifications that the doors use: in paused time, in front of a vendor that
//! permits 100 calls a second.

use std::net::IpAddr;

use verigate::{
    callers::CallerId,
    clock::Clock as _,
    policy::{DataKinds, Evidence, Finding, Verification},
    provenance::Origin,
    rate_limit::{Rate, TokenBucket},
    source::{self, EvidenceCache, Priority, Wait},
    webhook_queue::{EventKind, WebhookEvent},
};

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(1);
const RATE: Rate = Rate {
    per_second: 100,
    burst: 100,
};
const QUOTA: Rate = Rate {
    per_second: 200,
    burst: 500,
};

/// Permits its calls in the order in which they come, and answers after 100 ms.
#[derive(Debug)]
struct Vendor {
    rate: TokenBucket,
    clock: Arc<ManualClock>,
    asked: AtomicU64,
}

#[async_trait]
impl Source for Vendor {
    async fn look_up(
        &self,
        _: &VerificationId,
        request: LookupRequest,
    ) -> Result<Known, OverQuotaError> {
        let now = request.at.now;
        let Ok(wait) = self.rate.take(self.clock.moment().uptime, SECOND) else {
            return Ok(Known::nothing(Outage::OverRate, now, Timings::default()));
        };
        self.asked.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(wait + 100 * TICK).await;
        Ok(Known {
            evidence: Arc::new(Evidence {
                finding: Finding::Present(Verification::default()),
                seen_at: now,
            }),
            origin: Origin::Upstream,
            outage: None,
            timings: Timings::default(),
            not_before: now,
            succession: verigate::source::Succession::None,
        })
    }
}

struct Scene {
    cache: EvidenceCache,
    vendor: Arc<Vendor>,
    clock: Arc<ManualClock>,
    queue: WebhookQueue,
    _worker: Worker,
}

impl Scene {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::at(from_millis(0)));
        let ticking = Arc::clone(&clock);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(TICK).await;
                ticking.advance(TICK);
            }
        });
        let deps = Deps::new(Arc::clone(&clock) as _);
        let vendor = Arc::new(Vendor {
            rate: TokenBucket::new(RATE.per_second, RATE.burst),
            clock: Arc::clone(&clock),
            asked: AtomicU64::new(0),
        });
        let config = source::Config {
            capacity: 1000,
            waiters: 100_000,
            fetches: QUOTA,
        };
        let behind = Arc::clone(&vendor) as _;
        let cache = EvidenceCache::new(behind, config, 2 * SECOND, &deps).unwrap();
        let source = Arc::new(cache.clone());
        let (queue, worker) = webhook_queue::start(source, step_ups(&deps), 1024, RATE, &deps);
        Self {
            cache,
            vendor,
            clock,
            queue,
            _worker: worker,
        }
    }

    /// A check of a door, whose evidence may be an hour old.
    fn check(&self, n: u64) -> tokio::task::JoinHandle<Result<Known, OverQuotaError>> {
        let hour = Duration::from_hours(1);
        let request = LookupRequest {
            at: self.clock.moment(),
            max_age: hour,
            max_stale: hour,
            reads: DataKinds::NONE,
            wait: Wait::AtMost(Duration::from_millis(1950)),
            caller: CallerId::of(IpAddr::from([192, 0, 2, 7])),
            priority: Priority::Cold,
            failed_before: false,
        };
        let (cache, id) = (self.cache.clone(), id(n));
        tokio::spawn(async move { cache.look_up(&id, request).await })
    }
}

fn id(n: u64) -> VerificationId {
    VerificationId::parse(&format!("v-{n}")).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_flood_with_a_stolen_secret_denies_nobody_and_is_paid_by_the_service() {
    for kind in [
        EventKind::Failed,
        EventKind::Succeeded,
        EventKind::Other,
        EventKind::Unrecognized,
    ] {
        let scene = Scene::new();
        for n in 0..200 {
            scene.check(n).await.unwrap().unwrap();
        }
        let (mut checks, asked) = (Vec::new(), scene.vendor.asked.load(Ordering::SeqCst));
        // 1,000 webhooks a second for twelve seconds, beside 225 checks a second.
        for tick in 0..12_000 {
            let event = WebhookEvent {
                kind,
                ids: vec![id(tick * 7 % 200)],
                step_up: None,
            };
            // The sender gets an error where the queue is full.
            let _ = scene.queue.enqueue(event);
            if tick % 40 < 9 {
                let next = u64::try_from(checks.len()).unwrap() * 13 % 200;
                checks.push(scene.check(next));
            }
            tokio::time::sleep(TICK).await;
        }
        for check in checks {
            let known = check.await.unwrap().unwrap();
            // Degraded, where a webhook waits for its turn.
            let finding = &known.evidence.finding;
            assert!(
                matches!(finding, Finding::Present(_)),
                "{kind:?}: {known:?}"
            );
        }
        let asked = scene.vendor.asked.load(Ordering::SeqCst) - asked;
        // A quarter of the rate for what is in use, and the prefetches.
        assert!(asked <= 50 + 25 * 12 + 50 + 10 * 12, "{kind:?}: {asked}");
        assert!(asked >= 200, "{kind:?}: {asked}");
    }
}
