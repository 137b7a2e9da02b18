//! How old a copy of evidence may be before the upstream is asked again: for as long as the policy says, or only for seconds where it
//! may change at any moment. A person that has just verified is not denied for minutes because the state before was cached.

use std::time::Duration;

use super::{evidence::Finding, set::Policy};

/// How long evidence counts as fresh that may change at any moment: that there is no such verification, that it is unfinished, or, for
/// a policy, that its status is not accepted.
pub const UNSETTLED_FOR: Duration = Duration::from_secs(4);

/// The status of a verification that the person has not finished.
const PENDING: &str = "PENDING";

impl Finding {
    /// Whether it may change at any moment, whatever a policy accepts: there is no such verification, or it is unfinished.
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
