//! Dates of birth for ages.

use std::time::Duration;

use jiff::{civil::Date, tz::TimeZone};

use crate::time::{Timestamp, from_millis};

/// Eight weeks: more than the dates of birth about the beginning of 1970 that cannot be read, and no other time of the week.
pub(super) const PAST_THE_DOUBTFUL: Duration = Duration::from_hours(8 * 7 * 24);

/// The midnight in UTC this many calendar years before; from a 29 February it may lead to the 28th. None if there is no such year.
pub(super) fn midnight_years_before(now: Timestamp, years: u16) -> Option<Timestamp> {
    let date = TimeZone::UTC.to_datetime(now).date();
    let year = date.year().checked_sub(i16::try_from(years).ok()?)?;
    let date = date.with().year(year).build();
    let date = date.or_else(|_| Date::new(year, 2, 28)).ok()?;
    let midnight = date.to_zoned(TimeZone::UTC).ok()?.timestamp();
    Some(from_millis(midnight.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_birthday_of_a_29_february_is_the_day_before_where_there_is_none() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        for (now, years, born) in [
            ("2024-02-29T12:00:00Z", 18, Some("2006-02-28T00:00:00Z")),
            ("2024-02-29T12:00:00Z", 20, Some("2004-02-29T00:00:00Z")),
            ("2026-01-31T12:00:00Z", 18, Some("2008-01-31T00:00:00Z")),
            ("2026-01-31T12:00:00Z", u16::MAX, None),
        ] {
            let found = midnight_years_before(at(now), years);
            assert_eq!(found, born.map(at), "{now} {years}");
        }
    }
}
