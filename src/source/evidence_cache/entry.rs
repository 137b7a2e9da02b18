//! One entry of the evidence cache: what the upstream said last, whether asking it has just failed, and the fetch in flight.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use tracing::Id;

use super::super::{Invalidation, Known, LookupRequest, alias_index::Tick};
use crate::{
    clock::Moment,
    flight::Flight,
    jitter::lengthen,
    policy::{
        DataKinds, Evidence, Finding, Timestamp, UNAVAILABLE_RETRY, UNSETTLED_FOR, Verification,
        after,
    },
    provenance::{Origin, Outage, Timings},
};

/// The longest time for which invalidated evidence is served while the upstream cannot be asked again.
const INVALIDATED_FOR: Duration = Duration::from_secs(10);
/// The precision of an `Age`.
const AGE_PRECISION: Duration = Duration::from_secs(1);
/// How long a failure or an unusable response is cached; up to half as much again is added.
const FAILURE_TTL: Duration = Duration::from_secs(1);
/// A caller that follows the `wait` remedy of an outage is not answered from a cached failure.
const _: () = assert!(FAILURE_TTL.as_millis() * 3 / 2 <= UNAVAILABLE_RETRY.as_millis());
/// Uses since the last fetch that make a refresh ahead of time worthwhile.
const REFRESH_USES_MIN: u32 = 3;

/// A fetch in flight.
#[derive(Debug, Clone)]
pub(super) struct InFlight {
    /// When it started, to compare with invalidations.
    pub(super) started: Tick,
    /// Which of a person's data its result keeps.
    pub(super) keeps: DataKinds,
    /// Its task and its result.
    pub(super) flight: Flight<Known>,
    /// Its span, if traces are collected.
    pub(super) span: Option<Id>,
}

/// What is known about one verification.
#[derive(Debug, Clone, Default)]
pub(super) struct Entry {
    cached: Option<Cached>,
    /// When the evidence was declared unusable; until the upstream says something again.
    invalidated: Option<Moment>,
    /// When it became known that the evidence may have changed, and is to be asked for later; until the upstream says something again.
    doubted: Option<Moment>,
    failure: Option<Failure>,
    in_flight: Option<InFlight>,
}

/// What the upstream said.
#[derive(Debug, Clone)]
struct Cached {
    evidence: Arc<Evidence>,
    /// When its fetch started: no later than the upstream said so.
    since: Moment,
    uses: Arc<AtomicU32>,
}

/// Asking the upstream has just failed, or its response was unusable. It is not asked again for a moment.
#[derive(Debug, Clone)]
struct Failure {
    kind: FailureKind,
    /// The uptime until which this is used.
    until: Duration,
}

#[derive(Debug, Clone)]
enum FailureKind {
    /// The upstream responded, but the response is unusable.
    Unusable(Arc<Evidence>),
    /// The upstream could not be asked.
    Outage(Outage),
}

impl Entry {
    /// The entry while this fetch is in flight.
    pub(super) fn fetching(self, in_flight: InFlight) -> Self {
        Self {
            in_flight: Some(in_flight),
            ..self
        }
    }

    /// The entry after a fetch that started at `since` and ended with this result at `ended`.
    pub(super) fn after(self, known: &Known, since: Moment, ended: Moment) -> Self {
        let evidence = Arc::clone(&known.evidence);
        let failure = |kind| Failure {
            kind,
            until: ended.uptime.saturating_add(lengthen(FAILURE_TTL)),
        };
        // An HTTP cache has sent something older than what is known, or that may be older.
        let cached = self.cached.as_ref();
        let is_superseded =
            !known.age().is_zero() && cached.is_some_and(|c| !c.is_before(&evidence));
        let (cached, failure) = match (&evidence.finding, known.outage) {
            (Finding::Present(_) | Finding::Absent | Finding::Unusable(_), _) if is_superseded => {
                let foreign = failure(FailureKind::Outage(Outage::Foreign));
                (self.cached, Some(foreign))
            }
            (Finding::Present(_) | Finding::Absent, _) => {
                (Some(Cached::new(evidence, since)), None)
            }
            // The upstream was asked, and no longer says what it said before.
            (Finding::Unusable(_), _) => (None, Some(failure(FailureKind::Unusable(evidence)))),
            (Finding::Unknown, Some(outage)) if outage.was_asked() => {
                (self.cached, Some(failure(FailureKind::Outage(outage))))
            }
            // The upstream was not asked: what was known of the last attempt is unchanged.
            (Finding::Unknown, _) => (self.cached, self.failure),
        };
        let says_nothing = is_superseded || matches!(known.evidence.finding, Finding::Unknown);
        Self {
            cached,
            invalidated: self.invalidated.filter(|_| says_nothing),
            // A fetch that started before the doubt may say what was so before it.
            doubted: self
                .doubted
                .filter(|doubted| says_nothing || since.uptime <= doubted.uptime),
            failure,
            in_flight: None,
        }
    }

