//! Schedules: pointwise on the wall clock, past midnight, over clock changes, and their edges.

use chrono_tz::Tz;

use super::super::clock::{clock_changes, inside, offset, schedule_edges};
use super::super::strategy::CLOCK_CHANGES;
use super::*;

const WEEKDAYS: [Weekday; 5] = [
    Weekday::Mon,
    Weekday::Tue,
    Weekday::Wed,
    Weekday::Thu,
    Weekday::Fri,
];
const ALL: [Weekday; 7] = [
    Weekday::Mon,
    Weekday::Tue,
    Weekday::Wed,
    Weekday::Thu,
    Weekday::Fri,
    Weekday::Sat,
    Weekday::Sun,
];

fn open(schedule: &Schedule, at: &str) -> bool {
    inside(schedule, ms(at))
}

#[test]
fn a_schedule_is_open_from_its_first_millisecond_to_the_one_before_its_end() {
    let office = hours(&WEEKDAYS, 7 * 60, 19 * 60, "Europe/Berlin");
    assert!(!open(&office, "2026-06-15T06:59:59.999+02:00"));
    assert!(open(&office, "2026-06-15T07:00:00+02:00"));
    assert!(open(&office, "2026-06-15T18:59:59.999+02:00"));
    assert!(!open(&office, "2026-06-15T19:00:00+02:00"));
    assert!(!open(&office, "2026-06-14T12:00:00+02:00"), "a Sunday");
    assert!(
        open(&office, "2026-01-16T07:00:00+01:00"),
        "a Friday in winter"
    );
}

#[test]
fn outside_a_schedule_is_its_own_reason() {
    let office = hours(&WEEKDAYS, 7 * 60, 19 * 60, "UTC");
    assert_holds(
        Requirement::Schedule(office.clone()),
        &answered(NOW, Verification::default()),
    );
    let night = answered(NOW + 12 * HOUR, Verification::default());
    assert_fails(Requirement::Schedule(office), &night, "OUTSIDE_SCHEDULE");
}

#[test]
fn twenty_four_o_clock_is_the_end_of_the_day() {
    let evening = hours(&[Weekday::Mon], 18 * 60, 24 * 60, "UTC");
    assert!(open(&evening, "2026-06-15T23:59:59.999Z"));
    assert!(!open(&evening, "2026-06-16T00:00:00Z"));
    let midnight = hours(&[Weekday::Mon], 18 * 60, 0, "UTC");
    assert!(open(&midnight, "2026-06-15T23:59:59.999Z"));
    assert!(!open(&midnight, "2026-06-16T00:00:00Z"));
    assert!(!open(&midnight, "2026-06-15T00:00:00Z"));
}

#[test]
fn a_night_shift_belongs_to_the_day_it_began_on() {
    let friday_night = hours(&[Weekday::Fri], 22 * 60, 6 * 60, "UTC");
    assert!(open(&friday_night, "2026-06-19T22:00:00Z"));
    assert!(
        open(&friday_night, "2026-06-20T05:59:59.999Z"),
        "Saturday morning"
    );
    assert!(!open(&friday_night, "2026-06-20T06:00:00Z"));
    assert!(
        !open(&friday_night, "2026-06-19T05:00:00Z"),
        "Friday morning is Thursday's"
    );
    assert!(
        !open(&friday_night, "2026-06-20T22:00:00Z"),
        "Saturday evening"
    );
}

#[test]
fn an_hour_that_the_clock_repeats_counts_twice() {
    let half_past_two = hours(&[Weekday::Sun], 150, 151, "Europe/Berlin");
    assert!(open(&half_past_two, "2026-10-25T02:30:00+02:00"));
    assert!(!open(&half_past_two, "2026-10-25T02:31:00+02:00"));
    assert!(open(&half_past_two, "2026-10-25T02:30:00+01:00"));
    let case = answered(ms("2026-10-25T00:30:00Z"), Verification::default());
    let change =
        |case: &Case| outcome(Requirement::Schedule(half_past_two.clone()), case).next_change;
    assert_eq!(change(&case), Some((ms("2026-10-25T00:31:00Z"), DENY)));
    let between = Case {
        at: ms("2026-10-25T00:31:00Z"),
        ..case
    };
    assert_eq!(change(&between), Some((ms("2026-10-25T01:30:00Z"), ALLOW)));
}

