//! The calendar and the wall clocks of the naive evaluator: years added in UTC, and local times by `chrono-tz`.

use chrono::{DateTime, Datelike, NaiveDate, Offset, TimeZone, Weekday};
use chrono_tz::Tz;

use super::model::Schedule;

/// A second in milliseconds.
pub const SECOND: i64 = 1_000;
/// A minute in milliseconds.
pub const MINUTE: i64 = 60 * SECOND;
/// An hour in milliseconds.
pub const HOUR: i64 = 60 * MINUTE;
/// A day of 24 hours in milliseconds.
pub const DAY: i64 = 24 * HOUR;

/// The same month, day and time (UTC) this number of years later or, if negative, earlier; 29 February becomes 1 March where
/// there is none. `None` beyond the calendar.
pub fn years_after(instant: i64, years: i32) -> Option<i64> {
    let then = DateTime::from_timestamp_millis(instant)?.naive_utc();
    let year = then.year().checked_add(years)?;
    let date = match then.date().with_year(year) {
        Some(date) => date,
        None => NaiveDate::from_ymd_opt(year, 3, 1)?,
    };
    Some(date.and_time(then.time()).and_utc().timestamp_millis())
}

/// How far the zone's wall clock is ahead of UTC at an instant.
pub fn offset(zone: Tz, instant: i64) -> i64 {
    match DateTime::from_timestamp_millis(instant) {
        Some(utc) => {
            i64::from(
                zone.offset_from_utc_datetime(&utc.naive_utc())
                    .fix()
                    .local_minus_utc(),
            ) * SECOND
        }
        None => 0,
    }
}

/// Whether the schedule's wall clock reads a time inside. In a zone that is not known it never does.
pub fn inside(schedule: &Schedule, now: i64) -> bool {
    let Ok(zone) = schedule.zone.parse::<Tz>() else {
        return false;
    };
    let wall = now + offset(zone, now);
    let time = wall.rem_euclid(DAY);
    let today = weekday(wall.div_euclid(DAY));
    let from = i64::from(schedule.from) * MINUTE;
    let to = i64::from(schedule.to) * MINUTE;
    let begins = |day: Weekday| schedule.days.contains(&day);
    if from < to {
        begins(today) && from <= time && time < to
    } else {
        (begins(today) && from <= time) || (begins(today.pred()) && time < to)
    }
}

/// The weekday of a day counted from 1970-01-01, which was a Thursday.
fn weekday(day: i64) -> Weekday {
    match day.rem_euclid(7) {
        0 => Weekday::Thu,
        1 => Weekday::Fri,
        2 => Weekday::Sat,
        3 => Weekday::Sun,
        4 => Weekday::Mon,
        5 => Weekday::Tue,
        _ => Weekday::Wed,
    }
}

/// Every instant strictly between two at which one of the schedules can open or shut, in order, found day by day as the
/// iterator is pulled. Some of them change nothing; none that does is left out.
pub fn schedule_edges(
    schedules: &[Schedule],
    after: i64,
    before: i64,
) -> impl Iterator<Item = i64> + '_ {
    let days = after.div_euclid(DAY)..=before.div_euclid(DAY);
    days.flat_map(move |day| {
        let mut edges: Vec<i64> = schedules
            .iter()
            .flat_map(|schedule| edges_of_day(schedule, day))
            .collect();
        edges.retain(|&edge| after < edge && edge < before && edge.div_euclid(DAY) == day);
        edges.sort_unstable();
        edges.dedup();
        edges
    })
}

/// The clock changes of one day of UTC, and each local midnight, `from` and `to` of the local days about it, read with
/// every offset that is in force on that day.
fn edges_of_day(schedule: &Schedule, day: i64) -> Vec<i64> {
    let Ok(zone) = schedule.zone.parse::<Tz>() else {
        return Vec::new();
    };
    let changes = clock_changes(zone, day * DAY, (day + 1) * DAY);
    let mut offsets = vec![offset(zone, day * DAY)];
    offsets.extend(changes.iter().map(|&change| offset(zone, change)));
    let mut edges = changes;
    for local_day in day - 1..=day + 1 {
        for minute in [0, schedule.from, schedule.to] {
            let wall = local_day * DAY + i64::from(minute) * MINUTE;
            edges.extend(offsets.iter().map(|ahead| wall - ahead));
        }
    }
    edges
}

/// The first instants of a new offset after `start`, up to `end`. Looks every six hours, then halves.
pub fn clock_changes(zone: Tz, start: i64, end: i64) -> Vec<i64> {
    let mut changes = Vec::new();
    let mut left = start;
    while left < end {
        let right = (left + 6 * HOUR).min(end);
        if offset(zone, left) != offset(zone, right) {
            changes.push(first_change(zone, left, right));
        }
        left = right;
    }
    changes
}

/// The first instant whose offset is not that of `old`, where that of `new` is not.
fn first_change(zone: Tz, old: i64, new: i64) -> i64 {
    let before = offset(zone, old);
    let (mut old, mut new) = (old, new);
    while new - old > 1 {
        let middle = old + (new - old) / 2;
        if offset(zone, middle) == before {
            old = middle;
        } else {
            new = middle;
        }
    }
    new
}
