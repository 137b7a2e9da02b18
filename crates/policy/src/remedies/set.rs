//! A set of actions: a plan, and waiting.

use super::{kinds::Kinds, parts::has_parts, plan::Plan, work::Work};
use crate::{remedy::Remedy, time::Timestamp};

/// How many sets are listed.
pub(super) const ALTERNATIVES_MAX: usize = 8;

/// A plan, and the instant to wait for before it.
#[derive(Debug, Clone)]
pub(super) struct Set<'p> {
    pub(super) plan: Plan<'p>,
    pub(super) wait: Option<Timestamp>,
}

impl Set<'_> {
    pub(super) fn kinds(&self) -> Kinds {
        let wait = self.wait.map_or(Kinds::NONE, |_| Kinds::WAIT);
        self.plan.kinds().and(wait)
    }

    /// Whether no action of this set is stricter than that of the other; or only ages are shorter, and it has fewer kinds, or something
    /// may be left out of the other for it.
    pub(super) fn makes_superfluous(&self, other: &Self, work: &Work) -> bool {
        let has_less =
            || self.kinds() != other.kinds() || has_parts(&other.plan, [&self.plan], work);
        self.wait <= other.wait
            && self.plan.asks_no_more(&other.plan)
            && (self.plan.permits_ages_of(&other.plan) || has_less())
    }

    /// Waiting comes first, because an action that is done before it may be too old by then.
    pub(super) fn into_remedies(self) -> Vec<Remedy> {
        let wait = self.wait.map(Remedy::Wait).into_iter();
        wait.chain(self.plan.into_remedies()).collect()
    }
}