    /// The entry after its evidence was declared unusable: what is in flight is not kept, and the upstream is asked again.
    pub(super) fn invalidated(self, invalidation: Invalidation, at: Moment) -> Self {
        let known = self.has_verification();
        let cached = match invalidation {
            // A 404 is not served in an outage.
            Invalidation::Changed => self.cached.filter(Cached::is_verification),
            Invalidation::Revoked => None,
        };
        Self {
            cached,
            // The first one counts: evidence that is declared unusable again and again is not served for longer.
            invalidated: self.invalidated.or(known.then_some(at)),
            doubted: None,
            failure: None,
            in_flight: None,
        }
    }

    /// Whether its evidence is valid, and this is certainly from later.
    pub(super) fn is_superseded_by(&self, evidence: &Evidence) -> bool {
        let cached = self.cached.as_ref();
        self.invalidated.is_none()
            && self.doubted.is_none()
            && cached.is_some_and(|cached| cached.is_before(evidence))
    }

    /// The entry with this evidence in place of what it holds, if that is certainly from before it. Whether it is invalidated stays.
    pub(super) fn with_newer(self, evidence: &Arc<Evidence>, since: Moment) -> Option<Self> {
        let is_newer = self.cached.as_ref()?.is_before(evidence);
        let cached = Some(Cached::new(Arc::clone(evidence), since));
        is_newer.then_some(Self { cached, ..self })
    }

    /// The entry after it became known that what it holds, or is being fetched, may have changed, if it is to be asked for later. The
    /// first time counts.
    pub(super) fn doubted(self, at: Moment) -> Self {
        let doubted = self.doubted.or(self.is_in_use().then_some(at));
        Self { doubted, ..self }
    }

    /// The entry without a person's data of other kinds than these, if it has any.
    pub(super) fn keeping(&self, kinds: DataKinds) -> Option<Self> {
        let cached = self.cached.as_ref()?;
        Some(Self {
            cached: Some(Cached {
                evidence: Arc::new(keeping(&cached.evidence, kinds)?),
                ..cached.clone()
            }),
            ..self.clone()
        })
    }

    /// Whether it has a person's data of other kinds than these.
    pub(super) fn has_more(&self, kinds: DataKinds) -> bool {
        self.verification()
            .is_some_and(|verification| !kinds.include(verification.kept))
    }

    /// What the upstream said about the verification, if it said anything.
    pub(super) fn verification(&self) -> Option<&Verification> {
        match &self.cached.as_ref()?.evidence.finding {
            Finding::Present(verification) => Some(verification),
            Finding::Absent | Finding::Unusable(_) | Finding::Unknown => None,
        }
    }

    /// Whether it holds what the upstream said about a verification, and not only that there is none.
    pub(super) fn has_verification(&self) -> bool {
        self.cached.as_ref().is_some_and(Cached::is_verification)
    }

    /// Whether it is about a verification of which something is known, or is being fetched.
    pub(super) fn is_in_use(&self) -> bool {
        self.has_verification() || self.fetch_in_flight().is_some()
    }

    /// Whether the upstream said last that there is no such verification.
    pub(super) fn is_absent(&self) -> bool {
        let absent = |cached: &Cached| matches!(cached.evidence.finding, Finding::Absent);
        self.cached.as_ref().is_some_and(absent)
    }

    /// Whether its evidence was declared unusable so recently that the service itself pays for asking again.
    pub(super) fn was_just_invalidated(&self, at: Moment) -> bool {
        self.invalidated
            .is_some_and(|since| is_younger(since, INVALIDATED_FOR, at))
    }

    /// Whether the last fetch failed.
    pub(super) fn has_failed(&self) -> bool {
        self.failure.is_some()
    }

    /// Whether the entry holds nothing worth keeping.
    pub(super) fn is_empty(&self) -> bool {
        self.cached.is_none()
            && self.invalidated.is_none()
            && self.failure.is_none()
            && self.in_flight.is_none()
    }

    /// Whether its fetch is the one that started then.
    pub(super) fn awaits(&self, started: Tick) -> bool {
        let in_flight = self.in_flight.as_ref();
        in_flight.is_some_and(|in_flight| in_flight.started == started)
    }

    /// The fetch in flight, if its task is running.
    pub(super) fn fetch_in_flight(&self) -> Option<&InFlight> {
        let in_flight = self.in_flight.as_ref();
        in_flight.filter(|in_flight| in_flight.flight.is_running())
    }

    /// What can be answered without a fetch: evidence younger than `max_age` that has kept what is read; or, just after a failure, what there is.
    pub(super) fn answer(&self, request: &LookupRequest) -> Option<Known> {
        let fresh = |cached: &&Cached| {
            self.invalidated.is_none()
                && cached.has_kept(request.reads)
                && cached.is_younger(request.max_age.min(cached.ttl()), request.at)
        };
        let in_doubt = |since| is_younger(since, INVALIDATED_FOR, request.at);
        match (self.cached.as_ref().filter(fresh), self.doubted) {
            (Some(cached), None) => return Some(cached.known(Origin::Cache, None, request.at)),
            // Asking again is rejected by our own bound.
            (Some(cached), Some(since)) if in_doubt(since) => {
                return Some(cached.known(Origin::Stale, Some(Outage::OverRate), request.at));
            }
            _ => {}
        }
        let failure = self.failure.as_ref()?;
        if failure.until <= request.at.uptime {
            return None;
        }
        Some(match &failure.kind {
            FailureKind::Unusable(evidence) => {
                known(Arc::clone(evidence), Origin::Cache, None, request.at.now)
            }
            FailureKind::Outage(outage) => self
                .stale(request, *outage)
                .unwrap_or_else(|| Known::nothing(*outage, request.at.now, Timings::default())),
        })
    }

