//! Dates of birth: the instants that are plausible as a local midnight. What is written in another unit is none, so that nobody is
//! taken for an adult because a number was read in the wrong one.

use std::{fmt, time::Duration};

use zeroize::Zeroize as _;

use crate::{
    limits::{AGE_YEARS_MAX, BIRTH_MS_STEP, BIRTH_MS_UNIT_DOUBTFUL},
    time::{Timestamp, after, anniversary, from_millis},
    when::Interval,
};

/// A date of birth: a local midnight of an unknown zone. In milliseconds since 1970 it is a multiple of 15 minutes, as the offsets of all
/// zones are, and not of a magnitude below 2,200,000,000, which could be seconds. Its 150th anniversary is in the calendar.
///
/// It is at one place on the heap, so that moving it leaves no copy behind, and that place is overwritten when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct BirthDate(Box<i64>);

impl BirthDate {
    /// The date of birth at this number of milliseconds since 1970; none if that is no plausible local midnight.
    pub fn from_millis(millis: i64) -> Option<Self> {
        let is_midnight = millis.rem_euclid(BIRTH_MS_STEP) == 0;
        let may_be_seconds = millis.unsigned_abs() < BIRTH_MS_UNIT_DOUBTFUL;
        let instant = Timestamp::from_millisecond(millis).ok()?;
        (is_midnight && !may_be_seconds && !is_beyond_the_calendar(instant))
            .then(|| Self(Box::new(millis)))
    }

    /// The date of birth at this instant; none if that is no plausible local midnight.
    pub fn at(instant: Timestamp) -> Option<Self> {
        let birth = Self::from_millis(instant.as_millisecond());
        birth.filter(|birth| birth.instant() == instant)
    }

    /// The instant.
    pub fn instant(&self) -> Timestamp {
        from_millis(*self.0)
    }

    /// The instants at which it is plausible: not in the future, and not more than 150 years ago.
    pub(crate) fn plausible(&self) -> Interval {
        let born = self.instant();
        let last = anniversary(born, AGE_YEARS_MAX);
        let implausible = after(last, Duration::from_millis(1));
        Interval::from(born).and(Interval::until(implausible))
    }
}

/// Never shows the date: it is a person's.
impl fmt::Debug for BirthDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BirthDate(…)")
    }
}

impl Drop for BirthDate {
    fn drop(&mut self) {
        (*self.0).zeroize();
    }
}

/// Whether the 150th anniversary of this date of birth is beyond the last year of the calendar, 9999.
pub(crate) fn is_beyond_the_calendar(birth: Timestamp) -> bool {
    anniversary(birth, AGE_YEARS_MAX) == Timestamp::MAX
}
