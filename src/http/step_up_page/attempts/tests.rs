//! How many links are made, by whichever way they are asked for.

use std::{
    future::pending,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

use uuid::Uuid;

use super::*;
use crate::{
    callers::OverQuotaError,
    clock::{Clock as _, ManualClock},
    policy::{after, from_millis},
    provenance::Outage,
    step_up::Link,
};

const LIFE: Duration = Duration::from_secs(10);

/// What asks for links, and counts those that were made.
struct Asking {
    attempts: Attempts,
    clock: ManualClock,
    made: Arc<AtomicU32>,
}

impl Asking {
    fn new() -> Self {
        Self {
            attempts: Attempts::new(Spawn::here()),
            clock: ManualClock::at(from_millis(0)),
            made: Arc::default(),
        }
    }

    fn key(state: u8, person: &str, verification: &str) -> LinkKey {
        LinkKey {
            state: [state; 32],
            person: person.into(),
            verification: VerificationId::parse(verification).unwrap(),
        }
    }

    /// The number of the link that is got.
    async fn ask(&self, key: LinkKey) -> Result<String, NoMoreError> {
        let at = self.clock.moment();
        let made = Arc::clone(&self.made);
        let make = async move {
            let number = made.fetch_add(1, Relaxed);
            Ok(Begun {
                id: Uuid::nil(),
                link: Link {
                    url: number.to_string().into(),
                    trace: VerificationId::parse(&format!("t-{number}")).ok(),
                },
                expires_at: after(at.now, LIFE),
            })
        };
        let flight = self.attempts.link(key, at, make).await?;
        Ok(flight.result().await.unwrap().unwrap().link.url.to_string())
    }

    /// Asks for a link that is not made for this reason.
    async fn fail(&self, key: LinkKey, error: StepUpError) -> Result<(), NoMoreError> {
        let at = self.clock.moment();
        let made = async move { Err(error) };
        let flight = self.attempts.link(key, at, made).await?;
        assert!(flight.result().await.unwrap().is_err());
        Ok(())
    }

    fn made(&self) -> u32 {
        self.made.load(Relaxed)
    }
}

#[tokio::test]
async fn a_state_makes_three_links_and_each_of_them_may_be_asked_for_again() {
    let asking = Asking::new();
    let ask = async |person| asking.ask(Asking::key(1, person, "v")).await;
    for (person, number) in [("a", "0"), ("b", "1"), ("a", "0"), ("b", "1"), ("a", "0")] {
        assert_eq!(ask(person).await.unwrap(), number);
        let current = asking.attempts.current(&[1; 32]).await.unwrap();
        assert_eq!(&*current.link.url, number, "the latest that was asked for");
    }
    // The link of `a` has expired: one more is made.
    asking.clock.advance(LIFE);
    assert_eq!(ask("a").await.unwrap(), "2");
    assert_eq!(ask("a").await.unwrap(), "2");
    for person in ["b", "c"] {
        assert_eq!(ask(person).await, Err(NoMoreError::State));
    }
    let other = asking.ask(Asking::key(2, "c", "v")).await;
    assert_eq!(other.unwrap(), "3");
}

#[tokio::test]
async fn what_was_surely_not_made_does_not_count_and_leaves_nothing_and_what_may_have_been_does() {
    let asking = Asking::new();
    let over_quota = || {
        StepUpError::OverQuota(OverQuotaError {
            retry_after: Duration::ZERO,
        })
    };
    let key = || Asking::key(1, "a", "v");
    for _ in 0..50 {
        asking.fail(key(), over_quota()).await.unwrap();
        let busy = StepUpError::Upstream(Outage::Busy);
        asking.fail(key(), busy).await.unwrap();
    }
    asking.attempts.states.run_pending_tasks().await;
    assert_eq!(asking.attempts.states.entry_count(), 0);
    for outage in [Outage::TimedOut, Outage::Abandoned, Outage::Unexpected] {
        asking
            .fail(key(), StepUpError::Upstream(outage))
            .await
            .unwrap();
    }
    assert_eq!(
        asking.fail(key(), over_quota()).await,
        Err(NoMoreError::State)
    );
    assert!(asking.attempts.current(&[1; 32]).await.is_none());
}

#[tokio::test]
async fn a_link_that_nobody_waits_for_any_more_counts_and_is_shared_while_it_is_made() {
    let asking = Asking::new();
    let at = asking.clock.moment();
    let started = Arc::new(AtomicU32::new(0));
    let leave = async |person: &str| {
        let started = Arc::clone(&started);
        let make = async move {
            started.fetch_add(1, Relaxed);
            pending().await
        };
        let key = Asking::key(1, person, "v");
        let flight = asking.attempts.link(key, at, make).await;
        // Nobody waits for it.
        flight.map(drop)
    };
    for person in ["a", "a", "a", "b", "b", "c", "a"] {
        assert_eq!(leave(person).await, Ok(()), "{person}");
    }
    assert_eq!(leave("d").await, Err(NoMoreError::State));
    tokio::task::yield_now().await;
    assert_eq!(started.load(Relaxed), 3);
    // One that fails after everybody has left counts too.
    for n in 0..4 {
        let failed = StepUpError::Upstream(Outage::TimedOut);
        let key = Asking::key(2, "a", "w");
        let left = asking.attempts.link(key, at, async { Err(failed) }).await;
        assert_eq!(left.is_ok(), n < 3, "{n}");
        drop(left);
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_verification_has_ten_links_at_once_and_ten_in_each_hour_however_many_decisions_are_about_it()
 {
    let asking = Asking::new();
    let mut spent = 0;
    for state in 0..80 {
        match asking.ask(Asking::key(state, "a", "v")).await {
            Ok(_) => {}
            Err(error) => {
                assert_eq!(error, NoMoreError::Verification(LINK_EVERY));
                spent += 1;
            }
        }
    }
    assert_eq!((asking.made(), spent), (10, 70));
    // Another one has its own, and so has this one later.
    asking.ask(Asking::key(100, "a", "w")).await.unwrap();
    for hour in 1..3_u8 {
        asking.clock.advance(Duration::from_hours(1));
        let before = asking.made();
        for state in 0..40 {
            let state = state + 100 + hour * 40;
            let _ = asking.ask(Asking::key(state, "a", "v")).await;
        }
        assert_eq!(asking.made() - before, 10);
    }
    // A link that was made may be asked for again, and what was not made is not charged.
    asking.clock.advance(Duration::from_hours(1));
    for _ in 0..40 {
        asking.ask(Asking::key(1, "b", "v")).await.unwrap();
        let busy = StepUpError::Upstream(Outage::Busy);
        asking.fail(Asking::key(2, "b", "v"), busy).await.unwrap();
    }
}

#[tokio::test]
async fn a_purge_removes_the_links_and_the_count_of_a_verification_and_no_others() {
    let asking = Asking::new();
    for (state, person, verification) in
        [(1, "a", "v"), (2, "b", "w"), (2, "c", "v"), (3, "d", "x")]
    {
        let key = Asking::key(state, person, verification);
        asking.ask(key).await.unwrap();
    }
    // The last link leads to this one.
    let [v, t3] = ["v", "t-3"].map(|id| VerificationId::parse(id).unwrap());
    asking.attempts.purge(&[&v, &t3].into()).await;
    let states = &asking.attempts.states;
    assert_eq!(
        [1, 3].map(|n| states.contains_key(&[n; 32])),
        [false, false]
    );
    let current = asking.attempts.current(&[2; 32]).await.unwrap();
    assert_eq!(&*current.link.url, "1");
    let counted = |id: &str| {
        let id = VerificationId::parse(id).unwrap();
        asking
            .attempts
            .verifications
            .contains_key(&asking.attempts.keys.of(&id))
    };
    assert_eq!(["v", "w", "x"].map(counted), [false, true, true]);
}

#[tokio::test]
async fn a_link_that_is_being_made_during_a_purge_is_given_and_not_kept() {
    let asking = Asking::new();
    let (go, gone) = tokio::sync::oneshot::channel::<()>();
    let at = asking.clock.moment();
    let make = async move {
        gone.await.unwrap();
        Ok(Begun {
            id: Uuid::nil(),
            link: Link {
                url: "late".into(),
                trace: None,
            },
            expires_at: after(at.now, LIFE),
        })
    };
    let key = Asking::key(1, "a", "v");
    let flight = asking.attempts.link(key, at, make).await.unwrap();
    let v = VerificationId::parse("v").unwrap();
    asking.attempts.purge(&[&v].into()).await;
    go.send(()).unwrap();
    assert_eq!(&*flight.result().await.unwrap().unwrap().link.url, "late");
    assert!(asking.attempts.current(&[1; 32]).await.is_none());
}
