//! Removes the step-ups about verifications whose evidence was purged: those that are pending, those that have ended, and links that were made.

use std::collections::BTreeSet;

use tokio::task::yield_now;

use super::StepUps;
use crate::policy::VerificationId;

/// Attempts that are looked at before other tasks have their turn.
const AT_ONCE: usize = 256;

impl StepUps {
    /// Removes all about these verifications; how many step-ups that were. One whose link is being made is not kept either: its caller gets the
    /// link, and nothing is known of it here.
    pub async fn purge(&self, verifications: &[VerificationId]) -> usize {
        let whose: BTreeSet<&VerificationId> = verifications.iter().collect();
        let at = self.0.clock.moment();
        let gone = self.0.register.purge(&whose, at).await;
        let mut keys = Vec::new();
        for (count, (key, attempt)) in (1..).zip(&self.0.attempts) {
            if attempt.is_about(&whose) {
                keys.push(key);
            }
            if count % AT_ONCE == 0 {
                yield_now().await;
            }
        }
        for key in keys {
            self.0.attempts.invalidate(&*key).await;
        }
        self.0.attempts.run_pending_tasks().await;
        if gone > 0 {
            // Browsers that wait for one of them are notified.
            self.0.changes.send_replace(());
        }
        gone
    }
}

#[cfg(test)]
mod tests {
    use std::{io, sync::Arc, time::Duration};

    use async_trait::async_trait;
    use uuid::Uuid;

    use super::*;
    use crate::{
        callers::CallerId,
        clock::ManualClock,
        deps::Deps,
        flight::Flight,
        journal,
        live::Live,
        policy::{PolicyName, PolicySet, from_millis},
        provenance::Outage,
        rate_limit::Rate,
        refusals::Refusals,
        step_up::{
            Begun, Config, Link, Links, StepUp, StepUpRequest, StepUpState, attempt::Attempt,
        },
    };

    #[derive(Debug)]
    struct NoLinks;

    #[async_trait]
    impl Links for NoLinks {
        async fn create(&self, _: Uuid, _: &StepUpRequest, _: CallerId) -> Result<Link, Outage> {
            Err(Outage::Failed)
        }
    }

    fn step_ups(deps: &Deps) -> StepUps {
        let config = Config {
            redirects: [].into(),
            link_life: Duration::from_mins(15),
            links: Rate {
                per_second: 1,
                burst: 1,
            },
            follow_successors: false,
            page: None,
        };
        let limits = journal::QueueLimits::default();
        let journal = journal::start(Box::new(io::sink()), limits, deps).unwrap();
        let refusals = Refusals::new(journal.journal, deps).unwrap();
        let live = Arc::new(Live::new(PolicySet::new([].into())));
        let second = Duration::from_secs(1);
        StepUps::new(Arc::new(NoLinks), live, config, second, refusals, deps).unwrap()
    }

    fn verification(name: &str) -> VerificationId {
        VerificationId::parse(name).unwrap()
    }

    #[tokio::test]
    async fn browsers_that_wait_are_notified_of_a_purge_that_concerns_a_step_up() {
        let deps = Deps::new(Arc::new(ManualClock::at(from_millis(0))));
        let step_ups = step_ups(&deps);
        let at = deps.clock.moment();
        let step_up = StepUp {
            id: at.uuid(),
            verification: verification("v-1"),
            trace: None,
            policy: PolicyName::parse("p").unwrap(),
            expires_at: at.now,
            state: StepUpState::Pending,
        };
        step_ups.0.register.insert(step_up, at).await;
        let changes = step_ups.changes();
        assert_eq!(step_ups.purge(&[verification("v-2")]).await, 0);
        assert!(!changes.has_changed().unwrap());
        assert_eq!(step_ups.purge(&[verification("v-1")]).await, 1);
        assert!(changes.has_changed().unwrap());
    }

    #[tokio::test]
    async fn a_link_leaves_by_the_verification_that_it_is_about_and_by_the_one_to_come() {
        let deps = Deps::new(Arc::new(ManualClock::at(from_millis(0))));
        let step_ups = step_ups(&deps);
        let at = deps.clock.moment();
        let key = |n: u8| (CallerId::Internal, n.to_string().into_boxed_str());
        for (n, of, trace) in [(1, "v-1", "t-1"), (2, "v-2", "v-1"), (3, "v-3", "t-3")] {
            let begun = Begun {
                id: at.uuid(),
                link: Link {
                    url: "https://id.example/".into(),
                    trace: Some(verification(trace)),
                },
                expires_at: at.now,
            };
            let flight = Flight::start(&deps.spawn, async { Ok(begun) });
            flight.clone().result().await.unwrap().unwrap();
            let attempt = Attempt {
                since: at,
                digest: [0; 32],
                verification: verification(of),
                flight,
            };
            step_ups.0.attempts.insert(key(n), attempt).await;
        }
        step_ups.purge(&[verification("v-1")]).await;
        let is_kept = |n| step_ups.0.attempts.contains_key(&key(n));
        assert_eq!([1, 2, 3].map(is_kept), [false, false, true]);
    }
}
