//! Removes the step-ups about some verifications from the register.

use std::{collections::BTreeSet, future::ready};

use moka::ops::compute::Op;
use tokio::task::yield_now;

use super::{Kept, Register, StepUp, StepUpState, names};
use crate::{clock::Moment, policy::VerificationId};

/// Step-ups that are looked at before other tasks have their turn.
const AT_ONCE: usize = 256;

impl Register {
    /// Removes all that is about these verifications, those to which step-ups have led included; how many step-ups that were.
    pub(in crate::step_up) async fn purge(
        &self,
        whose: &BTreeSet<&VerificationId>,
        at: Moment,
    ) -> usize {
        for id in whose {
            self.purged.insert(self.keys.of(id), at).await;
        }
        let mut found = Vec::new();
        for (count, (_, kept)) in (1..).zip(&self.kept) {
            if is_about(&kept.step_up, whose) {
                found.push(kept.step_up);
            }
            if count % AT_ONCE == 0 {
                yield_now().await;
            }
        }
        for step_up in &found {
            self.remove(step_up).await;
        }
        for id in whose {
            self.latest.invalidate(&self.keys.of(id)).await;
        }
        self.successors.purge(whose).await;
        self.kept.run_pending_tasks().await;
        self.latest.run_pending_tasks().await;
        found.len()
    }

    /// Whether a verification of a step-up was purged since that began.
    pub(super) async fn was_purged(&self, kept: &Kept) -> bool {
        for id in ids(&kept.step_up) {
            let purged = self.purged.get(&self.keys.of(id)).await;
            if purged.is_some_and(|at| kept.since.uptime <= at.uptime) {
                return true;
            }
        }
        false
    }

    pub(super) async fn remove(&self, step_up: &StepUp) {
        self.kept.invalidate(&step_up.id).await;
        for id in names(step_up) {
            // Another step-up may have begun since.
            let latest = self.latest.entry(self.keys.of(id));
            latest
                .and_compute_with(|latest| {
                    let is_this = latest.is_some_and(|latest| *latest.value() == step_up.id);
                    ready(if is_this { Op::Remove } else { Op::Nop })
                })
                .await;
        }
    }
}

/// The verifications that a step-up is about, or has led to.
fn ids(step_up: &StepUp) -> impl Iterator<Item = &VerificationId> {
    let successor = match &step_up.state {
        StepUpState::Succeeded { successor } => Some(successor),
        StepUpState::Pending | StepUpState::Failed => None,
    };
    names(step_up).chain(successor)
}

