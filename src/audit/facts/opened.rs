//! The facts of a decision as they were, for any policy to judge.

use crate::policy::{Evidence, Facts, Finding, Policy, Request, Timestamp};

/// The facts of a decision.
#[derive(Debug)]
pub struct OpenedFacts {
    pub(super) request: Request,
    pub(super) evidence: Evidence,
    pub(super) at: Timestamp,
    /// The other instant, where the clocks were apart.
    pub vendor_at: Option<Timestamp>,
}

impl OpenedFacts {
    /// What a policy judges.
    pub fn facts(&self) -> Facts<'_> {
        Facts {
            request: &self.request,
            evidence: &self.evidence,
            now: self.at,
        }
    }

    /// Whether the evidence has not kept what this policy reads of it.
    pub fn lack(&self, policy: &Policy) -> bool {
        match &self.evidence.finding {
            Finding::Present(verification) => {
                verification.is_about(&self.request.verification)
                    && !policy.can_judge(&self.evidence)
            }
            Finding::Absent | Finding::Unusable(_) | Finding::Unknown => false,
        }
    }
}
