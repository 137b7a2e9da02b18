//! What the upstream said, and when.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use crate::{
    clock::Moment,
    policy::{DataKinds, Evidence, Finding, Timestamp, UNSETTLED_FOR, after},
    provenance::{Origin, Outage, Timings},
    source::{Known, Succession},
};

/// The precision of an `Age`.
const AGE_PRECISION: Duration = Duration::from_secs(1);

/// What the upstream said.
#[derive(Debug)]
pub(super) struct Cached {
    pub(super) evidence: Arc<Evidence>,
    /// When its fetch started, as an uptime: no later than the upstream said so.
    since: Duration,
    /// How often it was used. One that is counted while the entry is being replaced may be lost: then a later one refreshes the evidence.
    uses: AtomicU32,
}

impl Cached {
    pub(super) fn new(evidence: Arc<Evidence>, since: Moment) -> Self {
        Self {
            since: since.uptime,
            evidence,
            uses: AtomicU32::new(0),
        }
    }

    /// The same with other evidence from the same fetch.
    pub(super) fn with(&self, evidence: Evidence) -> Self {
        Self {
            evidence: Arc::new(evidence),
            ..self.clone()
        }
    }

    /// When its fetch started.
    fn since(&self) -> Moment {
        Moment {
            now: self.evidence.seen_at,
            uptime: self.since,
        }
    }

    /// Counts a use; returns how many there were.
    pub(super) fn count_use(&self) -> u32 {
        let uses = self.uses.load(Ordering::Relaxed).saturating_add(1);
        self.uses.store(uses, Ordering::Relaxed);
        uses
    }

    /// Its max age, whatever a policy accepts.
    pub(super) fn ttl(&self) -> Duration {
        if self.evidence.finding.is_unsettled() {
            UNSETTLED_FOR
        } else {
            Duration::MAX
        }
    }

    pub(super) fn is_verification(&self) -> bool {
        matches!(self.evidence.finding, Finding::Present(_))
    }

    /// Whether it has kept these data. What it has not is unknown, and not missing.
    pub(super) fn has_kept(&self, reads: DataKinds) -> bool {
        match &self.evidence.finding {
            Finding::Present(verification) => verification.kept.include(reads),
            Finding::Absent | Finding::Unusable(_) | Finding::Unknown => true,
        }
    }

    /// Whether it is certainly from before this evidence: an `Age` has whole seconds, rounded down.
    pub(super) fn is_before(&self, evidence: &Evidence) -> bool {
        after(self.evidence.seen_at, AGE_PRECISION) <= evidence.seen_at
    }

    pub(super) fn known(&self, origin: Origin, outage: Option<Outage>, at: Moment) -> Known {
        // Its age is known, otherwise it would not be used.
        let age = at.age_of(self.since()).unwrap_or_default();
        let not_before = after(self.evidence.seen_at, age);
        known(Arc::clone(&self.evidence), origin, outage, not_before)
    }

    pub(super) fn is_younger(&self, age_max: Duration, at: Moment) -> bool {
        is_younger(self.since(), age_max, at)
    }
}

impl Clone for Cached {
    fn clone(&self) -> Self {
        Self {
            evidence: Arc::clone(&self.evidence),
            since: self.since,
            uses: AtomicU32::new(self.uses.load(Ordering::Relaxed)),
        }
    }
}

/// Whether less than this has passed since a moment. If that is not known, the answer is no.
pub(super) fn is_younger(since: Moment, age_max: Duration, at: Moment) -> bool {
    at.age_of(since).is_some_and(|age| age < age_max)
}

pub(super) fn known(
    evidence: Arc<Evidence>,
    origin: Origin,
    outage: Option<Outage>,
    not_before: Timestamp,
) -> Known {
    Known {
        evidence,
        origin,
        outage,
        timings: Timings::default(),
        not_before,
        succession: Succession::None,
    }
}
