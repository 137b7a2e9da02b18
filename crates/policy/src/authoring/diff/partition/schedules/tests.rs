//! Times of the week in words, and the combinations that occur.

use std::collections::BTreeMap;

use super::{spans::Span, *};
use crate::{
    limits::WEEK_MS,
    schedule::{TimeOfDay, Zone},
    time::from_millis,
    when::When,
};

fn schedule(days: &[u16], from: &str, to: &str, zone: &str) -> Schedule {
    let time = |text| TimeOfDay::parse(text).unwrap();
    let zone = Zone::named(zone).unwrap();
    Schedule::new(days.iter().copied(), time(from), time(to), zone)
}

#[test]
fn times_of_the_week_read_as_a_person_writes_them() {
    let work = schedule(&[0, 1, 2, 3, 4], "07:00", "19:00", "Europe/Berlin");
    assert_eq!(times_of_week(&work.stretches()), "mon-fri 07:00-19:00");
    let night = schedule(&[5, 6], "22:00", "06:00", "Europe/Berlin");
    assert_eq!(
        times_of_week(&night.stretches()),
        "mon and sun 00:00-06:00, sat and sun 22:00-24:00"
    );
}

#[test]
fn zones_meet_only_as_their_offsets_allow() {
    // Berlin is five or six hours ahead of New York, so these meet only when it is five.
    let berlin = schedule(&[2], "17:00", "18:00", "Europe/Berlin");
    let new_york = schedule(&[2], "12:00", "13:00", "America/New_York");
    let inside = [Condition::Inside(&berlin), Condition::Inside(&new_york)];
    let schedules = Schedules::of(&inside);
    let [in_berlin, in_new_york] =
        inside.map(|condition| Regions::of(4, schedules.meeting(condition)));
    let both = in_berlin.and(&in_new_york);
    for instant in schedules.instants(&both) {
        assert!(When::Weekly(berlin.clone()).contains(from_millis(instant)));
        assert!(When::Weekly(new_york.clone()).contains(from_millis(instant)));
    }
    assert_eq!(both.iter().count(), 1);
    // Never five hours apart at the same reading.
    let tokyo = schedule(&[2], "12:00", "13:00", "Asia/Tokyo");
    let apart = [Condition::Inside(&tokyo), Condition::Inside(&new_york)];
    assert_eq!(Schedules::of(&apart).len(), 3);
}

#[test]
fn a_time_shorter_than_a_week_does_not_stand_for_a_whole_one() {
    let monday = schedule(&[0], "07:00", "08:00", "UTC");
    let hour = 3_600_000;
    let span = |start_ms, end_ms| Span {
        start_ms,
        end_ms,
        offsets: vec![0],
    };
    // The first is a part of a Saturday; only the second has a Monday.
    let (start, day) = (WITNESS_MS, 24 * hour);
    let short = span(start, start + hour);
    let long = span(short.end_ms, short.end_ms + 2 * WEEK_MS);
    let (first, last) = (short.start_ms, long.end_ms - 1);
    let spans = [short, long];
    for (extreme, outside, inside) in [
        (Extreme::First, first, start + 2 * day + 7 * hour),
        (Extreme::Last, last, start + 9 * day + 8 * hour - 1),
    ] {
        assert_eq!(
            combinations(&[&monday], &spans, extreme),
            BTreeMap::from([(vec![false], outside), (vec![true], inside)])
        );
    }
}
