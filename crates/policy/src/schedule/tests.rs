//! Schedules by the clocks of their zones.

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