#[test]
fn an_hour_that_the_clock_skips_does_not_count_at_all() {
    let skipped = hours(&[Weekday::Sun], 120, 180, "Europe/Berlin");
    let case = answered(ms("2024-03-30T12:00:00Z"), Verification::default());
    let change = outcome(Requirement::Schedule(skipped), &case).next_change;
    assert_eq!(
        change,
        Some((ms("2024-04-07T02:00:00+02:00"), ALLOW)),
        "the Sunday after"
    );
    let into = hours(&[Weekday::Sun], 150, 240, "Europe/Berlin");
    let change = outcome(Requirement::Schedule(into), &case).next_change;
    assert_eq!(
        change,
        Some((ms("2024-03-31T01:00:00Z"), ALLOW)),
        "it opens when the clock jumps to 3:00"
    );
}

#[test]
fn a_schedule_can_shut_by_the_clock_going_back() {
    let from_half_past_two = hours(&[Weekday::Sun], 150, 240, "Europe/Berlin");
    let case = answered(ms("2026-10-25T02:45:00+02:00"), Verification::default());
    let change = outcome(Requirement::Schedule(from_half_past_two), &case).next_change;
    assert_eq!(change, Some((ms("2026-10-25T02:00:00+01:00"), DENY)));
}

#[test]
fn half_hour_zones_and_half_hour_changes_are_read_right() {
    let kolkata = hours(&ALL, 0, 1, "Asia/Kolkata");
    assert!(open(&kolkata, "2025-12-31T18:30:59.999Z"));
    assert!(!open(&kolkata, "2025-12-31T18:31:00Z"));
    let lord_howe = hours(&ALL, 120, 150, "Australia/Lord_Howe");
    assert!(
        !open(&lord_howe, "2024-10-05T15:30:00Z"),
        "2:00 jumps to 2:30"
    );
    assert!(
        !open(&lord_howe, "2025-04-05T15:00:00Z"),
        "2:00 falls to 1:30"
    );
    assert!(open(&lord_howe, "2025-04-05T15:30:00Z"));
}

#[test]
fn a_zone_that_nobody_knows_is_never_open() {
    assert!(!open(
        &hours(&ALL, 0, 1440, "Mars/Olympus"),
        "2026-06-15T12:00:00Z"
    ));
}

#[test]
fn clock_changes_are_found_to_the_millisecond_and_still_come_in_2045() {
    for (name, change) in CLOCK_CHANGES {
        let zone: Tz = name.parse().expect("a zone");
        let found = clock_changes(zone, change - DAY, change + DAY);
        assert_eq!(
            found,
            if name == "Asia/Kolkata" {
                vec![]
            } else {
                vec![change]
            },
            "{name} {change}"
        );
    }
    let berlin = Tz::Europe__Berlin;
    let year = clock_changes(
        berlin,
        ms("2045-01-01T00:00:00Z"),
        ms("2046-01-01T00:00:00Z"),
    );
    assert_eq!(
        year,
        [ms("2045-03-26T01:00:00Z"), ms("2045-10-29T01:00:00Z")]
    );
    assert_eq!(offset(berlin, ms("2045-07-01T00:00:00Z")), 2 * HOUR);
}

#[test]
fn between_two_edges_no_schedule_changes() {
    let shapes = [
        hours(&WEEKDAYS, 150, 150 + 1, "Europe/Berlin"),
        hours(&[Weekday::Sun, Weekday::Mon], 1320, 121, "Europe/Berlin"),
    ];
    for (zone, change) in CLOCK_CHANGES {
        for shape in &shapes {
            let schedule = Schedule {
                zone: zone.to_owned(),
                ..shape.clone()
            };
            let (after, before) = (change - 3 * DAY, change + 3 * DAY);
            let edges: Vec<i64> =
                schedule_edges(std::slice::from_ref(&schedule), after, before).collect();
            let minutes = (1..6 * 24 * 60).map(|minute| after + minute * 60_000);
            for minute in minutes {
                let flips = inside(&schedule, minute) != inside(&schedule, minute - 1);
                assert!(
                    !flips || edges.contains(&minute),
                    "{schedule:?} flips at {minute}"
                );
                assert_eq!(
                    inside(&schedule, minute),
                    inside(&schedule, minute + 59_999),
                    "whole minutes only"
                );
            }
            assert!(edges.is_sorted());
        }
    }
}
