//! Who knows about verifications, or knows someone who does. Sources stack: memory in front of the upstream.

mod quota;
mod recent;

use std::{fmt::Debug, net::IpAddr, sync::Arc, time::Duration};

use async_trait::async_trait;

pub use self::{
    quota::Quotas,
    recent::{Limits, Recent, Spawn},
};
use crate::{
    clock::Moment,
    policy::{Evidence, Finding, Origin, Timestamp, VerificationId},
};

/// Knows about verifications.
#[async_trait]
pub trait Source: Debug + Send + Sync + 'static {
    /// What is known about this verification. Never fails: an upstream that cannot be asked is a finding.
    async fn look_up(&self, id: &VerificationId, freshness: Freshness) -> Known;

    /// Forgets it, by whichever of its names, so that the next look-up asks again. A fetch that is under way is not
    /// remembered either.
    async fn forget(&self, _id: &VerificationId) {}
}

/// What is known, and where it came from.
#[derive(Debug, Clone)]
pub struct Known {
    /// What is known. Shared, because many checks rest on one answer.
    pub evidence: Arc<Evidence>,
    /// Where it came from, for this check.
    pub origin: Origin,
    /// What finding it out took; nothing where it was remembered.
    pub took: Took,
    /// The earliest instant that it may be judged at: by what has passed since it was seen, whatever the clock says now.
    pub not_before: Timestamp,
}

impl Known {
    /// Whether the upstream was asked for it, answered or not.
    pub fn was_asked(&self) -> bool {
        match self.evidence.finding {
            Finding::Unknown(outage) => outage.was_asked(),
            _ => true,
        }
    }

    /// Whether the upstream could not be asked, so that this is old or nothing.
    pub fn degraded(&self) -> bool {
        self.origin == Origin::Stale || matches!(self.evidence.finding, Finding::Unknown(_))
    }
}

/// What a fetch took, by what it was spent on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Took {
    /// Waiting for its turn.
    pub queue: Duration,
    /// Getting a token.
    pub token: Duration,
    /// Asking, and reading the answer.
    pub fetch: Duration,
}

/// How good evidence must be, how long to wait for it, and who wants it.
#[derive(Debug, Clone, Copy)]
pub struct Freshness {
    /// The moment that ages are counted to.
    pub at: Moment,
    /// How old evidence may be before the upstream is asked again.
    pub fresh_for: Duration,
    /// How much older it may be when the upstream cannot be asked.
    pub stale_for: Duration,
    /// How long the caller can wait.
    pub patience: Duration,
    /// On whose behalf: each caller has a quota of fetches.
    pub asker: Asker,
    /// Whether asking for this one failed the last time: another failure says nothing about the upstream.
    pub suspect: bool,
}

/// On whose behalf the upstream is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Asker {
    /// A caller, known by the address that it calls from.
    Caller(IpAddr),
    /// The service itself, ahead of callers. Whoever lets it do so sees to the bound.
    Ourselves,
}
