//! A weekly schedule: the times that a clock on a wall in one zone may read. Pointwise, so that an hour that the clock
//! repeats counts twice, and one that it skips not at all.

use std::fmt;

use jiff::tz::{TimeZone, TimeZoneDatabase};

use super::time::{Timestamp, from_millis};

const MINUTE_MS: i64 = 60_000;
const DAY_MINUTES: u16 = 24 * 60;
const WEEK_MINUTES: u16 = 7 * DAY_MINUTES;
const WEEK_MS: i64 = WEEK_MINUTES as i64 * MINUTE_MS;
/// 1970 began on a Thursday, three days after a Monday.
const MONDAY_TO_EPOCH_MS: i64 = 3 * 24 * 60 * MINUTE_MS;

/// The days of a week as policies write them.
pub const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Times of the week in one zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Half-open stretches in minutes since Monday began; sorted, apart from one another.
    stretches: Vec<(u16, u16)>,
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
        let mut stretches = Vec::new();
        for day in days {
            let begins = day.saturating_mul(DAY_MINUTES).saturating_add(from.0);
            let ends = begins.saturating_add(length);
            stretches.push((begins, ends.min(WEEK_MINUTES)));
            if ends > WEEK_MINUTES {
                stretches.push((0, ends.saturating_sub(WEEK_MINUTES)));
            }
        }
        Self {
            stretches: joined(stretches),
            zone,
        }
    }

    /// Whether it holds at this instant.
    pub fn contains(&self, instant: Timestamp) -> bool {
        let offset_ms =
            i64::from(self.zone.rules.to_offset(instant).seconds()).saturating_mul(1000);
        let local_ms = week_ms(instant, offset_ms);
        self.stretches
            .iter()
            .any(|(begins, ends)| (ms(*begins)..ms(*ends)).contains(&local_ms))
    }

    /// The first instant, from `from` to `last`, at which it does (or does not) hold. Between two changes of the zone's
    /// offset the wall clock runs evenly, so each such span takes one look.
    pub fn next(&self, holds: bool, from: Timestamp, last: Timestamp) -> Option<Timestamp> {
        if (holds && self.is_never()) || (!holds && self.is_always()) {
            return None;
        }
        let mut span_begins = from;
        while span_begins <= last {
            let rules = &self.zone.rules;
            let span_ends = rules.following(span_begins).next().map(|t| t.timestamp());
            let offset = rules.to_offset(span_begins).seconds();
            let offset_ms = i64::from(offset).saturating_mul(1000);
            let wait = self.wait_ms(holds, week_ms(span_begins, offset_ms));
            let next = from_millis(span_begins.as_millisecond().saturating_add(wait));
            match span_ends {
                Some(span_ends) if span_ends <= next => span_begins = span_ends,
                _ => return Some(next),
            }
        }
        None
    }

    /// How long it is, on a clock that runs evenly, until it does (or does not) hold.
    fn wait_ms(&self, holds: bool, local_ms: i64) -> i64 {
        let inside = self
            .stretches
            .iter()
            .find(|(begins, ends)| (ms(*begins)..ms(*ends)).contains(&local_ms));
        let next_begin = || {
            let begins = self.stretches.iter().map(|(begins, _)| ms(*begins));
            let ahead = begins.map(|begins| (begins - local_ms).rem_euclid(WEEK_MS));
            ahead.min().unwrap_or(WEEK_MS)
        };
        match inside {
            None if holds => next_begin(),
            None => 0,
            Some(_) if holds => 0,
            Some((_, ends)) => {
                let wait = ms(*ends) - local_ms;
                // A stretch that ends with the week may go on in the next.
                match self.stretches.first() {
                    Some((0, more)) if *ends == WEEK_MINUTES => wait + ms(*more),
                    _ => wait,
                }
            }
        }
    }

    /// Whether both are of the same zone.
    pub fn shares_zone(&self, other: &Self) -> bool {
        self.zone.name == other.zone.name
    }

    /// The times that both have, this zone being the other's.
    pub fn and(&self, other: &Self) -> Self {
        let meet = |(a, b): &(u16, u16)| {
            let (a, b) = (*a, *b);
            let met = other
                .stretches
                .iter()
                .map(move |(c, d)| (a.max(*c), b.min(*d)));
            met.filter(|(begins, ends)| begins < ends)
        };
        Self {
            stretches: joined(self.stretches.iter().flat_map(meet).collect()),
            zone: self.zone.clone(),
        }
    }

    /// The times that either has, this zone being the other's.
    pub fn or(&self, other: &Self) -> Self {
        Self {
            stretches: joined([self.stretches.as_slice(), &other.stretches].concat()),
            zone: self.zone.clone(),
        }
    }

    /// Whether it never holds.
    pub fn is_never(&self) -> bool {
        self.stretches.is_empty()
    }

    /// Whether it always holds.
    pub fn is_always(&self) -> bool {
        self.stretches == [(0, WEEK_MINUTES)]
    }

    /// The zone's name.
    pub fn zone(&self) -> &str {
        &self.zone.name
    }

    /// The stretches in minutes since Monday began, sorted and apart from one another.
    pub fn stretches(&self) -> &[(u16, u16)] {
        &self.stretches
    }
}

/// The milliseconds since Monday began, on a wall clock that is so far ahead of UTC.
fn week_ms(instant: Timestamp, offset_ms: i64) -> i64 {
    instant
        .as_millisecond()
        .saturating_add(offset_ms)
        .saturating_add(MONDAY_TO_EPOCH_MS)
        .rem_euclid(WEEK_MS)
}

fn ms(minutes: u16) -> i64 {
    i64::from(minutes) * MINUTE_MS
}

/// The same times, sorted, with stretches that touch made one.
fn joined(mut stretches: Vec<(u16, u16)>) -> Vec<(u16, u16)> {
    stretches.sort_unstable();
    let mut joined: Vec<(u16, u16)> = Vec::with_capacity(stretches.len());
    for (begins, ends) in stretches {
        match joined.last_mut() {
            Some((_, last)) if begins <= *last => *last = ends.max(*last),
            _ => joined.push((begins, ends)),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

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

    fn next(schedule: &Schedule, holds: bool, from: &str) -> Option<String> {
        let last = at("2040-01-01T00:00:00Z");
        schedule.next(holds, at(from), last).map(|t| t.to_string())
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
        assert!(!work.contains(at("2026-01-30T05:59:59.999Z")));
        assert!(work.contains(at("2026-01-30T06:00:00Z")));
        assert!(!work.contains(at("2026-01-30T18:00:00Z")));
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
        assert!(night.contains(at("2026-02-01T22:00:00Z")));
        assert!(night.contains(at("2026-02-02T05:59:59.999Z")));
        assert!(!night.contains(at("2026-02-02T06:00:00Z")));
        assert!(!night.contains(at("2026-02-01T05:00:00Z")));
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
        assert!(week.is_always());
        assert_eq!(next(&week, false, "2026-01-01T00:00:00Z"), None);
        let (early, late) = (
            schedule(&[0], "00:00", "12:00", "UTC"),
            schedule(&[0], "12:00", "24:00", "UTC"),
        );
        assert!(early.and(&late).is_never());
        assert_eq!(early.or(&late).stretches, [(0, 1440)]);
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
