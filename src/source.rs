//! Where evidence about verifications comes from. Sources are stacked: the [`EvidenceCache`] in front of the upstream.

mod evidence_cache;
mod alias_index;
mod config;
mod metrics;

use std::{fmt::Debug, sync::Arc, time::Duration};

use async_trait::async_trait;

pub use self::{config::Config, evidence_cache::EvidenceCache, metrics::FetchOutcome};
use crate::{
    callers::{CallerId, OverQuotaError},
    clock::Moment,
    policy::{DataKinds, Evidence, Finding, Identity, Timestamp, VerificationId, between},
    provenance::{Origin, Outage, Timings},
    signatures::HandedOn,
};

/// Obtains evidence about verifications.
#[async_trait]
pub trait Source: Debug + Send + Sync + 'static {
    /// Looks a verification up. An upstream that cannot be asked is not an error but a finding; the only error is a caller that
    /// has used its quota.
    async fn look_up(
        &self,
        id: &VerificationId,
        request: LookupRequest,
    ) -> Result<Known, OverQuotaError>;

    /// The same, where a browser has brought the id of a later verification. A source that follows none looks at the one that was asked for.
    async fn look_up_handed_on(
        &self,
        id: &VerificationId,
        request: LookupRequest,
        _handed_on: &HandedOn,
    ) -> Result<Known, OverQuotaError> {
        self.look_up(id, request).await
    }

    /// What [`Self::look_up`] answers from memory; `None` where it would have to wait, or where this source has no memory.
    fn look_up_now(&self, _id: &VerificationId, _request: &LookupRequest) -> Option<Known> {
        None
    }

    /// Declares the evidence about a verification unusable, by any of its identifiers, so that the next lookup asks again. The
    /// result of a fetch that is in flight is not kept either.
    async fn invalidate(&self, _id: &VerificationId, _invalidation: Invalidation) {}

    /// Removes what is kept of a verification or of a person, under every identifier. The result of a fetch that is in flight is not
    /// kept either; those who wait for it get it all the same. A lookup that comes later causes a new fetch.
    async fn purge(&self, _whose: &PurgeTarget) -> Purged {
        Purged::default()
    }

    /// Declares that what is known of a verification may have changed, but is to be asked for later. Until then it is used as in an
    /// outage: degraded, and for no longer than 10 s.
    async fn doubt(&self, _id: &VerificationId) {}

    /// The identifier under which a verification is known or being fetched, given any of its identifiers. `None` if it is not:
    /// then nobody is asked again because of an invalidation.
    async fn in_use_as(&self, _id: &VerificationId) -> Option<VerificationId> {
        None
    }
}

/// Why evidence is declared unusable. The later one is the stricter one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Invalidation {
    /// It may have changed. Where asking again fails or is rejected, it still counts for some seconds, as in an outage.
    Changed,
    /// It does not hold any more, or may not. It is not used again.
    Revoked,
}

/// Whose evidence is to be removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PurgeTarget {
    /// That of this verification, by any of its identifiers.
    Verification(VerificationId),
    /// That of all verifications that are known to be about this person.
    Identity(Identity),
}

/// What was removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Purged {
    /// Entries with evidence.
    pub evidence: usize,
    /// Other identifiers by which they were found.
    pub aliases: usize,
    /// Entries that stay, and of which nobody knows whose they are, because no policy reads identities.
    pub unidentified: usize,
    /// The identifiers under which it was looked for.
    pub verifications: Vec<VerificationId>,
}

impl Purged {
    /// This, and what another source has removed.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.evidence = self.evidence.saturating_add(other.evidence);
        self.aliases = self.aliases.saturating_add(other.aliases);
        self.unidentified = self.unidentified.saturating_add(other.unidentified);
        self.verifications.extend(other.verifications);
        self.verifications.sort_unstable();
        self.verifications.dedup();
        self
    }
}

