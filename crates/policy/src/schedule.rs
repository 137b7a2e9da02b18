//! Weekly schedules by the local time of one zone. An instant is inside if the local time at that instant is. So an hour that a
//! change of the clocks repeats counts twice, and one that it skips does not count.

use std::fmt;

use jiff::{
    civil::{DateTime, Weekday},
    tz::{TimeZone, TimeZoneDatabase},
};

use super::{
    limits::{DAY_MINUTES, MINUTE_MS},
    time::Timestamp,
    week::Week,
};

/// The days of a week as policies write them.
pub const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Times of the week in one zone. Equal schedules have the same times, however they are written.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// In local time.
    week: Week,
    zone: Zone,
    /// How a policy writes it; `None` if it is computed from other schedules.
    written: Option<Written>,
}

/// A schedule as a policy writes it. Not a part of its meaning.
#[derive(Debug, Clone)]
pub struct Written {
    /// In the order of the policy; 0 is Monday.
    pub days: Vec<u16>,
    /// The first time that is inside.
    pub from: TimeOfDay,
    /// The first time that is outside again.
    pub to: TimeOfDay,
}

impl PartialEq for Schedule {
    fn eq(&self, other: &Self) -> bool {
        self.week == other.week && self.zone == other.zone
    }
}

impl Eq for Schedule {}

/// A time zone of the IANA database that is compiled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    name: String,
    rules: TimeZone,
}

impl Zone {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What a calendar and a clock of this zone show at an instant.
    pub fn local(&self, instant: Timestamp) -> LocalTime {
        LocalTime(self.rules.to_datetime(instant))
    }

    /// The zone of this name, if there is one.
    pub fn named(name: &str) -> Option<Self> {
        let rules = TimeZoneDatabase::bundled().get(name).ok()?;
        let name = rules.iana_name()?.to_owned();
        Some(Self { name, rules })
    }

    /// The names of all zones, in order.
    pub(crate) fn names() -> impl Iterator<Item = String> {
        let names = TimeZoneDatabase::bundled();
        let names: Vec<String> = names.available().map(|name| name.to_string()).collect();
        names.into_iter()
    }
}

/// What a calendar and a clock show. By itself `Wed 2026-04-01 07:00`; in short (`{:#}`) `Wed 07:00`. With seconds if there are some.
#[derive(Debug, Clone, Copy)]
pub struct LocalTime(DateTime);

impl fmt::Display for LocalTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let day = match self.0.weekday() {
            Weekday::Monday => "Mon",
            Weekday::Tuesday => "Tue",
            Weekday::Wednesday => "Wed",
            Weekday::Thursday => "Thu",
            Weekday::Friday => "Fri",
            Weekday::Saturday => "Sat",
            Weekday::Sunday => "Sun",
        };
        if f.alternate() {
            write!(f, "{day} ")?;
        } else {
            write!(f, "{day} {} ", self.0.date())?;
        }
        write!(f, "{:02}:{:02}", self.0.hour(), self.0.minute())?;
        match self.0.second() {
            0 => Ok(()),
            seconds => write!(f, ":{seconds:02}"),
        }
    }
}

/// A time of day in minutes: 0 is the midnight at which the day begins, 1440 the midnight at which it ends.
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
    /// On each of these days (0 is Monday), from one time to another; past midnight if `from` is the later one.
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
        let interval = |day: u16| {
            let begins = day.saturating_mul(DAY_MINUTES).saturating_add(from.0);
            (ms(begins), ms(begins.saturating_add(length)))
        };
        let days: Vec<u16> = days.into_iter().collect();
        Self {
            week: Week::new(days.iter().copied().map(interval)),
            zone,
            written: Some(Written { days, from, to }),
        }
    }

    /// The same times in UTC, as long as the zone keeps the offset that it has at this instant.
    pub fn utc(&self, instant: Timestamp) -> Week {
        self.week.behind(self.ahead_ms(instant))
    }

    /// How far local time is ahead of UTC at this instant, in milliseconds.
    pub(super) fn ahead_ms(&self, instant: Timestamp) -> i64 {
        i64::from(self.zone.rules.to_offset(instant).seconds()).saturating_mul(1000)
    }

    /// The instants after this one at which the zone's offset changes.
    pub(super) fn settings(&self, instant: Timestamp) -> impl Iterator<Item = Timestamp> {
        let following = self.zone.rules.following(instant);
        following.map(|transition| transition.timestamp())
    }

    /// The next instant after this one at which the zone's offset changes.
    pub fn offset_changes(&self, instant: Timestamp) -> Option<Timestamp> {
        self.settings(instant).next()
    }

    /// Whether both have the same zone.
    pub fn shares_zone(&self, other: &Self) -> bool {
        self.zone.name == other.zone.name
    }

    /// The times in both, which must have the same zone.
    pub fn and(&self, other: &Self) -> Self {
        Self {
            week: self.week.and(&other.week),
            zone: self.zone.clone(),
            written: None,
        }
    }

    /// The times in either, which must have the same zone.
    pub fn or(&self, other: &Self) -> Self {
        Self {
            week: self.week.or(&other.week),
            zone: self.zone.clone(),
            written: None,
        }
    }

    /// The times of the week, in local time.
    pub fn week(&self) -> &Week {
        &self.week
    }

    /// How a policy writes it, unless it is computed from others.
    pub fn written(&self) -> Option<&Written> {
        self.written.as_ref()
    }

    /// The zone's name.
    pub fn zone(&self) -> &str {
        &self.zone.name
    }

    /// The zone.
    pub fn local_zone(&self) -> &Zone {
        &self.zone
    }

    /// The intervals in minutes since Monday began: half-open, sorted, and not adjacent.
    pub fn intervals(&self) -> Vec<(u16, u16)> {
        let minutes = |ms: i64| u16::try_from(ms / MINUTE_MS).unwrap_or(0);
        let intervals = self.week.intervals().iter();
        intervals
            .map(|(begins, ends)| (minutes(*begins), minutes(*ends)))
            .collect()
    }
}

pub(super) fn ms(minutes: u16) -> i64 {
    i64::from(minutes).saturating_mul(MINUTE_MS)
}

#[cfg(test)]
mod tests;
