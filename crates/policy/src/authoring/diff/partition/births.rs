//! The axis of the date of birth, by the birthdays that have passed. [`UNKNOWN`] is a date that the policy cannot read.

use std::time::Duration;

use jiff::tz::TimeZone;

use super::{
    super::{
        check::Check,
        draft::{Draft, NoWitnessError},
        expression::Condition,
        regions::Regions,
    },
    intervals::{Intervals, UNKNOWN, candidates},
};
use crate::{
    evidence::{BirthDate, Datum, Scope},
    limits::{AGE_YEARS_MAX, BIRTHDAY_EVERYWHERE},
    time::{Timestamp, after, anniversary, before},
};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// A mean year of the calendar.
const YEAR_MS: i64 = 31_556_952_000;

/// How many weeks around the expected date of birth are tried: more than lie about the beginning of 1970.
const FARTHEST_WEEK: i64 = 9;

/// A moment in a life: [`BIRTHDAY_EVERYWHERE`] before a birthday began in UTC, or as long after that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::authoring) struct Birthday {
    years: u16,
    after: bool,
}

/// A date of birth by the birthdays that have passed.
#[derive(Debug)]
pub(in crate::authoring::diff) struct Births {
    intervals: Intervals<Birthday>,
}

impl Births {
    /// The regions that these conditions distinguish. Only a birthday inside a plausible life is a threshold.
    pub(super) fn of(conditions: &[Condition<'_>]) -> Self {
        let birthdays = conditions.iter().filter_map(|condition| match condition {
            Condition::AgeAtLeast(years) if *years < AGE_YEARS_MAX => {
                Some(Birthday::passed(*years))
            }
            Condition::AgeBelow(years) if (1..=AGE_YEARS_MAX).contains(years) => {
                Some(Birthday::ahead(*years))
            }
            Condition::AgeAtLeast(_)
            | Condition::AgeBelow(_)
            | Condition::OneOf(_)
            | Condition::NoneOf(_)
            | Condition::MissingOrNoneOf(_)
            | Condition::Known
            | Condition::NewerThan(_)
            | Condition::Inside(_) => None,
        });
        Self {
            intervals: Intervals::between(birthdays.collect()),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.intervals.len()
    }

    pub(super) fn meeting(&self, condition: Condition<'_>) -> Vec<u16> {
        match condition {
            Condition::AgeAtLeast(years @ ..AGE_YEARS_MAX) => {
                self.intervals.from(Birthday::passed(years)).collect()
            }
            Condition::AgeBelow(years @ 1..=AGE_YEARS_MAX) => {
                self.intervals.before(Birthday::ahead(years)).collect()
            }
            Condition::AgeAtLeast(_)
            | Condition::AgeBelow(0)
            | Condition::OneOf(_)
            | Condition::NoneOf(_)
            | Condition::MissingOrNoneOf(_)
            | Condition::NewerThan(_)
            | Condition::Inside(_) => Vec::new(),
            Condition::Known | Condition::AgeBelow(_) => self.intervals.known().collect(),
        }
    }

    pub(super) fn region_of(&self, check: &Check<'_>) -> u16 {
        match check.given.verification.born() {
            Ok(born) if check.reads(&Scope::DateOfBirth) => self
                .intervals
                .region_of(|birthday| birthday.instant(born.instant()) <= check.now),
            Ok(_) | Err(_) => UNKNOWN,
        }
    }

    pub(super) fn set_example(
        &self,
        allowed: &Regions,
        draft: &mut Draft,
    ) -> Result<(), NoWitnessError> {
        let region = candidates(allowed).next();
        if let Some(region) = region.filter(|region| *region != UNKNOWN) {
            let born = self
                .birth(region, draft.now, Duration::ZERO)
                .ok_or(NoWitnessError::NotFoundAtThisInstant)?;
            draft.verification.scopes.insert(Scope::DateOfBirth);
            draft.verification.born = Datum::Known(born);
        }
        Ok(())
    }

    /// Like [`Births::set_example`], but if possible the person is in the same region an hour earlier and later.
    pub(in crate::authoring::diff) fn set_inside(
        &self,
        allowed: &Regions,
        draft: &mut Draft,
    ) -> Result<(), NoWitnessError> {
        self.set_example(allowed, draft)?;
        let region = candidates(allowed).next();
        let inside = region.filter(|region| *region != UNKNOWN);
        let hour = Duration::from_hours(1);
        if let Some(born) = inside.and_then(|region| self.birth(region, draft.now, hour)) {
            draft.verification.born = Datum::Known(born);
        }
        Ok(())
    }

    /// The birthdays at which a region begins and ends.
    pub(in crate::authoring::diff) fn bounds(
        &self,
        region: u16,
    ) -> (Option<Birthday>, Option<Birthday>) {
        (self.intervals.start(region), self.intervals.end(region))
    }

    /// A date of birth that is in this region at this instant, and for this long before and after it: a midnight in UTC, if
    /// possible. Weeks around the expected one are tried,
    /// because none of those about the beginning of 1970 can be read.
    fn birth(&self, region: u16, now: Timestamp, margin: Duration) -> Option<BirthDate> {
        let (earlier, later) = (before(now, margin), after(now, margin));
        let (start, end) = (self.intervals.start(region), self.intervals.end(region));
        let years = i64::from(start.map_or(0, |birthday| birthday.years));
        let about = now
            .as_millisecond()
            .saturating_sub(years.saturating_mul(YEAR_MS));
        let midnight = about.saturating_sub(about.rem_euclid(DAY_MS));
        let days = [0, -1, 1, -2, 2, -3, 3].map(|day| day * DAY_MS);
        let hours = (-72..=72).map(|hour| hour * HOUR_MS);
        let weeks = (1..=FARTHEST_WEEK).flat_map(|week| [-week, week]);
        let weeks = weeks.map(|week| week * 7 * DAY_MS);
        days.into_iter()
            .chain(hours)
            .chain(weeks)
            .filter_map(|offset| BirthDate::from_millis(midnight.saturating_add(offset)))
            .find(|birth| {
                let born = birth.instant();
                let started = start.map_or(born, |birthday| birthday.instant(born));
                let ended = end.map_or_else(
                    || anniversary(born, AGE_YEARS_MAX),
                    |birthday| birthday.instant(born),
                );
                born <= earlier && started <= earlier && later < ended
            })
    }

    pub(super) fn describe(&self, regions: &Regions) -> String {
        let intervals = self.intervals.merged(regions).into_iter();
        let mut parts: Vec<String> = intervals
            .map(|interval| match interval {
                (None, None) => "DATE_OF_BIRTH readable".to_owned(),
                (None, Some(end)) => end.describe_before(),
                (Some(start), None) => start.describe_from(),
                (Some(start), Some(end)) if start.years == end.years => {
                    format!("within 14h of birthday {}", start.years)
                }
                (Some(start), Some(end)) => {
                    format!("{} and {}", start.describe_from(), end.describe_before())
                }
            })
            .collect();
        if regions.contains(UNKNOWN) {
            parts.push("DATE_OF_BIRTH not granted or not readable".to_owned());
        }
        parts.join(", or ")
    }
}

impl Birthday {
    /// The age is reached in every time zone.
    fn passed(years: u16) -> Self {
        Self { years, after: true }
    }

    /// The age is reached in the first time zone.
    fn ahead(years: u16) -> Self {
        Self {
            years,
            after: false,
        }
    }

    /// The date of birth of a person who passes this moment at this instant, if there is one.
    pub(in crate::authoring::diff) fn birth_passing_at(
        self,
        instant: Timestamp,
    ) -> Option<BirthDate> {
        let day = if self.after {
            before(instant, BIRTHDAY_EVERYWHERE)
        } else {
            after(instant, BIRTHDAY_EVERYWHERE)
        };
        let date_time = TimeZone::UTC.to_datetime(day);
        let year = date_time
            .year()
            .checked_sub(i16::try_from(self.years).ok()?)?;
        let born = date_time.with().year(year).build().ok()?;
        let born = BirthDate::at(TimeZone::UTC.to_timestamp(born).ok()?)?;
        (self.instant(born.instant()) == instant).then_some(born)
    }

    /// The instant at which a person born then passes this moment.
    fn instant(self, born: Timestamp) -> Timestamp {
        let day = anniversary(born, self.years);
        if self.after {
            after(day, BIRTHDAY_EVERYWHERE)
        } else {
            before(day, BIRTHDAY_EVERYWHERE)
        }
    }

    fn describe_from(self) -> String {
        let years = self.years;
        if self.after {
            format!("aged {years} or more")
        } else {
            format!("aged {years} (or less than 14h short of it) or more")
        }
    }

    fn describe_before(self) -> String {
        let years = self.years;
        if self.after {
            format!("under {years} (or over by less than 14h)")
        } else {
            format!("under {years}")
        }
    }
}
