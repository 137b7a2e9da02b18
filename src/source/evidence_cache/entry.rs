//! One entry of the evidence cache: what the upstream said last, whether asking it has just failed, and the fetch in flight.

mod cached;
mod passing;

use std::{sync::Arc, time::Duration};

pub(super) use self::passing::InFlight;
use self::{
    cached::{Cached, is_younger, known},
    passing::{Failure, FailureKind, Passing},
};
use super::super::{Invalidation, Known, LookupRequest, alias_index::Tick};
use crate::{
    clock::Moment,
    jitter::lengthen,
    policy::{DataKinds, Evidence, Finding, UNAVAILABLE_RETRY, Verification},
    provenance::{Origin, Outage, Timings},
};

/// The longest time for which invalidated evidence is served while the upstream cannot be asked again.
const INVALIDATED_FOR: Duration = Duration::from_secs(10);
/// How long a failure or an unusable response is cached; up to half as much again is added.
const FAILURE_TTL: Duration = Duration::from_secs(1);
/// A caller that follows the `wait` remedy of an outage is not answered from a cached failure.
const _: () = assert!(FAILURE_TTL.as_millis() * 3 / 2 <= UNAVAILABLE_RETRY.as_millis());
/// Uses since the last fetch that make a refresh ahead of time worthwhile.
const REFRESH_USES_MIN: u16 = 3;

/// With the two counts of an `Arc`, 40 bytes: what an allocation of 48 holds.
const _: () = assert!(size_of::<Entry>() <= 24);

/// What is known about one verification.
#[derive(Debug, Clone, Default)]
pub(super) struct Entry {
    cached: Option<Cached>,
    /// What is true of few entries at a time, apart from the others, of which there are very many.
    passing: Option<Box<Passing>>,
}

impl Entry {
    fn new(cached: Option<Cached>, passing: Passing) -> Self {
        let passing = (!passing.is_nothing()).then(|| Box::new(passing));
        Self { cached, passing }
    }

    fn into_parts(self) -> (Option<Cached>, Passing) {
        let passing = self.passing.map(|passing| *passing);
        (self.cached, passing.unwrap_or_default())
    }

    fn passing(&self) -> &Passing {
        static NOTHING: Passing = Passing::NOTHING;
        self.passing.as_deref().unwrap_or(&NOTHING)
    }

    /// The entry while this fetch is in flight.
    pub(super) fn fetching(self, in_flight: InFlight) -> Self {
        let (cached, passing) = self.into_parts();
        let in_flight = Some(in_flight);
        Self::new(
            cached,
            Passing {
                in_flight,
                ..passing
            },
        )
    }

    /// The entry after a fetch that started at `since` and ended with this result at `ended`.
    pub(super) fn after(self, known: &Known, since: Moment, ended: Moment) -> Self {
        let (cached, before) = self.into_parts();
        let evidence = Arc::clone(&known.evidence);
        let failure = |kind| Failure {
            kind,
            until: ended.uptime.saturating_add(lengthen(FAILURE_TTL)),
        };
        // An HTTP cache has sent something older than what is known, or that may be older.
        let is_superseded =
            !known.age().is_zero() && cached.as_ref().is_some_and(|c| !c.is_before(&evidence));
        let (cached, failure) = match (&evidence.finding, known.outage) {
            (Finding::Present(_) | Finding::Absent | Finding::Unusable(_), _) if is_superseded => {
                let foreign = failure(FailureKind::Outage(Outage::Foreign));
                (cached, Some(foreign))
            }
            (Finding::Present(_) | Finding::Absent, _) => {
                (Some(Cached::new(evidence, since)), None)
            }
            // The upstream was asked, and no longer says what it said before.
            (Finding::Unusable(_), _) => (None, Some(failure(FailureKind::Unusable(evidence)))),
            (Finding::Unknown, Some(outage)) if outage.was_asked() => {
                (cached, Some(failure(FailureKind::Outage(outage))))
            }
            // The upstream was not asked: what was known of the last attempt is unchanged.
            (Finding::Unknown, _) => (cached, before.failure),
        };
        let says_nothing = is_superseded || matches!(known.evidence.finding, Finding::Unknown);
        let passing = Passing {
            invalidated: before.invalidated.filter(|_| says_nothing),
            // A fetch that started before the doubt may say what was so before it.
            doubted: before
                .doubted
                .filter(|doubted| says_nothing || since.uptime <= doubted.uptime),
            failure,
            in_flight: None,
        };
        Self::new(cached, passing)
    }

