//! What is remembered about one verification: what the upstream said last, that it could not be asked just now, and the
//! fetch that is under way.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use tokio::sync::watch;
use tracing::Id;

use super::{
    super::{Freshness, Known, Took},
    names::Tick,
};
use crate::{
    clock::Moment,
    jitter::lengthen,
    policy::{Evidence, Finding, Origin, Timestamp, after},
};

/// How long it is remembered that the upstream does not know a verification: this, and up to half as much again.
const ABSENT_FOR: Duration = Duration::from_secs(4);
/// How long it is remembered that the upstream could not be asked, or made no sense: likewise.
const FAILED_FOR: Duration = Duration::from_secs(1);
/// Evidence is asked for again ahead of time when it was used so often since it came.
const OFTEN: u32 = 3;

/// A fetch under way.
#[derive(Debug, Clone)]
pub(super) struct Flight {
    /// When it took off, in the order of things.
    pub(super) began: Tick,
    /// What it brings: nothing until it lands.
    pub(super) landing: watch::Receiver<Option<Known>>,
    /// Its span, if traces are collected.
    pub(super) span: Option<Id>,
}

/// One verification's place in memory.
#[derive(Debug, Clone, Default)]
pub(super) struct Slot {
    memory: Option<Memory>,
    failure: Option<Failure>,
    pub(super) flight: Option<Flight>,
}

/// What the upstream said.
#[derive(Debug, Clone)]
struct Memory {
    evidence: Arc<Evidence>,
    /// When its fetch took off, which is no later than the upstream said so.
    since: Moment,
    /// How long it is good for at most, whatever a policy says.
    good_for: Duration,
    /// How often it was used.
    used: Arc<AtomicU32>,
}

/// The upstream could not be asked, or made no sense, and is left in peace for a moment.
#[derive(Debug, Clone)]
struct Failure {
    evidence: Arc<Evidence>,
    /// Until when, by the time that the process has been running.
    until: Duration,
}

impl Slot {
    /// The slot while this fetch is under way.
    pub(super) fn asking(self, flight: Flight) -> Self {
        Self {
            flight: Some(flight),
            ..self
        }
    }

    /// The slot after a fetch that took off at `since` and brought this by `landed`.
    pub(super) fn after(self, brought: &Known, since: Moment, landed: Moment) -> Self {
        let evidence = Arc::clone(&brought.evidence);
        let failure = |evidence| Failure {
            evidence,
            until: landed.uptime.saturating_add(lengthen(FAILED_FOR)),
        };
        let (memory, failure) = match &evidence.finding {
            Finding::Present(_) => (Some(Memory::new(evidence, since, Duration::MAX)), None),
            Finding::Absent => (
                Some(Memory::new(evidence, since, lengthen(ABSENT_FOR))),
                None,
            ),
            // It was asked, and has taken back what it said before.
            Finding::Unusable(_) => (None, Some(failure(evidence))),
            Finding::Unknown(outage) if outage.was_asked() => {
                (self.memory, Some(failure(evidence)))
            }
            // Nobody was asked: what was known of the last time is still so.
            Finding::Unknown(_) => (self.memory, self.failure),
        };
        Self {
            memory,
            failure,
            flight: None,
        }
    }

    /// Whether asking failed the last time.
    pub(super) fn has_failed(&self) -> bool {
        self.failure.is_some()
    }

    /// Whether there is nothing in it that is worth keeping.
    pub(super) fn is_empty(&self) -> bool {
        self.memory.is_none() && self.failure.is_none() && self.flight.is_none()
    }

    /// What can be answered without asking: evidence that is young enough; or, while the upstream is left in peace, what
    /// there is.
    pub(super) fn answer(&self, freshness: Freshness) -> Option<Known> {
        if let Some(memory) = self.memory.as_ref().filter(|m| m.is_fresh(freshness)) {
            return Some(memory.known(Origin::Cache, freshness.at));
        }
        let failure = self.failure.as_ref()?;
        if failure.until <= freshness.at.uptime {
            return None;
        }
        let evidence = Arc::clone(&failure.evidence);
        Some(match evidence.finding {
            Finding::Unknown(_) => self
                .stale(freshness)
                .unwrap_or_else(|| known(evidence, Origin::Nowhere, freshness.at.now)),
            _ => known(evidence, Origin::Cache, freshness.at.now),
        })
    }

    /// The evidence, if it is young enough to be used while the upstream cannot be asked. That a verification was unknown
    /// is not served stale.
    pub(super) fn stale(&self, freshness: Freshness) -> Option<Known> {
        let memory = self.memory.as_ref()?;
        let stale_for = freshness.fresh_for.saturating_add(freshness.stale_for);
        let usable = matches!(memory.evidence.finding, Finding::Present(_))
            && memory.is_younger(stale_for, freshness.at);
        usable.then(|| memory.known(Origin::Stale, freshness.at))
    }

    /// Whether a fetch is under way.
    pub(super) fn is_asking(&self) -> bool {
        // An error says that its task ended without a word.
        let flight = self.flight.as_ref();
        flight.is_some_and(|flight| flight.landing.has_changed().is_ok())
    }

    /// Counts a use of what is remembered; whether it should be asked for again ahead of time: it is used often, three
    /// quarters of its time have passed, and nobody is asking or was just let down.
    pub(super) fn used(&self, freshness: Freshness) -> bool {
        let Some(memory) = &self.memory else {
            return false;
        };
        let used = memory.used.load(Ordering::Relaxed).saturating_add(1);
        memory.used.store(used, Ordering::Relaxed);
        let in_peace = |failure: &Failure| freshness.at.uptime < failure.until;
        used >= OFTEN
            && matches!(memory.evidence.finding, Finding::Present(_))
            && !memory.is_younger(freshness.fresh_for / 4 * 3, freshness.at)
            && !self.is_asking()
            && !self.failure.as_ref().is_some_and(in_peace)
    }
}

impl Memory {
    fn new(evidence: Arc<Evidence>, since: Moment, good_for: Duration) -> Self {
        Self {
            since: Moment {
                now: evidence.seen_at,
                ..since
            },
            evidence,
            good_for,
            used: Arc::default(),
        }
    }

    fn is_fresh(&self, freshness: Freshness) -> bool {
        self.is_younger(freshness.fresh_for.min(self.good_for), freshness.at)
    }

    fn known(&self, origin: Origin, at: Moment) -> Known {
        // Its age is known, or it would not be told.
        let age = at.age_of(self.since).unwrap_or_default();
        known(
            Arc::clone(&self.evidence),
            origin,
            after(self.since.now, age),
        )
    }

    fn is_younger(&self, age_max: Duration, at: Moment) -> bool {
        at.age_of(self.since).is_some_and(|age| age < age_max)
    }
}

fn known(evidence: Arc<Evidence>, origin: Origin, not_before: Timestamp) -> Known {
    Known {
        evidence,
        origin,
        took: Took::default(),
        not_before,
    }
}
