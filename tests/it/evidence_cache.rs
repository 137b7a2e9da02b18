//! The evidence cache, where fetches, invalidations and callers that leave meet.

#![expect(clippy::unnecessary_wraps, reason = "answers have one type")]

mod ahead;
mod failures;
mod invalidations;
mod model;
mod purges;

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures_util::future::join_all;
use tokio::{sync::Semaphore, task::JoinHandle};
use verigate::{
    callers::{CallerId, OverQuotaError},
    clock::{Clock as _, ManualClock},
    deps::Deps,
    policy::{DataKinds, Evidence, Finding, Flaw, Verification, VerificationId, from_millis},
    provenance::{Origin, Outage, Timings},
    source::{Config, EvidenceCache, Invalidation, Known, LookupRequest, Priority, Source, Wait},
};

use crate::world::PLENTY;

/// What the upstream answers.
type Answer = Result<Finding, Outage>;

/// An upstream that answers when the test lets it, and says in `status` how often it has been asked.
#[derive(Debug)]
struct Upstream {
    asked: AtomicU64,
    may_answer: Semaphore,
    answer: fn(u64) -> Answer,
}

impl Upstream {
    fn new(answer: fn(u64) -> Answer) -> Arc<Self> {
        Arc::new(Self {
            asked: AtomicU64::new(0),
            may_answer: Semaphore::new(0),
            answer,
        })
    }

    fn asked(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }

    async fn until_asked(&self, times: u64) {
        while self.asked() < times {
            tokio::task::yield_now().await;
        }
    }
}

#[async_trait]
impl Source for Upstream {
    async fn look_up(
        &self,
        _: &VerificationId,
        request: LookupRequest,
    ) -> Result<Known, OverQuotaError> {
        let count = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        self.may_answer.acquire().await.unwrap().forget();
        let now = request.at.now;
        Ok(match (self.answer)(count) {
            Err(outage) => Known::nothing(outage, now, Timings::default()),
            Ok(finding) => Known {
                evidence: Arc::new(Evidence {
                    finding,
                    seen_at: now,
                }),
                origin: Origin::Upstream,
                outage: None,
                timings: Timings::default(),
                not_before: now,
                succession: verigate::source::Succession::None,
            },
        })
    }
}

fn present(count: u64) -> Answer {
    Ok(Finding::Present(Verification {
        status: Some(count.to_string().into()),
        ..Verification::default()
    }))
}

fn traced(count: u64) -> Answer {
    Ok(Finding::Present(Verification {
        status: Some(count.to_string().into()),
        trace_id: Some("trace-1".into()),
        ..Verification::default()
    }))
}

fn numbered(count: u64) -> Answer {
    Ok(Finding::Present(Verification {
        trace_id: Some(format!("trace-{count}").into()),
        ..Verification::default()
    }))
}

fn first_present_then_unusable(count: u64) -> Answer {
    if count == 1 {
        present(1)
    } else {
        Ok(Finding::Unusable(Flaw::Unreadable))
    }
}

fn panics(count: u64) -> Answer {
    assert!(count > 1, "the first answer is a panic");
    present(count)
}

fn first_present_then_outage(count: u64) -> Answer {
    if count == 1 {
        present(1)
    } else {
        outage(count)
    }
}

fn outage(_: u64) -> Answer {
    Err(Outage::Failed)
}

/// A cache in front of an upstream that the test controls, by a clock that only the test moves.
struct Desk {
    cache: EvidenceCache,
    deps: Deps,
    upstream: Arc<Upstream>,
    clock: Arc<ManualClock>,
}

const CONFIG: Config = Config {
    capacity: 10_000,
    waiters: 100_000,
    fetches: PLENTY,
};
const FETCH_TIMEOUT: Duration = Duration::from_hours(1);

impl Desk {
    fn new(answer: fn(u64) -> Answer) -> Self {
        Self::with(answer, CONFIG, FETCH_TIMEOUT)
    }

    fn with(answer: fn(u64) -> Answer, config: Config, fetch_timeout: Duration) -> Self {
        let upstream = Upstream::new(answer);
        let clock = Arc::new(ManualClock::at(from_millis(0)));
        let deps = Deps::new(Arc::clone(&clock) as _);
        let behind = Arc::clone(&upstream) as _;
        Self {
            cache: EvidenceCache::new(behind, config, fetch_timeout, &deps).unwrap(),
            deps,
            upstream,
            clock,
        }
    }

    /// An upstream that always answers at once.
    fn quick(answer: fn(u64) -> Answer) -> Self {
        let desk = Self::new(answer);
        desk.upstream.may_answer.add_permits(100_000);
        desk
    }

    fn request(&self) -> LookupRequest {
        LookupRequest {
            at: self.clock.moment(),
            max_age: Duration::from_mins(1),
            max_stale: Duration::from_mins(1),
            reads: DataKinds::NONE,
            wait: Wait::AtMost(Duration::from_mins(10)),
            caller: CallerId::Address(IpAddr::from([127, 0, 0, 1])),
            priority: Priority::Cold,
            failed_before: false,
        }
    }

