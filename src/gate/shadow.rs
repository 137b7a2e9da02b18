//! Judges the shadow policies beside those in force: on the same facts, without asking anybody. The outcome is recorded and decides nothing.

use crate::{
    policy::{Facts, PolicySet, Timestamp},
    ruling::{Shadow, ShadowOutcome},
};

/// What the shadow policies say of these facts; `other` is the instant of the vendor's clock, if it and ours are apart.
pub(super) fn judge(set: &PolicySet, facts: &Facts<'_>, other: Option<Timestamp>) -> Shadow {
    let outcome = match set.find(&facts.request.policy) {
        None => ShadowOutcome::Absent,
        Some(policy) if !policy.can_judge(facts.evidence) => ShadowOutcome::Unknown,
        Some(policy) => ShadowOutcome::Decided(policy.assess(facts, other)),
    };
    Shadow {
        revision: set.revision(),
        outcome,
    }
}
