//! A weekly schedule: the times that a clock on a wall in one zone may read. Pointwise, so that an hour that the clock
//! repeats counts twice, and one that it skips not at all.

use std::fmt;

use jiff::tz::{TimeZone, TimeZoneDatabase};

use super::{
    limits::{DAY_MINUTES, MINUTE_MS},
    time::Timestamp,
    week::Week,
};

/// The days of a week as policies write them.
pub const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Times of the week in one zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// As the clock on the wall reads it.
    week: Week,
    zone: Zone,
}

/// A time zone of the database that is built in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    name: String,
    rules: TimeZone,
}

impl Zone {
    /// The zone of this name, if there is one.
    pub fn named(name: &str) -> Option<Self> {
        let rules = TimeZoneDatabase::bundled().get(name).ok()?;
        let name = rules.iana_name()?.to_owned();
        Some(Self { name, rules })
    }
}

/// A time of day to the minute: 0 is midnight, and 1440 the midnight at which the day ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeOfDay(u16);

impl TimeOfDay {
    /// Reads `07:00`; `24:00` is the end of the day.
    pub fn parse(text: &str) -> Option<Self> {
        let (hours, minutes) = text.split_once(':')?;
        let two = |part: &str| {
            let digits = part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
            digits.then(|| part.parse::<u16>().ok()).flatten()
        };
        let (hours, minutes) = (two(hours)?, two(minutes)?);
        let total = hours.checked_mul(60)?.checked_add(minutes)?;
        (minutes < 60 && total <= DAY_MINUTES).then_some(Self(total))
    }