    /// Looks up a verification that the caller's quota allows.
    async fn look(&self, request: LookupRequest) -> Known {
        self.look_named(&id(), request).await
    }

    async fn look_named(&self, id: &VerificationId, request: LookupRequest) -> Known {
        self.cache.look_up(id, request).await.unwrap()
    }

    async fn status(&self) -> String {
        status(&self.look(self.request()).await)
    }

    /// A lookup in a task of its own.
    fn ask(&self) -> JoinHandle<String> {
        let (cache, request) = (self.cache.clone(), self.request());
        tokio::spawn(async move { status(&cache.look_up(&id(), request).await.unwrap()) })
    }

    fn asked(&self) -> u64 {
        self.upstream.asked()
    }
}

fn id() -> VerificationId {
    named("v-1")
}

fn named(name: &str) -> VerificationId {
    VerificationId::parse(name).unwrap()
}

fn status(known: &Known) -> String {
    match &known.evidence.finding {
        Finding::Present(verification) => verification.status.as_deref().unwrap().to_owned(),
        Finding::Unknown => format!("Unknown({:?})", known.outage.unwrap()),
        other => format!("{other:?}"),
    }
}

/// Lets every task do what it can. Time is paused, so this takes none.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

#[tokio::test(start_paused = true)]
async fn no_more_fetches_start_than_the_bound_allows() {
    let desk = Desk::new(present);
    let hasty = LookupRequest {
        reads: DataKinds::NONE,
        wait: Wait::AtMost(Duration::from_millis(1)),
        ..desk.request()
    };
    let look = async |n: u32| {
        let known = desk
            .look_named(&named(&format!("v-{n}")), hasty.clone())
            .await;
        known.evidence.finding.clone()
    };
    // A quarter of 4,096 is kept for verifications that are known.
    for n in 0..4096 {
        assert!(matches!(look(n).await, Finding::Unknown));
    }
    assert_eq!(desk.asked(), 3072);
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_leaves_does_not_end_the_fetch_for_others() {
    let desk = Desk::new(present);
    let leaver = desk.ask();
    desk.upstream.until_asked(1).await;
    leaver.abort();
    assert!(leaver.await.unwrap_err().is_cancelled());
    desk.upstream.may_answer.add_permits(1);
    assert_eq!(desk.status().await, "1");
    assert_eq!(desk.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn each_caller_waits_no_longer_than_its_own_limit() {
    let desk = Desk::new(present);
    let hasty = LookupRequest {
        reads: DataKinds::NONE,
        wait: Wait::AtMost(Duration::from_millis(10)),
        ..desk.request()
    };
    let known = desk.look(hasty).await;
    assert_eq!(status(&known), "Unknown(Unfinished)");
    assert!(known.degraded());
    desk.upstream.may_answer.add_permits(1);
    assert_eq!(desk.status().await, "1");
    assert_eq!(desk.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_callers_of_one_id_cause_one_fetch() {
    let desk = Desk::new(present);
    let lookups: Vec<_> = (0..10_000).map(|_| desk.ask()).collect();
    desk.upstream.until_asked(1).await;
    settle().await;
    desk.upstream.may_answer.add_permits(10_000);
    for answer in join_all(lookups).await {
        assert_eq!(answer.unwrap(), "1");
    }
    assert_eq!(desk.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn evidence_is_fresh_until_its_age_reaches_the_policys_limit() {
    let desk = Desk::quick(present);
    let look = async || (desk.look(desk.request()).await.origin, desk.asked());
    assert_eq!(look().await, (Origin::Upstream, 1));
    desk.clock.advance(Duration::from_millis(59_999));
    assert_eq!(look().await, (Origin::Cache, 1));
    desk.clock.advance(Duration::from_millis(1));
    assert_eq!(look().await, (Origin::Upstream, 2));
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_makes_nothing_younger() {
    let desk = Desk::quick(present);
    desk.clock.set(from_millis(1_000_000));
    desk.status().await;
    // Another check may have read the clock a moment before the answer came.
    desk.clock.set(from_millis(995_000));
    desk.status().await;
    assert_eq!(desk.asked(), 1);
    // A minute passes, and the clock is set back by as much.
    desk.clock.advance(Duration::from_mins(1));
    desk.clock.set(from_millis(995_000));
    desk.status().await;
    assert_eq!(desk.asked(), 2);
    // To before it was seen: its age is not known.
    desk.clock.set(from_millis(0));
    desk.status().await;
    assert_eq!(desk.asked(), 3);
}

#[tokio::test]
async fn memory_stays_within_its_capacity() {
    let config = Config {
        capacity: 10,
        ..CONFIG
    };
    let desk = Desk::with(present, config, FETCH_TIMEOUT);
    desk.upstream.may_answer.add_permits(1000);
    for n in 0..1000 {
        let name = named(&format!("v-{n}"));
        desk.look_named(&name, desk.request()).await;
    }
    let metrics = verigate::metrics::render(&desk.deps.registry).unwrap();
    let entries = metrics
        .lines()
        .find_map(|line| line.strip_prefix("verigate_cache_entries "));
    let entries: u64 = entries.unwrap().parse().unwrap();
    assert!((1..=10).contains(&entries), "{entries}");
}
