//! The memory of what the upstream said, where fetches, forgets and departures meet.

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
async fn a_forget_during_a_fetch_wins_over_it() {
    let desk = Desk::new(present);
    let waiting = desk.ask();
    desk.upstream.until_asked(1).await;
    desk.recent.forget(&id()).await;
    desk.upstream.may_answer.add_permits(1);
    assert_eq!(waiting.await.unwrap(), "1");
    // What that fetch brought is not remembered: the next question asks again.
    desk.upstream.may_answer.add_permits(1);
    assert_eq!(desk.status().await, "2");
}

#[tokio::test(start_paused = true)]
async fn a_question_after_a_forget_does_not_join_the_fetch_from_before_it() {
    let desk = Desk::new(present);
    let early = desk.ask();
    desk.upstream.until_asked(1).await;
    desk.recent.forget(&id()).await;
    let late = desk.ask();
    desk.upstream.until_asked(2).await;
    desk.upstream.may_answer.add_permits(2);
    assert_eq!(
        (early.await.unwrap(), late.await.unwrap()),
        ("1".into(), "2".into())
    );
    // The later fetch is the one that is remembered, whichever landed last.
    assert_eq!(desk.status().await, "2");
}

#[tokio::test(start_paused = true)]
async fn a_forget_by_the_traces_name_reaches_what_is_remembered_by_the_other() {
    let desk = Desk::quick(traced);
    assert_eq!(desk.status().await, "1");
    desk.recent.forget(&named("trace-1")).await;
    assert_eq!(desk.status().await, "2");
    desk.recent.forget(&named("trace-2")).await;
    assert_eq!(desk.status().await, "2");
}