    /// The entry after its evidence was declared unusable: what is in flight is not kept, and the upstream is asked again.
    pub(super) fn invalidated(self, invalidation: Invalidation, at: Moment) -> Self {
        let known = self.has_verification();
        let (cached, before) = self.into_parts();
        let cached = match invalidation {
            // A 404 is not served in an outage.
            Invalidation::Changed => cached.filter(Cached::is_verification),
            Invalidation::Revoked => None,
        };
        let passing = Passing {
            // The first one counts: evidence that is declared unusable again and again is not served for longer.
            invalidated: before.invalidated.or(known.then_some(at)),
            ..Passing::NOTHING
        };
        Self::new(cached, passing)
    }

    /// Whether its evidence is valid, and this is certainly from later.
    pub(super) fn is_superseded_by(&self, evidence: &Evidence) -> bool {
        let (cached, passing) = (self.cached.as_ref(), self.passing());
        passing.invalidated.is_none()
            && passing.doubted.is_none()
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
        let is_in_use = self.is_in_use();
        let (cached, passing) = self.into_parts();
        let doubted = passing.doubted.or(is_in_use.then_some(at));
        Self::new(cached, Passing { doubted, ..passing })
    }

    /// The entry without a person's data of other kinds than these, if it has any.
    pub(super) fn keeping(&self, kinds: DataKinds) -> Option<Self> {
        let cached = self.cached.as_ref()?;
        Some(Self {
            cached: Some(cached.with(keeping(&cached.evidence, kinds)?)),
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
        self.passing()
            .invalidated
            .is_some_and(|since| is_younger(since, INVALIDATED_FOR, at))
    }

    /// Whether the last fetch failed.
    pub(super) fn has_failed(&self) -> bool {
        self.passing().failure.is_some()
    }

    /// Whether the entry holds nothing worth keeping.
    pub(super) fn is_empty(&self) -> bool {
        let passing = self.passing();
        self.cached.is_none()
            && passing.invalidated.is_none()
            && passing.failure.is_none()
            && passing.in_flight.is_none()
    }

    /// Whether its fetch is the one that started then.
    pub(super) fn awaits(&self, started: Tick) -> bool {
        let in_flight = self.passing().in_flight.as_ref();
        in_flight.is_some_and(|in_flight| in_flight.started == started)
    }

    /// The fetch in flight, if its task is running.
    pub(super) fn fetch_in_flight(&self) -> Option<&InFlight> {
        let in_flight = self.passing().in_flight.as_ref();
        in_flight.filter(|in_flight| in_flight.flight.is_running())
    }

    /// What can be answered without a fetch: evidence younger than `max_age` that has kept what is read; or, just after a failure, what there is.
    pub(super) fn answer(&self, request: &LookupRequest) -> Option<Known> {
        let passing = self.passing();
        let fresh = |cached: &&Cached| {
            passing.invalidated.is_none()
                && cached.has_kept(request.reads)
                && cached.is_younger(request.max_age.min(cached.ttl()), request.at)
        };
        let in_doubt = |since| is_younger(since, INVALIDATED_FOR, request.at);
        match (self.cached.as_ref().filter(fresh), passing.doubted) {
            (Some(cached), None) => return Some(cached.known(Origin::Cache, None, request.at)),
            // Asking again is rejected by our own bound.
            (Some(cached), Some(since)) if in_doubt(since) => {
                return Some(cached.known(Origin::Stale, Some(Outage::OverRate), request.at));
            }
            _ => {}
        }
        let failure = passing.failure.as_ref()?;
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
        let usable = asked || self.passing().invalidated.is_none();
        self.answer(request)
            .or_else(|| self.stale(request, outage).filter(|_| usable))
    }

    /// The evidence, if it is younger than `max_stale` and may be used because of this outage. A 404 is not served stale, and what was
    /// invalidated only for a few seconds.
    fn stale(&self, request: &LookupRequest, outage: Outage) -> Option<Known> {
        let (cached, passing) = (self.cached.as_ref()?, self.passing());
        let usable = cached.is_verification()
            && cached.has_kept(request.reads)
            && cached.is_younger(request.max_stale, request.at)
            && (passing.invalidated.is_none() || self.was_just_invalidated(request.at))
            && passing
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
        let uses = cached.count_use();
        let just_failed = |failure: &Failure| request.at.uptime < failure.until;
        uses >= REFRESH_USES_MIN
            && cached.is_verification()
            && !cached.is_younger(request.max_age / 4 * 3, request.at)
            && self.fetch_in_flight().is_none()
            && !self.passing().failure.as_ref().is_some_and(just_failed)
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

#[cfg(test)]
mod tests;
