//! The register of step-ups and their outcomes. Bounded in number and in time.

mod purge;
mod successors;

use std::{future::ready, time::Duration};

use moka::{Entry, future::Cache, ops::compute::Op, policy::EvictionPolicy};
use uuid::Uuid;

use self::successors::Successors;
use crate::{
    clock::Moment,
    key_hash::KeyHasher,
    policy::{PolicyName, Timestamp, VerificationId},
};

/// Step-ups that are kept; the least recently used is dropped first.
const STEP_UPS_MAX: u64 = 10_000;
/// Ids of verifications that a step-up is found by.
const NAMES_EACH: u64 = 2;
/// Purged verifications that are kept while links are being made.
const PURGED_MAX: u64 = 16_384;
/// How long a step-up is kept: the vendor repeats an event for half an hour, and no caller waits for a day.
const KEPT_FOR: Duration = Duration::from_hours(24);
/// A step-up and its state.
#[derive(Debug, Clone)]
pub struct StepUp {
    /// Its id: a version 7 UUID.
    pub id: Uuid,
    /// The verification that did not suffice.
    pub verification: VerificationId,
    /// The verification that its link leads to, as the upstream named it when it created the link.
    pub trace: Option<VerificationId>,
    /// The policy that it did not satisfy.
    pub policy: PolicyName,
    /// Until when its link is considered valid.
    pub expires_at: Timestamp,
    /// Its state.
    pub state: StepUpState,
}

/// The state of a step-up, as webhooks report it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepUpState {
    /// No outcome yet.
    Pending,
    /// The person did not pass. They can still pass, by the same link.
    Failed,
    /// The person has verified again.
    Succeeded {
        /// The new verification.
        successor: VerificationId,
    },
}

impl StepUpState {
    /// The state's name in `/step-ups/{id}`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Failed => "failed",
            Self::Succeeded { .. } => "succeeded",
        }
    }

    /// Whether the person may still pass.
    pub(super) fn may_become_succeeded(&self) -> bool {
        match self {
            Self::Pending | Self::Failed => true,
            Self::Succeeded { .. } => false,
        }
    }

    /// Whether the state may change to `next`. Events arrive twice and in any order: a success is final, and the first one counts.
    fn may_become(&self, next: &Self) -> bool {
        match (self, next) {
            (Self::Pending, Self::Failed | Self::Succeeded { .. })
            | (Self::Failed, Self::Succeeded { .. }) => true,
            (Self::Succeeded { .. }, _) | (_, Self::Pending) | (Self::Failed, Self::Failed) => {
                false
            }
        }
    }
}

/// All step-ups that are kept.
#[derive(Debug)]
pub(super) struct Register {
    kept: Cache<Uuid, Kept>,
    /// The latest step-up about a verification: the one that did not suffice, or the one to come. By a hash.
    latest: Cache<u64, Uuid>,
    /// To which verifications the links about one have led, the latest first. By the trace ids that the upstream gave with the links,
    /// because anybody who has the secret of webhooks can name another verification in one.
    pub(super) successors: Successors,
    /// When verifications were purged, for the links that are being made about them, by a hash. Those that are dropped are older than any such
    /// link.
    purged: Cache<u64, Moment>,
    keys: KeyHasher,
}

#[derive(Debug, Clone)]
struct Kept {
    step_up: StepUp,
    since: Moment,
}

impl Kept {
    fn is_current(&self, at: Moment) -> bool {
        at.age_of(self.since).is_some_and(|age| age < KEPT_FOR)
    }
}

impl Register {
    pub(super) fn new() -> Self {
        // LRU, because the default policy may reject a new key: its link is about to be used.
        Self {
            kept: Cache::builder()
                .max_capacity(STEP_UPS_MAX)
                .eviction_policy(EvictionPolicy::lru())
                .build(),
            latest: Cache::builder()
                .max_capacity(STEP_UPS_MAX * NAMES_EACH)
                .eviction_policy(EvictionPolicy::lru())
                .build(),
            successors: Successors::new(STEP_UPS_MAX),
            purged: Cache::builder()
                .max_capacity(PURGED_MAX)
                .eviction_policy(EvictionPolicy::lru())
                .build(),
            keys: KeyHasher::default(),
        }
    }

