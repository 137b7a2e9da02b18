//! What a person is sent to do for an ALLOW.

use crate::policy::{Decision, NewSession, Remedy};

/// What a person is sent to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RemedyKind<'d> {
    /// Authenticate again, which is enough.
    Authenticate(&'d NewSession),
    /// Verify again, before anything else: it takes longer than an authentication may last.
    Verify,
    /// Nothing that a browser can be sent to.
    Other,
}

impl<'d> RemedyKind<'d> {
    /// What helps for this decision: an authentication alone if there is a set of remedies that is no more than that; otherwise to verify again,
    /// if some set needs no wait for it.
    pub(super) fn of(decision: &'d Decision) -> Self {
        let sets = decision.alternatives();
        if let Some(session) = authentication_alone(decision) {
            return Self::Authenticate(session);
        }
        let verifies =
            |remedy: &Remedy| matches!(remedy, Remedy::Reverify { .. } | Remedy::GrantScopes(_));
        let waits = |remedy: &Remedy| matches!(remedy, Remedy::Wait(_));
        let is_way = |set: &Vec<Remedy>| set.iter().any(verifies) && !set.iter().any(waits);
        if sets.iter().any(is_way) {
            Self::Verify
        } else {
            Self::Other
        }
    }
}

/// Whether verifying again, and not an authentication alone, leads to ALLOW without waiting.
pub fn verifying_helps(decision: &Decision) -> bool {
    RemedyKind::of(decision) == RemedyKind::Verify
}

/// The session in which a person must authenticate, if that alone leads to ALLOW.
pub fn authentication_alone(decision: &Decision) -> Option<&NewSession> {
    let mut sets = decision.alternatives().iter();
    sets.find_map(|set| match set.as_slice() {
        [Remedy::Authenticate(session)] => Some(session),
        _ => None,
    })
}
