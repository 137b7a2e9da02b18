//! The memory of what the upstream said, where fetches, forgets and departures meet.

mod ahead;
mod failures;
mod forgets;

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
    clock::{Clock as _, ManualClock},
    metrics::Metrics,
    policy::{Evidence, Finding, Flaw, Origin, Outage, Verification, VerificationId, from_millis},
    source::{Asker, Freshness, Known, Limits, Recent, Source, Took},
};

/// An upstream that answers when it is told to, and says in `status` how often it has been asked.
#[derive(Debug)]
struct Told {
    asked: AtomicU64,
    may_answer: Semaphore,
    finding: fn(u64) -> Finding,
}

impl Told {
    fn new(finding: fn(u64) -> Finding) -> Arc<Self> {
        Arc::new(Self {
            asked: AtomicU64::new(0),
            may_answer: Semaphore::new(0),
            finding,
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
impl Source for Told {
    async fn look_up(&self, _: &VerificationId, freshness: Freshness) -> Known {
        let count = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        self.may_answer.acquire().await.unwrap().forget();
        Known {
            evidence: Arc::new(Evidence {
                finding: (self.finding)(count),
                seen_at: freshness.at.now,
            }),
            origin: Origin::Upstream,
            took: Took::default(),
            not_before: freshness.at.now,
        }
    }
}

fn present(count: u64) -> Finding {
    Finding::Present(Verification {
        status: Some(count.to_string().into()),
        ..Verification::default()
    })
}

fn traced(count: u64) -> Finding {
    Finding::Present(Verification {
        status: Some(count.to_string().into()),
        trace_id: Some("trace-1".into()),
        ..Verification::default()
    })
}

fn numbered(count: u64) -> Finding {
    Finding::Present(Verification {
        trace_id: Some(format!("trace-{count}").into()),
        ..Verification::default()
    })
}

fn first_present_then_unusable(count: u64) -> Finding {
    if count == 1 {
        present(1)
    } else {
        Finding::Unusable(Flaw::Unreadable)
    }
}

fn panics(count: u64) -> Finding {
    assert!(count > 1, "the first answer is a panic");
    present(count)
}

fn first_present_then_outage(count: u64) -> Finding {
    if count == 1 {
        present(1)
    } else {
        outage(count)
    }
}

fn outage(_: u64) -> Finding {
    Finding::Unknown(Outage::Failed)
}

/// Memory in front of an upstream that is told what to say, by a clock that only the test moves.
struct Desk {
    recent: Recent,
    upstream: Arc<Told>,
    clock: Arc<ManualClock>,
}

const LIMITS: Limits = Limits {
    capacity: 10_000,
    fetch_max: Duration::from_hours(1),
    fetches_per_second: 100_000,
    fetches_burst: 100_000,
};

impl Desk {
    fn new(finding: fn(u64) -> Finding) -> Self {
        Self::with(finding, LIMITS)
    }

    fn with(finding: fn(u64) -> Finding, limits: Limits) -> Self {
        let upstream = Told::new(finding);
        let clock = Arc::new(ManualClock::at(from_millis(0)));
        let recent = Recent::new(
            Arc::clone(&upstream) as _,
            limits,
            Arc::clone(&clock) as _,
            Metrics::new().unwrap(),
            |task| drop(tokio::spawn(task)),
        );
        Self {
            recent,
            upstream,
            clock,
        }
    }

    /// An upstream that always answers at once.
    fn quick(finding: fn(u64) -> Finding) -> Self {
        let desk = Self::new(finding);
        desk.upstream.may_answer.add_permits(100_000);
        desk
    }

    fn freshness(&self) -> Freshness {
        Freshness {
            at: self.clock.moment(),
            fresh_for: Duration::from_mins(1),
            stale_for: Duration::ZERO,
            patience: Duration::from_mins(10),
            asker: Asker::Caller(IpAddr::from([127, 0, 0, 1])),
            suspect: false,
        }
    }

    async fn look(&self, freshness: Freshness) -> Known {
        self.recent.look_up(&id(), freshness).await
    }

    async fn status(&self) -> String {
        status(&self.look(self.freshness()).await)
    }

    /// A question of a task of its own.
    fn ask(&self) -> JoinHandle<String> {
        let (recent, freshness) = (self.recent.clone(), self.freshness());
        tokio::spawn(async move { status(&recent.look_up(&id(), freshness).await) })
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
        Finding::Present(verification) => verification.status.clone().unwrap().into(),
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
    let hasty = Freshness {
        patience: Duration::from_millis(1),
        ..desk.freshness()
    };
    let look = async |n: u32| {
        let known = desk.recent.look_up(&named(&format!("v-{n}")), hasty).await;
        known.evidence.finding.clone()
    };
    for n in 0..4096 {
        assert!(matches!(look(n).await, Finding::Unknown(Outage::TimedOut)));
    }
    assert!(matches!(look(4096).await, Finding::Unknown(Outage::Busy)));
    assert_eq!(desk.asked(), 4096);
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_leaves_takes_nobody_along() {
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
async fn each_waiter_keeps_its_own_patience() {
    let desk = Desk::new(present);
    let hasty = Freshness {
        patience: Duration::from_millis(10),
        ..desk.freshness()
    };
    let known = desk.look(hasty).await;
    assert_eq!(status(&known), "Unknown(TimedOut)");
    assert!(known.degraded());
    desk.upstream.may_answer.add_permits(1);
    assert_eq!(desk.status().await, "1");
    assert_eq!(desk.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_callers_of_one_id_cause_one_fetch() {
    let desk = Desk::new(present);
    let questions: Vec<_> = (0..10_000).map(|_| desk.ask()).collect();
    desk.upstream.until_asked(1).await;
    settle().await;
    desk.upstream.may_answer.add_permits(10_000);
    for answer in join_all(questions).await {
        assert_eq!(answer.unwrap(), "1");
    }
    assert_eq!(desk.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn evidence_is_fresh_until_its_age_reaches_the_policys_limit() {
    let desk = Desk::quick(present);
    let look = async || (desk.look(desk.freshness()).await.origin, desk.asked());
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
    let limits = Limits {
        capacity: 10,
        ..LIMITS
    };
    let desk = Desk::with(present, limits);
    desk.upstream.may_answer.add_permits(1000);
    for n in 0..1000 {
        let name = named(&format!("v-{n}"));
        desk.recent.look_up(&name, desk.freshness()).await;
    }
    assert!(desk.recent.entries() <= 10, "{}", desk.recent.entries());
    assert!(desk.recent.entries() > 0);
}
