//! What the upstream said, and when.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
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
/// The precision of when a fetch started: as many as a second has fit into 16 bits, and a millisecond has a whole number of them.
const SINCE_UNIT: Duration = Duration::from_micros(20);

/// What the upstream said.
#[derive(Debug)]
pub(super) struct Cached {
    pub(super) evidence: Arc<Evidence>,
    /// When its fetch started, as an uptime, rounded down: no later than the upstream said so.
    since_s: u32,
    /// The rest of that, in [`SINCE_UNIT`].
    since_units: u16,
    /// How often it was used. One that is counted while the entry is being replaced may be lost: then a later one refreshes the evidence.
    uses: AtomicU16,
}

impl Cached {
    pub(super) fn new(evidence: Arc<Evidence>, since: Moment) -> Self {
        Self {
            // After more than a century of uptime, evidence counts as older than it is.
            since_s: u32::try_from(since.uptime.as_secs()).unwrap_or(u32::MAX),
            since_units: u16::try_from(since.uptime.subsec_nanos() / SINCE_UNIT.subsec_nanos())
                .unwrap_or_default(),
            evidence,
            uses: AtomicU16::new(0),
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
            uptime: self.since_uptime(),
        }
    }

    fn since_uptime(&self) -> Duration {
        let seconds = Duration::from_secs(self.since_s.into());
        seconds.saturating_add(SINCE_UNIT.saturating_mul(self.since_units.into()))
    }

    /// Counts a use; returns how many there were.
    pub(super) fn count_use(&self) -> u16 {
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
            since_s: self.since_s,
            since_units: self.since_units,
            uses: AtomicU16::new(self.uses.load(Ordering::Relaxed)),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::from_millis;

    #[test]
    fn evidence_is_never_younger_than_its_fetch_and_at_most_20_us_older() {
        let nanos = [0, 1, 19_999, 20_000, 999_999, 1_000_000, 999_999_999];
        for (seconds, nanos) in [0, 1, 1 << 31]
            .into_iter()
            .flat_map(|s| nanos.map(|n| (s, n)))
        {
            let uptime = Duration::new(seconds, nanos);
            let now = from_millis(0);
            let evidence = Arc::new(Evidence {
                finding: Finding::Absent,
                seen_at: now,
            });
            let since = Cached::new(evidence, Moment { now, uptime }).since_uptime();
            assert!(since <= uptime && uptime < since + SINCE_UNIT);
            assert_eq!(since == uptime, nanos % 20_000 == 0);
        }
    }
}