/// Whether a step-up is about one of these verifications, or has led to one.
fn is_about(step_up: &StepUp, whose: &BTreeSet<&VerificationId>) -> bool {
    ids(step_up).any(|id| whose.contains(id))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        clock::{Clock as _, ManualClock},
        policy::{PolicyName, from_millis},
    };

    fn verification(name: &str) -> VerificationId {
        VerificationId::parse(name).unwrap()
    }

    fn is_named(register: &Register, name: &str) -> bool {
        let key = register.keys.of(&verification(name));
        register.latest.contains_key(&key)
    }

    fn step_up(at: Moment, of: &str, trace: &str) -> StepUp {
        StepUp {
            id: at.uuid(),
            verification: verification(of),
            trace: Some(verification(trace)),
            policy: PolicyName::parse("p").unwrap(),
            expires_at: at.now,
            state: StepUpState::Pending,
        }
    }

    #[tokio::test]
    async fn nothing_is_left_of_a_purged_verification_and_all_of_the_others() {
        let clock = ManualClock::at(from_millis(0));
        let (register, at) = (Register::new(), clock.moment());
        let mut ids = Vec::new();
        for (of, trace) in [
            ("v-1", "t-1"),
            ("v-2", "v-1"),
            ("v-3", "t-3"),
            ("v-4", "t-4"),
        ] {
            let step_up = step_up(at, of, trace);
            ids.push(step_up.id);
            register.insert(step_up, at).await;
        }
        for (id, successor) in [(ids[2], "v-1"), (ids[3], "v-9")] {
            let successor = verification(successor);
            let state = StepUpState::Succeeded { successor };
            register.advance(id, state, at).await;
        }
        let v1 = verification("v-1");
        let whose = [&v1].into();
        assert_eq!(register.purge(&whose, at).await, 3);
        for (id, is_kept) in ids.iter().zip([false, false, false, true]) {
            assert_eq!(register.find(*id, at).await.is_some(), is_kept);
        }
        assert!(!is_named(&register, "v-1"));
        assert!(!is_named(&register, "t-1"));
        let successors = register.successors.of(&verification("v-4"), at).await;
        assert_eq!(successors, [verification("t-4")]);
        // One that began before the purge is not kept; one that begins later is.
        let late = step_up(at, "v-1", "t-5");
        register.insert(late.clone(), at).await;
        assert!(register.find(late.id, at).await.is_none());
        clock.advance(Duration::from_millis(1));
        let new = step_up(clock.moment(), "v-1", "t-6");
        register.insert(new.clone(), clock.moment()).await;
        assert!(register.find(new.id, clock.moment()).await.is_some());
    }

    #[tokio::test]
    async fn a_purged_successor_is_followed_by_nobody() {
        let at = ManualClock::at(from_millis(0)).moment();
        let register = Register::new();
        for trace in ["t-1", "t-2"] {
            let step_up = step_up(at, "old", trace);
            let id = step_up.id;
            register.insert(step_up, at).await;
            let successor = verification("v-9");
            let state = StepUpState::Succeeded { successor };
            register.advance(id, state, at).await;
        }
        let gone = verification("t-2");
        register.purge(&[&gone].into(), at).await;
        let left = register.successors.of(&verification("old"), at).await;
        assert_eq!(left, [verification("t-1")]);
        let old = verification("old");
        register.purge(&[&old].into(), at).await;
        assert_eq!(register.successors.of(&old, at).await, []);
    }

    #[tokio::test]
    async fn a_webhook_that_arrives_during_a_purge_leaves_no_successor() {
        // By the verification that did not suffice, the one to come, and the one that the webhook names.
        for purged in ["old", "t-1", "v-9"] {
            let at = ManualClock::at(from_millis(0)).moment();
            let register = Register::new();
            let step_up = step_up(at, "old", "t-1");
            let id = step_up.id;
            register.insert(step_up, at).await;
            let successor = verification("v-9");
            let state = StepUpState::Succeeded { successor };
            let advanced = register.change_state(id, state, at).await.unwrap();
            let purged = verification(purged);
            assert_eq!(register.purge(&[&purged].into(), at).await, 1);
            register.follow(&advanced, at).await;
            let left = register.successors.of(&verification("old"), at).await;
            assert_eq!(left, [], "{purged}");
        }
    }

    #[tokio::test]
    async fn a_purge_does_not_end_the_wait_for_a_later_step_up() {
        let clock = ManualClock::at(from_millis(0));
        let (register, at) = (Register::new(), clock.moment());
        let first = step_up(at, "v-3", "t-1");
        register.insert(first.clone(), at).await;
        let successor = verification("v-1");
        let state = StepUpState::Succeeded { successor };
        register.advance(first.id, state, at).await;
        let later = StepUp {
            expires_at: from_millis(1_000),
            ..step_up(at, "v-3", "t-2")
        };
        register.insert(later.clone(), at).await;
        let v1 = verification("v-1");
        assert_eq!(register.purge(&[&v1].into(), at).await, 1);
        assert!(register.find(first.id, at).await.is_none());
        assert!(register.find(later.id, at).await.is_some());
        assert!(register.awaits(&verification("v-3"), at).await);
        assert!(!is_named(&register, "t-1"));
    }

    #[tokio::test]
    async fn a_purge_removes_also_the_name_of_a_step_up_that_is_not_kept_any_more() {
        let at = ManualClock::at(from_millis(0)).moment();
        let register = Register::new();
        let step_up = step_up(at, "v-1", "t-1");
        register.insert(step_up.clone(), at).await;
        register.kept.invalidate(&step_up.id).await;
        let v1 = verification("v-1");
        assert_eq!(register.purge(&[&v1].into(), at).await, 0);
        assert!(!is_named(&register, "v-1"));
    }
}