    /// Adds a step-up that began at this moment, unless its verification was purged since.
    pub(super) async fn insert(&self, step_up: StepUp, since: Moment) {
        for id in names(&step_up) {
            self.latest.insert(self.keys.of(id), step_up.id).await;
        }
        let kept = Kept { step_up, since };
        self.kept.insert(kept.step_up.id, kept.clone()).await;
        // Looked for once it is there: a purge either finds it, or is found here.
        if self.was_purged(&kept).await {
            self.remove(&kept.step_up).await;
        }
    }

    /// Whether a step-up is under way whose result may show under this id: its link may be used, and the person has not passed yet.
    pub(super) async fn awaits(&self, id: &VerificationId, at: Moment) -> bool {
        let Some(step_up) = self.latest.get(&self.keys.of(id)).await else {
            return false;
        };
        let step_up = self.find(step_up, at).await;
        step_up.is_some_and(|step_up| {
            names(&step_up).any(|name| name == id)
                && at.now < step_up.expires_at
                && step_up.state.may_become_succeeded()
        })
    }

    /// The step-up with this id.
    pub(super) async fn find(&self, id: Uuid, at: Moment) -> Option<StepUp> {
        let kept = self.kept.get(&id).await.filter(|kept| kept.is_current(at));
        kept.map(|kept| kept.step_up)
    }

    /// Changes the state of a step-up; returns it if the state changed.
    pub(super) async fn advance(&self, id: Uuid, next: StepUpState, at: Moment) -> Option<StepUp> {
        let advanced = self.change_state(id, next, at).await?;
        self.follow(&advanced, at).await;
        Some(advanced.step_up)
    }

    async fn change_state(&self, id: Uuid, next: StepUpState, at: Moment) -> Option<Kept> {
        let mut advanced = None;
        let entry = self.kept.entry(id);
        entry
            .and_compute_with(|kept| {
                let kept = kept.map(Entry::into_value);
                let kept = kept.filter(|kept| kept.is_current(at));
                ready(match kept {
                    Some(mut kept) if kept.step_up.state.may_become(&next) => {
                        kept.step_up.state = next;
                        advanced = Some(kept.clone());
                        Op::Put(kept)
                    }
                    _ => Op::Nop,
                })
            })
            .await;
        advanced
    }

    /// Notes where a step-up that has succeeded leads, unless that was purged since it began.
    async fn follow(&self, kept: &Kept, at: Moment) {
        let step_up = &kept.step_up;
        let StepUpState::Succeeded { .. } = step_up.state else {
            return;
        };
        let Some(trace) = &step_up.trace else {
            return;
        };
        let (verification, successors) = (&step_up.verification, &self.successors);
        successors.succeed(verification, trace, at).await;
        // Looked for once it is there: a purge either finds it, or is found here.
        if self.was_purged(kept).await {
            successors.remove(verification, trace).await;
        }
    }
}

