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
mod tests;
