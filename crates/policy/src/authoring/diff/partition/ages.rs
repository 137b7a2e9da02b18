//! Axes of an instant in the past, by how long ago it is. No such instant is [`UNKNOWN`].

use std::time::Duration;

use super::{
    super::{
        check::Check,
        draft::{Draft, NoWitnessError},
        expression::Condition,
        limits::FIRST_MS,
        regions::Regions,
    },
    intervals::{Intervals, UNKNOWN, candidates},
};
use crate::{
    limits::SKEW,
    request::Authentication,
    time::{Shown, Timestamp, before, from_millis},
};

const HOUR_MS: i64 = 3_600_000;

/// Which instant of a check it is.
#[derive(Debug, Clone, Copy)]
enum Event {
    /// When the verification was made. The first that is possible is [`FIRST_MS`].
    Verification,
    /// When the session was authenticated. One that is further in the future than clocks may differ is as none.
    Authentication,
}

/// An instant of a check by its age, in milliseconds.
#[derive(Debug)]
pub(in crate::authoring::diff) struct Ages {
    event: Event,
    intervals: Intervals<i64>,
}

impl Ages {
    /// The ages of verifications that these conditions distinguish.
    pub(super) fn of_verification(conditions: &[Condition<'_>]) -> Self {
        Self::of(Event::Verification, conditions)
    }

    /// The ages of sessions that these conditions distinguish.
    pub(super) fn of_session(conditions: &[Condition<'_>]) -> Self {
        Self::of(Event::Authentication, conditions)
    }

    fn of(event: Event, conditions: &[Condition<'_>]) -> Self {
        let limits = conditions.iter().filter_map(|condition| match condition {
            Condition::NewerThan(age_ms) => Some(*age_ms),
            Condition::OneOf(_)
            | Condition::NoneOf(_)
            | Condition::MissingOrNoneOf(_)
            | Condition::Known
            | Condition::AgeAtLeast(_)
            | Condition::AgeBelow(_)
            | Condition::Inside(_) => None,
        });
        Self {
            event,
            intervals: Intervals::between(limits.collect()),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.intervals.len()
    }

    pub(super) fn meeting(&self, condition: Condition<'_>) -> Vec<u16> {
        match condition {
            Condition::NewerThan(age_ms) => self.intervals.before(age_ms).collect(),
            Condition::Known => self.intervals.known().collect(),
            Condition::OneOf(_)
            | Condition::NoneOf(_)
            | Condition::MissingOrNoneOf(_)
            | Condition::AgeAtLeast(_)
            | Condition::AgeBelow(_)
            | Condition::Inside(_) => Vec::new(),
        }
    }

    pub(super) fn region_of(&self, check: &Check<'_>) -> u16 {
        let at = match self.event {
            Event::Verification => check.given.verification.verified_at,
            Event::Authentication => check
                .session()
                .and_then(|session| session.auth_time)
                .filter(|at| before(*at, SKEW) <= check.now),
        };
        at.map_or(UNKNOWN, |at| {
            let now = check.now.as_millisecond();
            let age_ms = now.saturating_sub(at.as_millisecond());
            self.intervals.region_of(|threshold| threshold <= age_ms)
        })
    }

    pub(super) fn set_example(
        &self,
        allowed: &Regions,
        draft: &mut Draft,
    ) -> Result<(), NoWitnessError> {
        let now_ms = draft.now.as_millisecond();
        self.set_first(allowed, draft, |region| self.instant(region, now_ms))
    }

    /// Like [`Ages::set_example`], but away from the limits if possible: a moment earlier or later the age is in the same
    /// region.
    pub(in crate::authoring::diff) fn set_inside(
        &self,
        allowed: &Regions,
        draft: &mut Draft,
    ) -> Result<(), NoWitnessError> {
        let now_ms = draft.now.as_millisecond();
        self.set_first(allowed, draft, |region| {
            let room_ms = match (self.intervals.start(region), self.intervals.end(region)) {
                (Some(start), Some(end)) => end.saturating_sub(start) / 2,
                (Some(_), None) => HOUR_MS,
                (None, _) => 0,
            };
            self.instant(region, now_ms.saturating_sub(room_ms.min(HOUR_MS)))
        })
    }

    /// The ages at which a region begins and ends, in milliseconds.
    pub(in crate::authoring::diff) fn bounds(&self, region: u16) -> (Option<i64>, Option<i64>) {
        (self.intervals.start(region), self.intervals.end(region))
    }

    fn set_first(
        &self,
        allowed: &Regions,
        draft: &mut Draft,
        instant: impl Fn(u16) -> Option<i64>,
    ) -> Result<(), NoWitnessError> {
        for region in candidates(allowed) {
            if region == UNKNOWN {
                self.set(None, draft);
                return Ok(());
            }
            if let Some(at_ms) = instant(region) {
                self.set(Some(from_millis(at_ms)), draft);
                return Ok(());
            }
        }
        Err(NoWitnessError::AtThisInstant)
    }

    fn set(&self, at: Option<Timestamp>, draft: &mut Draft) {
        match self.event {
            Event::Verification => draft.verification.verified_at = at,
            Event::Authentication => {
                draft.request.authentication = at.map(|at| Authentication {
                    acr: String::new(),
                    amr: Vec::new(),
                    auth_time: Some(at),
                });
            }
        }
    }

    /// An instant whose age is in this region at `now_ms`; none if it would be before the first that is possible.
    fn instant(&self, region: u16, now_ms: i64) -> Option<i64> {
        let skew_ms = i64::try_from(SKEW.as_millis()).unwrap_or(0);
        let ages_ms = match self.intervals.start(region) {
            Some(start) => vec![start],
            // An hour is more usual than an instant in the future.
            None => vec![HOUR_MS, 0, skew_ms.saturating_neg()],
        };
        let end = self.intervals.end(region).unwrap_or(i64::MAX);
        let age_ms = ages_ms.into_iter().find(|age_ms| *age_ms < end)?;
        let at_ms = now_ms.saturating_sub(age_ms);
        let first_ms = match self.event {
            Event::Verification => FIRST_MS,
            Event::Authentication => Timestamp::MIN.as_millisecond(),
        };
        (at_ms >= first_ms).then_some(at_ms)
    }

    pub(super) fn describe(&self, regions: &Regions) -> String {
        let (label, unknown) = match self.event {
            Event::Verification => ("verified", "at no known time"),
            Event::Authentication => ("authenticated", "in the future or not at all"),
        };
        let intervals = self.intervals.merged(regions).into_iter();
        let mut parts: Vec<String> = intervals
            .map(|interval| match interval {
                (None, None) => "at a known time".to_owned(),
                (None, Some(0)) => "in the future by up to 1m".to_owned(),
                (None, Some(end)) => format!("less than {} ago", shown(end)),
                (Some(start), None) => format!("{} ago or more", shown(start)),
                (Some(start), Some(end)) => format!("{} to {} ago", shown(start), shown(end)),
            })
            .collect();
        if regions.contains(UNKNOWN) {
            parts.push(unknown.to_owned());
        }
        format!("{label} {}", parts.join(" or "))
    }
}

fn shown(age_ms: i64) -> Shown {
    Shown(Duration::from_millis(u64::try_from(age_ms).unwrap_or(0)))
}