/// The verifications that a step-up is found by.
fn names(step_up: &StepUp) -> impl Iterator<Item = &VerificationId> {
    step_up.trace.iter().chain([&step_up.verification])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::{Clock as _, ManualClock},
        policy::from_millis,
    };

    fn verification(name: &str) -> VerificationId {
        VerificationId::parse(name).unwrap()
    }

    fn succeeded(successor: &str) -> StepUpState {
        StepUpState::Succeeded {
            successor: verification(successor),
        }
    }

    async fn entered(at: Moment) -> (Register, Uuid) {
        let (register, id) = (Register::new(), at.uuid());
        let step_up = StepUp {
            id,
            verification: verification("v-1"),
            trace: Some(verification("trace-1")),
            policy: PolicyName::parse("p").unwrap(),
            expires_at: at.now,
            state: StepUpState::Pending,
        };
        register.insert(step_up, at).await;
        (register, id)
    }

    /// What a step-up is after these events, in this order; and how many of them counted.
    async fn after(events: &[StepUpState]) -> (StepUpState, usize) {
        let at = ManualClock::at(from_millis(0)).moment();
        let (register, id) = entered(at).await;
        let mut counted = 0;
        for event in events {
            let advanced = register.advance(id, event.clone(), at).await;
            counted += usize::from(advanced.is_some());
        }
        (register.find(id, at).await.unwrap().state, counted)
    }

    #[tokio::test]
    async fn a_success_is_final_whatever_comes_twice_or_late() {
        let failed = StepUpState::Failed;
        let (one, other) = (succeeded("v-2"), succeeded("v-3"));
        let cases: [(&[&StepUpState], &StepUpState, usize); 7] = [
            (&[], &StepUpState::Pending, 0),
            (&[&failed], &failed, 1),
            (&[&failed, &failed], &failed, 1),
            (&[&one, &one], &one, 1),
            (&[&one, &failed], &one, 1),
            (&[&failed, &one, &failed], &one, 2),
            (&[&one, &other, &failed, &other], &one, 1),
        ];
        for (events, state, counted) in cases {
            let events: Vec<StepUpState> = events.iter().copied().cloned().collect();
            assert_eq!(after(&events).await, (state.clone(), counted), "{events:?}");
        }
    }

    #[tokio::test]
    async fn a_step_up_is_known_for_a_day() {
        let clock = ManualClock::at(from_millis(0));
        let (register, id) = entered(clock.moment()).await;
        clock.advance(Duration::from_millis(86_399_999));
        assert!(register.find(id, clock.moment()).await.is_some());
        clock.advance(Duration::from_millis(1));
        assert!(register.find(id, clock.moment()).await.is_none());
        let late = register
            .advance(id, StepUpState::Failed, clock.moment())
            .await;
        assert!(late.is_none());
    }

    #[tokio::test]
    async fn a_success_leads_to_the_verification_of_the_link_and_not_to_the_one_that_a_webhook_names()
     {
        let clock = ManualClock::at(from_millis(0));
        let old = verification("v-1");
        let (register, id) = entered(clock.moment()).await;
        let successors = async || register.successors.of(&old, clock.moment()).await;
        register
            .advance(id, StepUpState::Failed, clock.moment())
            .await;
        assert_eq!(successors().await, []);
        register.advance(id, succeeded("v-9"), clock.moment()).await;
        assert_eq!(successors().await, [verification("trace-1")]);
        // Later ones come first.
        for n in 2..6 {
            let mut next = register.find(id, clock.moment()).await.unwrap();
            next.id = clock.moment().uuid();
            next.trace = (n != 4).then(|| verification(&format!("trace-{n}")));
            next.state = StepUpState::Pending;
            let next_id = next.id;
            register.insert(next, clock.moment()).await;
            register
                .advance(next_id, succeeded("v-9"), clock.moment())
                .await;
        }
        let latest = ["trace-5", "trace-3", "trace-2", "trace-1"].map(verification);
        assert_eq!(successors().await, latest);
        clock.advance(Duration::from_hours(30 * 24));
        assert_eq!(successors().await, []);
    }

    #[tokio::test]
    async fn the_register_stays_within_its_bound() {
        let at = ManualClock::at(from_millis(0)).moment();
        let (register, first) = entered(at).await;
        let template = register.find(first, at).await.unwrap();
        for _ in 0..STEP_UPS_MAX * 2 {
            let id = at.uuid();
            let step_up = StepUp {
                id,
                ..template.clone()
            };
            register.insert(step_up, at).await;
        }
        register.kept.run_pending_tasks().await;
        assert!(register.kept.entry_count() <= STEP_UPS_MAX);
        assert!(register.find(first, at).await.is_none());
    }

    /// As where two verifications have the same hash.
    #[tokio::test]
    async fn a_step_up_about_another_verification_is_not_waited_for() {
        let clock = ManualClock::at(from_millis(0));
        let (register, id) = entered(clock.moment()).await;
        let mut step_up = register.find(id, clock.moment()).await.unwrap();
        step_up.expires_at = from_millis(1_000);
        register.insert(step_up, clock.moment()).await;
        let other = register.keys.of(&verification("other"));
        register.latest.insert(other, id).await;
        for (name, is_awaited) in [("v-1", true), ("trace-1", true), ("other", false)] {
            let id = verification(name);
            let awaits = register.awaits(&id, clock.moment()).await;
            assert_eq!(awaits, is_awaited, "{name}");
        }
    }
}
