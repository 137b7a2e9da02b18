//! The answer: what to do, why, and until when. Only [`Policy::decide`](crate::Policy::decide) makes one.

use std::time::Duration;

use super::{
    effect::{Change, Effect},
    reason::Reason,
    remedy::Remedy,
    time::{Timestamp, between},
};

/// The answer to a request. No code outside this crate can make one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    pub(super) effect: Effect,
    pub(super) reasons: Vec<Reason>,
    pub(super) next_change: Option<Change>,
    pub(super) decided_at: Timestamp,
    pub(super) valid_until: Option<Timestamp>,
    pub(super) alternatives: Vec<Vec<Remedy>>,
}

impl Decision {
    /// The decision as of this instant, with nothing in it that depends on the time being right. The remedies of a set count
    /// together, so that the sets with a wait are left out.
    pub(super) fn without_promises(mut self, decided_at: Timestamp) -> Self {
        let waits = |set: &Vec<Remedy>| set.iter().any(|r| matches!(r, Remedy::Wait(_)));
        self.alternatives.retain(|set| !waits(set));
        Self {
            next_change: None,
            valid_until: None,
            decided_at,
            ..self
        }
    }

    /// What to do.
    pub fn effect(&self) -> Effect {
        self.effect
    }

    /// One for each unmet rule: strictest first, then in the order of the policy. Empty if the effect is [`Effect::Allow`].
    pub fn reasons(&self) -> &[Reason] {
        &self.reasons
    }

    /// The first change that time alone brings, within ten years.
    pub fn next_change(&self) -> Option<Change> {
        self.next_change
    }

    /// The instant for which it was made.
    pub fn decided_at(&self) -> Timestamp {
        self.decided_at
    }

    /// The first of the alternatives: actions that lead to ALLOW if all are done; empty if it is ALLOW, or if no action helps.
    pub fn remedies(&self) -> &[Remedy] {
        self.alternatives.first().map_or(&[], Vec::as_slice)
    }

    /// Every set of actions that suffices and of which no part does, at most 8, the preferred one first; none if it is ALLOW, or if no
    /// action helps. See `remedies.rs` for what suffices, and for the order.
    pub fn alternatives(&self) -> &[Vec<Remedy>] {
        &self.alternatives
    }

    /// Until when the answer may be reused; `None`: it must not be.
    pub fn valid_until(&self) -> Option<Timestamp> {
        self.valid_until
    }

    /// For how long the answer may be reused, from [`Decision::decided_at`] on.
    pub fn valid_for(&self) -> Option<Duration> {
        self.valid_until
            .map(|until| between(self.decided_at, until))
    }
}