    /// Whether it is `24:00`.
    pub fn is_end(self) -> bool {
        self.0 == DAY_MINUTES
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl Schedule {
    /// On each of these days (0 is Monday), from one time to another; past midnight if `from` is later.
    pub fn new(
        days: impl IntoIterator<Item = u16>,
        from: TimeOfDay,
        to: TimeOfDay,
        zone: Zone,
    ) -> Self {
        let length = if from < to {
            to.0.saturating_sub(from.0)
        } else {
            DAY_MINUTES.saturating_sub(from.0).saturating_add(to.0)
        };
        let stretch = |day: u16| {
            let begins = day.saturating_mul(DAY_MINUTES).saturating_add(from.0);
            (ms(begins), ms(begins.saturating_add(length)))
        };
        Self {
            week: Week::new(days.into_iter().map(stretch)),
            zone,
        }
    }

    /// The same in UTC, as long as the zone keeps the offset that it has at this instant.
    pub fn utc(&self, instant: Timestamp) -> Week {
        self.week.behind(self.ahead_ms(instant))
    }

    /// How far ahead of UTC the wall clock is at this instant.
    pub(super) fn ahead_ms(&self, instant: Timestamp) -> i64 {
        i64::from(self.zone.rules.to_offset(instant).seconds()).saturating_mul(1000)
    }

    /// The instants after this one at which the wall clock is set.
    pub(super) fn settings(&self, instant: Timestamp) -> impl Iterator<Item = Timestamp> {
        let following = self.zone.rules.following(instant);
        following.map(|transition| transition.timestamp())
    }

    /// The next instant after this one at which the zone's clocks are set.
    pub fn offset_changes(&self, instant: Timestamp) -> Option<Timestamp> {
        self.settings(instant).next()
    }

    /// Whether both are of the same zone.
    pub fn shares_zone(&self, other: &Self) -> bool {
        self.zone.name == other.zone.name
    }

    /// The times that both have, this zone being the other's.
    pub fn and(&self, other: &Self) -> Self {
        Self {
            week: self.week.and(&other.week),
            zone: self.zone.clone(),
        }
    }

    /// The times that either has, this zone being the other's.
    pub fn or(&self, other: &Self) -> Self {
        Self {
            week: self.week.or(&other.week),
            zone: self.zone.clone(),
        }
    }

    /// The times of the week, as the clock on the wall reads them.
    pub fn week(&self) -> &Week {
        &self.week
    }

    /// The zone's name.
    pub fn zone(&self) -> &str {
        &self.zone.name
    }

    /// The stretches in minutes since Monday began, sorted and apart from one another.
    pub fn stretches(&self) -> Vec<(u16, u16)> {
        let minutes = |ms: i64| u16::try_from(ms / MINUTE_MS).unwrap_or(0);
        let stretches = self.week.stretches().iter();
        stretches
            .map(|(begins, ends)| (minutes(*begins), minutes(*ends)))
            .collect()
    }
}

pub(super) fn ms(minutes: u16) -> i64 {
    i64::from(minutes).saturating_mul(MINUTE_MS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::when::When;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn schedule(days: &[u16], from: &str, to: &str, zone: &str) -> Schedule {
        let time = |text| TimeOfDay::parse(text).unwrap();
        Schedule::new(
            days.iter().copied(),
            time(from),
            time(to),
            Zone::named(zone).unwrap(),
        )
    }

    fn holds(schedule: &Schedule, instant: Timestamp) -> bool {
        When::Weekly(schedule.clone()).contains(instant)
    }

    fn next(schedule: &Schedule, holds: bool, from: &str) -> Option<String> {
        let last = at("2040-01-01T00:00:00Z");
        When::Weekly(schedule.clone())
            .next(holds, at(from), last)
            .map(|t| t.to_string())
    }

    #[test]
    fn a_time_of_day_is_two_digits_and_two() {
        for (text, minutes) in [
            ("00:00", 0),
            ("07:05", 425),
            ("23:59", 1439),
            ("24:00", 1440),
        ] {
            assert_eq!(TimeOfDay::parse(text), Some(TimeOfDay(minutes)));
        }
        for text in [
            "7:00",
            "24:01",
            "12:60",
            "1200",
            "",
            "12:00:00",
            "-1:00",
            "+1:00",
            "１２:00",
        ] {
            assert_eq!(TimeOfDay::parse(text), None, "{text}");
        }
    }

    #[test]
    fn weekdays_hold_by_the_wall_clock_of_the_zone() {
        let work = schedule(&[0, 1, 2, 3, 4], "07:00", "19:00", "Europe/Berlin");
        // Friday, 30 January 2026, in winter: 07:00 is 06:00 in UTC.
        assert!(!holds(&work, at("2026-01-30T05:59:59.999Z")));
        assert!(holds(&work, at("2026-01-30T06:00:00Z")));
        assert!(!holds(&work, at("2026-01-30T18:00:00Z")));
        assert_eq!(
            next(&work, true, "2026-01-30T18:00:00Z").unwrap(),
            "2026-02-02T06:00:00Z"
        );
        assert_eq!(
            next(&work, false, "2026-01-30T06:00:00Z").unwrap(),
            "2026-01-30T18:00:00Z"
        );
        // Over the last weekend of winter: Monday's 07:00 is 05:00 in UTC.
        assert_eq!(
            next(&work, true, "2026-03-27T18:00:00Z").unwrap(),
            "2026-03-30T05:00:00Z"
        );
    }

    #[test]
    fn a_night_belongs_to_the_day_it_began_on() {
        let night = schedule(&[6], "22:00", "06:00", "UTC");
        assert!(holds(&night, at("2026-02-01T22:00:00Z")));
        assert!(holds(&night, at("2026-02-02T05:59:59.999Z")));
        assert!(!holds(&night, at("2026-02-02T06:00:00Z")));
        assert!(!holds(&night, at("2026-02-01T05:00:00Z")));
        assert_eq!(
            next(&night, false, "2026-02-01T23:00:00Z").unwrap(),
            "2026-02-02T06:00:00Z"
        );
    }

    #[test]
    fn an_hour_that_the_clock_repeats_counts_twice_and_one_that_it_skips_not_at_all() {
        let small_hours = schedule(&[6], "02:00", "03:00", "Europe/Berlin");
        // 29 March 2026: 02:00 to 03:00 does not happen.
        assert_eq!(
            next(&small_hours, true, "2026-03-28T00:00:00Z").unwrap(),
            "2026-04-05T00:00:00Z"
        );
        // 25 October 2026: it happens at 00:00 and at 01:00 in UTC.
        assert_eq!(
            next(&small_hours, true, "2026-10-24T00:00:00Z").unwrap(),
            "2026-10-25T00:00:00Z"
        );
        assert_eq!(
            next(&small_hours, false, "2026-10-25T00:00:00Z").unwrap(),
            "2026-10-25T02:00:00Z"
        );
        let half = schedule(&[6], "02:00", "02:30", "Europe/Berlin");
        assert_eq!(
            next(&half, false, "2026-10-25T00:00:00Z").unwrap(),
            "2026-10-25T00:30:00Z"
        );
        assert_eq!(
            next(&half, true, "2026-10-25T00:30:00Z").unwrap(),
            "2026-10-25T01:00:00Z"
        );
    }

    #[test]
    fn a_whole_week_always_holds_and_an_empty_one_never() {
        let week = schedule(&[0, 1, 2, 3, 4, 5, 6], "00:00", "24:00", "UTC");
        assert!(week.week().is_full());
        assert_eq!(next(&week, false, "2026-01-01T00:00:00Z"), None);
        let (early, late) = (
            schedule(&[0], "00:00", "12:00", "UTC"),
            schedule(&[0], "12:00", "24:00", "UTC"),
        );
        assert!(early.and(&late).week().is_empty());
        assert_eq!(early.or(&late).stretches(), [(0, 1440)]);
        assert_eq!(next(&early.and(&late), true, "2026-01-01T00:00:00Z"), None);
    }

    #[test]
    fn a_stretch_that_ends_with_the_week_goes_on_in_the_next() {
        let days = schedule(&[6, 0], "00:00", "24:00", "UTC");
        assert_eq!(
            next(&days, false, "2026-02-01T12:00:00Z").unwrap(),
            "2026-02-03T00:00:00Z"
        );
        let nights = schedule(&[0, 1, 2, 3, 4, 5, 6], "12:00", "11:59", "UTC");
        assert_eq!(
            next(&nights, false, "2026-02-01T13:00:00Z").unwrap(),
            "2026-02-02T11:59:00Z"
        );
    }

    #[test]
    fn a_zone_is_one_of_the_database_that_is_built_in() {
        assert_eq!(Zone::named("europe/berlin").unwrap().name, "Europe/Berlin");
        for name in ["", "Mars/Olympus", "+01:00", "../etc/passwd"] {
            assert_eq!(Zone::named(name), None, "{name}");
        }
    }
}