#[tokio::test(start_paused = true)]
async fn a_forget_by_the_traces_name_wins_over_a_fetch_too() {
    let desk = Desk::new(traced);
    let waiting = desk.ask();
    desk.upstream.until_asked(1).await;
    // Which verification has this trace is not known before the fetch lands.
    desk.recent.forget(&named("trace-1")).await;
    let late = desk.ask();
    desk.upstream.may_answer.add_permits(2);
    // Whoever asked after the forget has joined the fetch from before it, and is not told what that brought.
    assert_eq!(late.await.unwrap(), "2");
    assert_eq!(waiting.await.unwrap(), "2");
    // A forget from before a fetch does not spoil it.
    assert_eq!(desk.status().await, "2");
    assert_eq!(desk.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_forget_is_not_lost_however_many_came_before_it() {
    let desk = Desk::new(traced);
    for n in 0..20_000 {
        desk.recent.forget(&named(&format!("f-{n}"))).await;
    }
    let waiting = desk.ask();
    desk.upstream.until_asked(1).await;
    desk.recent.forget(&named("trace-1")).await;
    desk.upstream.may_answer.add_permits(2);
    assert_eq!(waiting.await.unwrap(), "2");
    // And however many come after it, while the fetch is under way.
    desk.recent.forget(&id()).await;
    let waiting = desk.ask();
    desk.upstream.until_asked(3).await;
    desk.recent.forget(&named("trace-1")).await;
    for n in 0..20_000 {
        desk.recent.forget(&named(&format!("g-{n}"))).await;
    }
    desk.upstream.may_answer.add_permits(2);
    assert_eq!(waiting.await.unwrap(), "4");
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_learnt_late_can_be_forgotten_by() {
    let limits = Limits {
        capacity: 50,
        ..LIMITS
    };
    let desk = Desk::with(numbered, limits);
    desk.upstream.may_answer.add_permits(1000);
    for n in 1..=300 {
        let id = named(&format!("v-{n}"));
        desk.recent.look_up(&id, desk.freshness()).await;
    }
    let newest = named("v-300");
    desk.recent.forget(&named("trace-300")).await;
    let known = desk.recent.look_up(&newest, desk.freshness()).await;
    assert_eq!(known.origin, Origin::Upstream);
}

#[tokio::test(start_paused = true)]
async fn what_was_forgotten_is_not_served_stale_to_those_who_wait() {
    let desk = Desk::new(first_present_then_outage);
    desk.upstream.may_answer.add_permits(1);
    assert_eq!(desk.status().await, "1");
    desk.clock.advance(Duration::from_mins(1));
    let stale = Freshness {
        stale_for: Duration::from_hours(1),
        ..desk.freshness()
    };
    let asker = desk.recent.clone();
    let waiting = tokio::spawn(async move { asker.look_up(&id(), stale).await });
    desk.upstream.until_asked(2).await;
    desk.recent.forget(&id()).await;
    desk.upstream.may_answer.add_permits(1);
    let known = waiting.await.unwrap();
    assert_eq!(known.origin, Origin::Nowhere);
    assert!(matches!(known.evidence.finding, Finding::Unknown(_)));
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
async fn a_fetch_that_panics_pins_nobody() {
    let desk = Desk::new(panics);
    desk.upstream.may_answer.add_permits(2);
    assert_eq!(desk.status().await, "Unknown(Abandoned)");
    assert_eq!(desk.status().await, "2");
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_hangs_ends_at_its_own_bound() {
    let limits = Limits {
        fetch_max: Duration::from_secs(2),
        ..LIMITS
    };
    let desk = Desk::with(present, limits);
    assert_eq!(desk.status().await, "Unknown(TimedOut)");
    desk.upstream.may_answer.add_permits(1);
    desk.clock.advance(Duration::from_secs(2));
    assert_eq!(desk.status().await, "2");
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
async fn in_an_outage_a_hundred_callers_share_one_attempt() {
    let desk = Desk::new(outage);
    let questions: Vec<_> = (0..100).map(|_| desk.ask()).collect();
    desk.upstream.until_asked(1).await;
    settle().await;
    desk.upstream.may_answer.add_permits(100);
    for answer in join_all(questions).await {
        assert_eq!(answer.unwrap(), "Unknown(Failed)");
    }
    assert_eq!(desk.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_remembered_for_a_moment_only() {
    let desk = Desk::quick(outage);
    let mut asked_at = Vec::new();
    // 200 questions a second, for 5 seconds.
    for n in 0..1000_u64 {
        let before = desk.asked();
        assert_eq!(desk.status().await, "Unknown(Failed)");
        asked_at.extend((desk.asked() > before).then_some(n * 5));
        desk.clock.advance(Duration::from_millis(5));
    }
    for pair in asked_at.windows(2) {
        let apart = pair[1] - pair[0];
        assert!((1000..=1505).contains(&apart), "{asked_at:?}");
    }
    assert!((4..=5).contains(&desk.asked()), "{asked_at:?}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_makes_no_sense_is_remembered_as_shortly_and_takes_the_last_one_along() {
    let desk = Desk::quick(first_present_then_unusable);
    assert_eq!(desk.status().await, "1");
    desk.clock.advance(Duration::from_mins(1));
    let tolerant = Freshness {
        stale_for: Duration::from_hours(1),
        ..desk.freshness()
    };
    for _ in 0..10 {
        assert_eq!(status(&desk.look(tolerant).await), "Unusable(Unreadable)");
    }
    assert_eq!(desk.asked(), 2);
    desk.clock.advance(Duration::from_millis(1500));
    desk.status().await;
    assert_eq!(desk.asked(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_was_not_asked_is_not_left_in_peace_for_it() {
    let desk = Desk::quick(|_| Finding::Unknown(Outage::HeldBack));
    assert_eq!(desk.status().await, "Unknown(HeldBack)");
    desk.status().await;
    assert_eq!(desk.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn while_a_failure_is_remembered_what_was_known_is_served_if_the_policy_lets_it() {
    let desk = Desk::quick(first_present_then_outage);
    assert_eq!(desk.status().await, "1");
    desk.clock.advance(Duration::from_mins(1));
    let tolerant = Freshness {
        stale_for: Duration::from_hours(1),
        ..desk.freshness()
    };
    for _ in 0..10 {
        let known = desk.look(tolerant).await;
        assert_eq!((status(&known), known.origin), ("1".into(), Origin::Stale));
        assert_eq!(desk.status().await, "Unknown(Failed)");
    }
    assert_eq!(desk.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn that_a_verification_is_unknown_is_remembered_for_a_few_seconds() {
    let desk = Desk::quick(|_| Finding::Absent);
    desk.status().await;
    desk.clock.advance(Duration::from_millis(3999));
    desk.status().await;
    assert_eq!(desk.asked(), 1);
    desk.clock.advance(Duration::from_millis(2001));
    desk.status().await;
    assert_eq!(desk.asked(), 2);
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
async fn evidence_that_is_used_often_is_asked_for_ahead_of_time_and_nobody_waits() {
    let desk = Desk::new(present);
    desk.upstream.may_answer.add_permits(1);
    assert_eq!(desk.status().await, "1");
    desk.clock.advance(Duration::from_secs(44));
    for _ in 0..10 {
        assert_eq!(desk.status().await, "1");
    }
    settle().await;
    assert_eq!(desk.asked(), 1, "it is young");
    desk.clock.advance(Duration::from_secs(1));
    for _ in 0..10 {
        assert_eq!(desk.status().await, "1");
    }
    desk.upstream.until_asked(2).await;
    desk.upstream.may_answer.add_permits(1);
    settle().await;
    desk.clock.advance(Duration::from_secs(15));
    assert_eq!(desk.status().await, "2", "it never ran out");
    assert_eq!(desk.asked(), 2, "once for many uses");
}

#[tokio::test(start_paused = true)]
async fn evidence_that_is_seldom_used_is_not_asked_for_ahead_of_time() {
    let desk = Desk::quick(present);
    desk.status().await;
    desk.clock.advance(Duration::from_secs(50));
    desk.status().await;
    desk.status().await;
    settle().await;
    assert_eq!(desk.asked(), 1);
    desk.status().await;
    settle().await;
    assert_eq!(desk.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_refresh_that_fails_leaves_what_is_known_and_is_not_repeated_at_once() {
    let desk = Desk::quick(first_present_then_outage);
    desk.status().await;
    desk.clock.advance(Duration::from_secs(50));
    for _ in 0..100 {
        assert_eq!(desk.status().await, "1");
        settle().await;
    }
    assert_eq!(desk.asked(), 2);
    desk.clock.advance(Duration::from_millis(1500));
    desk.status().await;
    settle().await;
    assert_eq!(desk.asked(), 3);
}

#[tokio::test(start_paused = true)]
async fn no_more_are_asked_for_ahead_of_time_at_once_than_the_bound_allows() {
    let desk = Desk::new(present);
    desk.upstream.may_answer.add_permits(100);
    let each = async || {
        for n in 0..100 {
            let name = named(&format!("v-{n}"));
            desk.recent.look_up(&name, desk.freshness()).await;
        }
    };
    each().await;
    desk.clock.advance(Duration::from_secs(50));
    for _ in 0..5 {
        each().await;
    }
    settle().await;
    assert_eq!(desk.asked(), 164);
}

#[tokio::test(start_paused = true)]
async fn a_caller_over_its_quota_is_told_so_and_others_are_not() {
    let limits = Limits {
        fetches_per_second: 1,
        fetches_burst: 10,
        ..LIMITS
    };
    let desk = Desk::with(present, limits);
    desk.upstream.may_answer.add_permits(100);
    let look = async |n: u32, caller: u8| {
        let freshness = Freshness {
            asker: Asker::Caller(IpAddr::from([10, 0, 0, caller])),
            ..desk.freshness()
        };
        let name = named(&format!("v-{n}"));
        status(&desk.recent.look_up(&name, freshness).await)
    };
    for n in 0..10 {
        assert_eq!(look(n, 1).await, (n + 1).to_string());
    }
    assert_eq!(look(10, 1).await, "Unknown(OverQuota { retry_after: 1s })");
    assert_eq!(desk.asked(), 10, "it costs the upstream nothing");
    assert_eq!(look(9, 1).await, "10", "what is remembered is still told");
    assert_eq!(look(10, 2).await, "11");
    desk.clock.advance(Duration::from_secs(1));
    assert_eq!(look(11, 1).await, "12");
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
