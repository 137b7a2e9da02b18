//! The memory of what the upstream said, where fetches, forgets and departures meet.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures_util::future::join_all;
use tokio::sync::Semaphore;
use verigate::{
    policy::{
        Evidence, Finding, Origin, Outage, Timestamp, Verification, VerificationId, from_millis,
    },
    source::{Freshness, Known, Recent, Source},
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
                seen_at: freshness.now,
            }),
            origin: Origin::Upstream,
        }
    }
}

fn present(count: u64) -> Finding {
    Finding::Present(Verification {
        status: Some(count.to_string().into()),
        ..Verification::default()
    })
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

fn memory(behind: &Arc<Told>) -> Recent {
    Recent::new(Arc::clone(behind) as _, 10_000, Duration::from_hours(1))
}

fn id() -> VerificationId {
    VerificationId::parse("v-1").unwrap()
}

fn freshness(now: Timestamp) -> Freshness {
    Freshness {
        now,
        fresh_for: Duration::from_mins(1),
        stale_for: Duration::ZERO,
        patience: Duration::from_mins(10),
    }
}

async fn status(recent: &Recent) -> String {
    let known = recent.look_up(&id(), freshness(from_millis(0))).await;
    match &known.evidence.finding {
        Finding::Present(verification) => verification.status.clone().unwrap().into(),
        other => format!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_forget_during_a_fetch_wins_over_it() {
    let upstream = Told::new(present);
    let recent = memory(&upstream);
    let asker = recent.clone();
    let waiting = tokio::spawn(async move { status(&asker).await });
    upstream.until_asked(1).await;
    recent.forget(&id()).await;
    upstream.may_answer.add_permits(1);
    assert_eq!(waiting.await.unwrap(), "1");
    // What that fetch brought is not remembered: the next question asks again.
    upstream.may_answer.add_permits(1);
    assert_eq!(status(&recent).await, "2");
}

#[tokio::test(start_paused = true)]
async fn a_question_after_a_forget_does_not_join_the_fetch_from_before_it() {
    let upstream = Told::new(present);
    let recent = memory(&upstream);
    let (early, late) = (recent.clone(), recent.clone());
    let early = tokio::spawn(async move { status(&early).await });
    upstream.until_asked(1).await;
    recent.forget(&id()).await;
    let late = tokio::spawn(async move { status(&late).await });
    upstream.until_asked(2).await;
    upstream.may_answer.add_permits(2);
    assert_eq!(
        (early.await.unwrap(), late.await.unwrap()),
        ("1".into(), "2".into())
    );
    // The later fetch is the one that is remembered, whichever landed last.
    assert_eq!(status(&recent).await, "2");
}

#[tokio::test(start_paused = true)]
async fn what_was_forgotten_is_not_served_stale_to_those_who_wait() {
    let upstream = Told::new(first_present_then_outage);
    let recent = memory(&upstream);
    upstream.may_answer.add_permits(1);
    assert_eq!(status(&recent).await, "1");
    let stale = Freshness {
        stale_for: Duration::from_hours(1),
        ..freshness(from_millis(60_000))
    };
    let asker = recent.clone();
    let waiting = tokio::spawn(async move { asker.look_up(&id(), stale).await });
    upstream.until_asked(2).await;
    recent.forget(&id()).await;
    upstream.may_answer.add_permits(1);
    let known = waiting.await.unwrap();
    assert_eq!(known.origin, Origin::Nowhere);
    assert!(matches!(known.evidence.finding, Finding::Unknown(_)));
}

#[tokio::test(start_paused = true)]
async fn no_more_fetches_start_than_the_bound_allows() {
    let upstream = Told::new(present);
    let recent = memory(&upstream);
    let hasty = Freshness {
        patience: Duration::from_millis(1),
        ..freshness(from_millis(0))
    };
    let look = async |n: u32| {
        let id = VerificationId::parse(&format!("v-{n}")).unwrap();
        recent.look_up(&id, hasty).await.evidence.finding.clone()
    };
    for n in 0..4096 {
        assert!(matches!(look(n).await, Finding::Unknown(Outage::TimedOut)));
    }
    assert!(matches!(look(4096).await, Finding::Unknown(Outage::Busy)));
    assert_eq!(upstream.asked(), 4096);
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_leaves_takes_nobody_along() {
    let upstream = Told::new(present);
    let recent = memory(&upstream);
    let asker = recent.clone();
    let leaver = tokio::spawn(async move { status(&asker).await });
    upstream.until_asked(1).await;
    leaver.abort();
    assert!(leaver.await.unwrap_err().is_cancelled());
    upstream.may_answer.add_permits(1);
    assert_eq!(status(&recent).await, "1");
    assert_eq!(upstream.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn each_waiter_keeps_its_own_patience() {
    let upstream = Told::new(present);
    let recent = memory(&upstream);
    let hasty = Freshness {
        patience: Duration::from_millis(10),
        ..freshness(from_millis(0))
    };
    let known = recent.look_up(&id(), hasty).await;
    assert!(matches!(
        known.evidence.finding,
        Finding::Unknown(Outage::TimedOut)
    ));
    assert!(known.degraded());
    upstream.may_answer.add_permits(1);
    assert_eq!(status(&recent).await, "1");
    assert_eq!(upstream.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_panics_pins_nobody() {
    let upstream = Told::new(panics);
    let recent = memory(&upstream);
    upstream.may_answer.add_permits(2);
    assert_eq!(status(&recent).await, "Unknown(Abandoned)");
    assert_eq!(status(&recent).await, "2");
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_hangs_ends_at_its_own_bound() {
    let upstream = Told::new(present);
    let recent = Recent::new(Arc::clone(&upstream) as _, 100, Duration::from_secs(2));
    assert_eq!(status(&recent).await, "Unknown(TimedOut)");
    upstream.may_answer.add_permits(1);
    assert_eq!(status(&recent).await, "2");
}

#[tokio::test(start_paused = true)]
async fn in_an_outage_a_hundred_callers_share_one_attempt() {
    let upstream = Told::new(outage);
    let recent = memory(&upstream);
    let questions = (0..100).map(|_| {
        let recent = recent.clone();
        tokio::spawn(async move { status(&recent).await })
    });
    let questions: Vec<_> = questions.collect();
    upstream.until_asked(1).await;
    tokio::time::sleep(Duration::from_millis(1)).await;
    upstream.may_answer.add_permits(100);
    for answer in join_all(questions).await {
        assert_eq!(answer.unwrap(), "Unknown(Failed)");
    }
    assert_eq!(upstream.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn evidence_is_fresh_until_its_age_reaches_the_policys_limit() {
    let upstream = Told::new(present);
    let recent = memory(&upstream);
    upstream.may_answer.add_permits(10);
    let look = async |millis| {
        let known = recent.look_up(&id(), freshness(from_millis(millis))).await;
        (known.origin, upstream.asked())
    };
    assert_eq!(look(0).await, (Origin::Upstream, 1));
    assert_eq!(look(59_999).await, (Origin::Cache, 1));
    assert_eq!(look(60_000).await, (Origin::Upstream, 2));
}

#[tokio::test(start_paused = true)]
async fn evidence_from_the_future_has_no_known_age_and_is_asked_for_again() {
    let upstream = Told::new(present);
    let recent = memory(&upstream);
    upstream.may_answer.add_permits(10);
    recent
        .look_up(&id(), freshness(from_millis(1_000_000)))
        .await;
    // Another check may have read the clock a moment before the answer came.
    recent.look_up(&id(), freshness(from_millis(995_000))).await;
    assert_eq!(upstream.asked(), 1);
    recent.look_up(&id(), freshness(from_millis(0))).await;
    assert_eq!(upstream.asked(), 2);
}

#[tokio::test]
async fn memory_stays_within_its_capacity() {
    let upstream = Told::new(present);
    let recent = Recent::new(Arc::clone(&upstream) as _, 10, Duration::from_secs(10));
    upstream.may_answer.add_permits(1000);
    for n in 0..1000 {
        let id = VerificationId::parse(&format!("v-{n}")).unwrap();
        recent.look_up(&id, freshness(from_millis(0))).await;
    }
    assert!(recent.entries() <= 10, "{}", recent.entries());
    assert!(recent.entries() > 0);
}