/// What a lookup requires of the evidence, how long it may take, and for whom it is made.
#[derive(Debug, Clone)]
pub struct LookupRequest {
    /// The moment that ages are measured to.
    pub at: Moment,
    /// Evidence younger than this is used without asking the upstream (RFC 9111).
    pub max_age: Duration,
    /// Evidence younger than this is used if the upstream cannot be asked (RFC 5861, stale-if-error). At least `max_age`.
    pub max_stale: Duration,
    /// Which of a person's data the evidence must have kept. Evidence that has not is used no more than none.
    pub reads: DataKinds,
    /// How long to wait for a fetch.
    pub wait: Wait,
    /// Who asks. A fetch is charged to its quota.
    pub caller: CallerId,
    /// In which order fetches are made where not all can be at once. The cache sets it.
    pub priority: Priority,
    /// Whether the last fetch of this verification failed: another failure says little about the upstream's health.
    pub failed_before: bool,
}

/// In which order fetches are made where not all can be at once: the first is served first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Of a verification that is known: its evidence became old, or was invalidated.
    Revalidation,
    /// Of one that is not known.
    Cold,
    /// The same, for a caller whose last lookups were mostly of verifications that do not exist.
    Guessing,
}

/// How long a lookup waits for a fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// It starts the fetch and does not wait for it.
    No,
    /// At most this long.
    AtMost(Duration),
}

impl Wait {
    /// The longest wait.
    pub fn max(self) -> Duration {
        match self {
            Self::No => Duration::ZERO,
            Self::AtMost(wait) => wait,
        }
    }
}

/// What is known about a verification, and how that was obtained.
#[derive(Debug, Clone)]
pub struct Known {
    /// What is known. Shared, because many checks use one response.
    pub evidence: Arc<Evidence>,
    /// Where it came from, for this check.
    pub origin: Origin,
    /// Why the upstream could not be asked, where it could not.
    pub outage: Option<Outage>,
    /// How long obtaining it took; zero where it was cached.
    pub timings: Timings,
    /// The earliest instant that the evidence may be judged at: when it was seen plus the time that has passed since, whatever
    /// the wall clock says now.
    pub not_before: Timestamp,
    /// Whether the evidence is that of a later verification of the same person.
    pub succession: Succession,
}

/// Whether evidence is that of a later verification of the same person, in place of the one that was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Succession {
    /// It is that of the verification that was asked for.
    #[default]
    None,
    /// The same, because the later one is still being asked for.
    Pending,
    /// It is that of this later verification.
    By(VerificationId),
}

impl Succession {
    /// The later verification whose evidence it is.
    pub fn successor(&self) -> Option<&VerificationId> {
        match self {
            Self::None | Self::Pending => None,
            Self::By(successor) => Some(successor),
        }
    }
}

impl Known {
    /// No evidence, because of this outage.
    pub fn nothing(outage: Outage, at: Timestamp, timings: Timings) -> Self {
        Self {
            evidence: Arc::new(Evidence {
                finding: Finding::Unknown,
                seen_at: at,
            }),
            origin: Origin::None,
            outage: Some(outage),
            timings,
            not_before: at,
            succession: Succession::None,
        }
    }

    /// How old the evidence was when it was obtained. Zero for what the upstream itself has just said; more where it comes from a cache,
    /// this one or an HTTP cache on the way.
    pub fn age(&self) -> Duration {
        between(self.evidence.seen_at, self.not_before)
    }

    /// Whether the upstream was asked for it, successfully or not.
    pub fn was_asked(&self) -> bool {
        let answered = !matches!(self.evidence.finding, Finding::Unknown);
        self.outage.map_or(answered, Outage::was_asked)
    }

    /// Whether the upstream is still being asked for what counts: nothing is known, or not of a later verification.
    pub fn is_pending(&self) -> bool {
        let is_unknown = matches!(self.evidence.finding, Finding::Unknown);
        let is_unfinished = is_unknown && self.outage == Some(Outage::Unfinished);
        is_unfinished || self.succession == Succession::Pending
    }

    /// Whether the upstream could not be asked, so that the evidence is stale or missing.
    pub fn degraded(&self) -> bool {
        self.outage.is_some() || matches!(self.evidence.finding, Finding::Unknown)
    }
}