    /// What can be answered when the wait for a fetch timed out or there was none: what a fetch stored at the last moment, as for a
    /// check that arrives now; or stale evidence. `asked`: whether asking has ended, by an outage or a refusal. A caller that has left
    /// earlier does not get what was invalidated.
    pub(super) fn after_wait(
        &self,
        request: &LookupRequest,
        outage: Outage,
        asked: bool,
    ) -> Option<Known> {
        let usable = asked || self.invalidated.is_none();
        self.answer(request)
            .or_else(|| self.stale(request, outage).filter(|_| usable))
    }

    /// The evidence, if it is younger than `max_stale` and may be used because of this outage. A 404 is not served stale, and what was
    /// invalidated only for a few seconds.
    fn stale(&self, request: &LookupRequest, outage: Outage) -> Option<Known> {
        let cached = self.cached.as_ref()?;
        let usable = cached.is_verification()
            && cached.has_kept(request.reads)
            && cached.is_younger(request.max_stale, request.at)
            && (self.invalidated.is_none() || self.was_just_invalidated(request.at))
            && self
                .doubted
                .is_none_or(|since| is_younger(since, INVALIDATED_FOR, request.at));
        usable.then(|| cached.known(Origin::Stale, Some(outage), request.at))
    }

    /// Counts a use of the evidence. Returns whether it should be refreshed: it is used often, three quarters of its lifetime have
    /// passed, no fetch is in flight and none has just failed.
    pub(super) fn record_use(&self, request: &LookupRequest) -> bool {
        let Some(cached) = &self.cached else {
            return false;
        };
        let uses = cached.uses.load(Ordering::Relaxed).saturating_add(1);
        cached.uses.store(uses, Ordering::Relaxed);
        let just_failed = |failure: &Failure| request.at.uptime < failure.until;
        uses >= REFRESH_USES_MIN
            && cached.is_verification()
            && !cached.is_younger(request.max_age / 4 * 3, request.at)
            && self.fetch_in_flight().is_none()
            && !self.failure.as_ref().is_some_and(just_failed)
    }
}

impl Cached {
    fn new(evidence: Arc<Evidence>, since: Moment) -> Self {
        Self {
            since: Moment {
                now: evidence.seen_at,
                ..since
            },
            evidence,
            uses: Arc::default(),
        }
    }

    /// Its max age, whatever a policy accepts.
    fn ttl(&self) -> Duration {
        if self.evidence.finding.is_unsettled() {
            UNSETTLED_FOR
        } else {
            Duration::MAX
        }
    }

    fn is_verification(&self) -> bool {
        matches!(self.evidence.finding, Finding::Present(_))
    }

    /// Whether it has kept these data. What it has not is unknown, and not missing.
    fn has_kept(&self, reads: DataKinds) -> bool {
        match &self.evidence.finding {
            Finding::Present(verification) => verification.kept.include(reads),
            Finding::Absent | Finding::Unusable(_) | Finding::Unknown => true,
        }
    }

    /// Whether it is certainly from before this evidence: an `Age` has whole seconds, rounded down.
    fn is_before(&self, evidence: &Evidence) -> bool {
        after(self.evidence.seen_at, AGE_PRECISION) <= evidence.seen_at
    }

    fn known(&self, origin: Origin, outage: Option<Outage>, at: Moment) -> Known {
        // Its age is known, otherwise it would not be used.
        let age = at.age_of(self.since).unwrap_or_default();
        let not_before = after(self.since.now, age);
        known(Arc::clone(&self.evidence), origin, outage, not_before)
    }

    fn is_younger(&self, age_max: Duration, at: Moment) -> bool {
        is_younger(self.since, age_max, at)
    }
}

/// The evidence without a person's data of other kinds than these, if it has any.
pub(super) fn keeping(evidence: &Evidence, kinds: DataKinds) -> Option<Evidence> {
    let Finding::Present(verification) = &evidence.finding else {
        return None;
    };
    let kept = verification.kept;
    (!kinds.include(kept)).then(|| Evidence {
        finding: Finding::Present(verification.clone().keeping(kept.common(kinds))),
        seen_at: evidence.seen_at,
    })
}

/// Whether less than this has passed since a moment. If that is not known, the answer is no.
fn is_younger(since: Moment, age_max: Duration, at: Moment) -> bool {
    at.age_of(since).is_some_and(|age| age < age_max)
}

fn known(
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
        succession: crate::source::Succession::None,
    }
}

#[cfg(test)]
mod tests;
