//! Who knows about verifications, or knows someone who does. Sources stack: memory in front of the upstream.

mod recent;

use std::{fmt::Debug, sync::Arc, time::Duration};

use async_trait::async_trait;

pub use self::recent::Recent;
use crate::policy::{Evidence, Finding, Origin, Timestamp, VerificationId};

/// Knows about verifications.
#[async_trait]
pub trait Source: Debug + Send + Sync + 'static {
    /// What is known about this verification. Never fails: an upstream that cannot be asked is a finding.
    async fn look_up(&self, id: &VerificationId, freshness: Freshness) -> Known;

    /// Forgets it, so that the next look-up asks again. A fetch that is under way is not remembered either.
    async fn forget(&self, _id: &VerificationId) {}
}

/// What is known, and where it came from.
#[derive(Debug, Clone)]
pub struct Known {
    /// What is known. Shared, because many checks rest on one answer.
    pub evidence: Arc<Evidence>,
    /// Where it came from, for this check.
    pub origin: Origin,
}

impl Known {
    /// Whether the upstream could not be asked, so that this is old or nothing.
    pub fn degraded(&self) -> bool {
        self.origin == Origin::Stale || matches!(self.evidence.finding, Finding::Unknown(_))
    }
}

/// How good evidence must be, and how long to wait for it.
#[derive(Debug, Clone, Copy)]
pub struct Freshness {
    /// The instant that ages are counted to.
    pub now: Timestamp,
    /// How old evidence may be before the upstream is asked again.
    pub fresh_for: Duration,
    /// How much older it may be when the upstream cannot be asked.
    pub stale_for: Duration,
    /// How long the caller can wait.
    pub patience: Duration,
}
