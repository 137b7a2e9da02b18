//! The max age of cached evidence: the `fresh_for` of the policy, or only seconds if the evidence may change at any moment. So a person
//! who has just verified is not denied for minutes because of a cached earlier state.

use std::time::Duration;

use super::{evidence::Finding, set::Policy};

/// The max age of evidence that may change at any moment: that there is no such verification, that it is unfinished, or that the policy
/// does not accept its status.
pub const UNSETTLED_FOR: Duration = Duration::from_secs(4);

/// The status of a verification that the person has not finished.
const PENDING: &str = "PENDING";

impl Finding {
    /// Whether it may change at any moment under every policy: there is no such verification, or it is unfinished.
    pub fn is_unsettled(&self) -> bool {
        match self {
            Self::Absent => true,
            Self::Present(verification) => verification.status.as_deref() == Some(PENDING),
            Self::Unusable(_) | Self::Unknown => false,
        }
    }
}

impl Policy {
    /// The max age of evidence with this finding.
    pub fn max_age(&self, finding: &Finding) -> Duration {
        let accepted = match finding {
            Finding::Present(verification) => self.accepts_status(verification.status.as_deref()),
            Finding::Absent | Finding::Unusable(_) | Finding::Unknown => true,
        };
        let fresh_for = self.evidence().fresh_for;
        if accepted && !finding.is_unsettled() {
            fresh_for
        } else {
            fresh_for.min(UNSETTLED_FOR)
        }
    }

    /// The age up to which evidence is served while the upstream cannot be asked.
    pub fn max_stale(&self) -> Duration {
        let terms = self.evidence();
        terms.fresh_for.saturating_add(terms.stale_for)
    }
}
