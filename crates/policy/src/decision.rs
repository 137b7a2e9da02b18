//! The answer: what to do, why, until when that holds. Only [`Policy::decide`](super::Policy::decide) makes one.

use std::time::Duration;

use super::{
    effect::{Change, Effect},
    reason::Reason,
    remedy::Remedy,
    time::{Timestamp, between},
};

/// An answer that cannot be made outside the policy core.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    pub(super) effect: Effect,
    pub(super) reasons: Vec<Reason>,
    pub(super) next_change: Option<Change>,
    pub(super) decided_at: Timestamp,
    pub(super) valid_until: Option<Timestamp>,
    pub(super) remedies: Vec<Remedy>,
}

impl Decision {
    /// What to do.
    pub fn effect(&self) -> Effect {
        self.effect
    }

    /// One for each unmet rule, strictest first, then in the order of the policy.
    pub fn reasons(&self) -> &[Reason] {
        &self.reasons
    }

    /// The first change that time alone brings, at most ten years on.
    pub fn next_change(&self) -> Option<Change> {
        self.next_change
    }

    /// The instant that it was made for.
    pub fn decided_at(&self) -> Timestamp {
        self.decided_at
    }

    /// A smallest set of things that would make it ALLOW; empty if it is, or if nothing would.
    pub fn remedies(&self) -> &[Remedy] {
        &self.remedies
    }

    /// Until when the answer may be reused; never, if nothing.
    pub fn valid_until(&self) -> Option<Timestamp> {
        self.valid_until
    }

    /// The same, counted from the instant of the decision.
    pub fn valid_for(&self) -> Option<Duration> {
        self.valid_until
            .map(|until| between(self.decided_at, until))
    }
}
