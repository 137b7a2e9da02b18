//! Dates of birth: the instants that are plausible as a local midnight. What is written in another unit is none, so that nobody is
//! taken for an adult because a number was read in the wrong one.

use std::time::Duration;

use crate::{
    limits::{AGE_YEARS_MAX, BIRTH_MS_STEP, BIRTH_MS_UNIT_DOUBTFUL},
    time::{Timestamp, after, anniversary},
    when::Interval,
};

/// A date of birth: a local midnight of an unknown zone. In milliseconds since 1970 it is a multiple of 15 minutes, as the offsets of all
/// zones are, and not of a magnitude below 2,200,000,000, which could be seconds. Its 150th anniversary is in the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BirthDate(Timestamp);

impl BirthDate {
    /// The date of birth at this number of milliseconds since 1970; none if that is no plausible local midnight.
    pub fn from_millis(millis: i64) -> Option<Self> {
        let is_midnight = millis.rem_euclid(BIRTH_MS_STEP) == 0;
        let may_be_seconds = millis.unsigned_abs() < BIRTH_MS_UNIT_DOUBTFUL;
        let instant = Timestamp::from_millisecond(millis).ok()?;
        (is_midnight && !may_be_seconds && !is_beyond_the_calendar(instant))
            .then_some(Self(instant))
    }

    /// The date of birth at this instant; none if that is no plausible local midnight.
    pub fn at(instant: Timestamp) -> Option<Self> {
        let birth = Self::from_millis(instant.as_millisecond());
        birth.filter(|birth| birth.0 == instant)
    }

    /// The instant.
    pub fn instant(self) -> Timestamp {
        self.0
    }

    /// The instants at which it is plausible: not in the future, and not more than 150 years ago.
    pub(crate) fn plausible(self) -> Interval {
        let last = anniversary(self.0, AGE_YEARS_MAX);
        let implausible = after(last, Duration::from_millis(1));
        Interval::from(self.0).and(Interval::until(implausible))
    }
}

/// Whether the 150th anniversary of this date of birth is beyond the last year of the calendar, 9999.
pub(crate) fn is_beyond_the_calendar(birth: Timestamp) -> bool {
    anniversary(birth, AGE_YEARS_MAX) == Timestamp::MAX
}
