//! Sequences of beginnings, by right and wrong clocks, against the true time.

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::policy::from_millis;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
const WEEK: Duration = Duration::from_hours(7 * 24);

fn days(days: i64) -> Timestamp {
    from_millis(days * DAY)
}

/// The ages of closed segments in days, whose beginnings are on these days.
fn ages(beginnings: &[i64], process: i64, now: i64) -> Vec<Option<u64>> {
    let beginnings: Vec<_> = beginnings.iter().map(|day| Some(days(*day))).collect();
    let ages = Ages::new(&beginnings, days(process), WEEK, days(now));
    let closed = 0..beginnings.len() - 1;
    let of = |segment| Some(ages.age_of(ages.ended_at(segment)?).as_secs() / 86_400);
    closed.map(of).collect()
}

#[test]
fn a_pause_of_more_than_a_week_is_not_part_of_an_age() {
    // A service that runs, or was off for a week.
    assert_eq!(ages(&[1, 2, 3], 3, 5), [Some(3), Some(2)]);
    assert_eq!(ages(&[1, 2, 3], 10, 10), [Some(8), Some(7)]);
    // One that begins with a clock years ahead, or was off for long, also after it has begun a segment, and when it is started again.
    assert_eq!(ages(&[1, 2, 3], 4000, 4000), [Some(1), Some(0)]);
    assert_eq!(ages(&[1, 2, 4000], 4000, 4001), [Some(1), Some(1)]);
    assert_eq!(
        ages(&[1, 2, 3, 4000], 4003, 4003),
        [Some(4), Some(3), Some(3)]
    );
    // Its uptime confirms the rest, however rarely it has begun a segment.
    assert_eq!(ages(&[1, 2, 4050], 4000, 4090), [Some(90), Some(40)]);
}

#[test]
fn what_was_recorded_with_a_clock_that_was_behind_is_not_old() {
    // The second one began with a clock that was not set yet.
    assert_eq!(ages(&[20_000, 0, 20_004], 20_004, 20_004), [Some(0); 2]);
    // The first ones did.
    let first = ages(&[0, 1, 2, 20_000, 20_001], 20_001, 20_002);
    assert_eq!(first, [Some(3), Some(2), Some(2), Some(1)]);
    // By two clocks.
    assert_eq!(ages(&[0, 400, 20_000], 20_000, 20_000), [Some(0); 2]);
}

#[test]
fn what_was_recorded_with_a_clock_that_was_ahead_does_not_stay_for_years() {
    assert_eq!(
        ages(&[1, 2, 4000, 3, 4], 4, 5),
        [Some(3), Some(2), Some(2), Some(1)]
    );
    // Nothing later says when it ended.
    assert_eq!(ages(&[1, 4000], 2, 3), [None]);
    // The process began then, too, and runs on.
    assert_eq!(
        ages(&[1, 2, 3, 4000, 4], 4000, 5),
        [Some(3), Some(2), Some(1), Some(1)]
    );
}

#[test]
fn a_beginning_that_cannot_be_read_is_as_if_there_were_none() {
    let beginnings = [Some(days(1)), None, Some(days(3)), None];
    let ages = Ages::new(&beginnings, days(3), WEEK, days(5));
    let ended = [0, 1, 2].map(|segment| ages.ended_at(segment));
    assert_eq!(ended, [Some(days(3)), Some(days(3)), None]);
}

/// A beginning: how long after the one before, and how far its clock was off, in hours; and whether it can be read.
type Begun = (i64, i64, bool);

/// The true instants of these beginnings, and what the journal has of them, in milliseconds.
fn instants(begun: &[Begun]) -> Vec<(i64, Option<i64>)> {
    let mut at = 20_000 * DAY;
    let instants = begun.iter().map(|(gap, off, is_read)| {
        at += gap * HOUR;
        (at, is_read.then_some(at + off * HOUR))
    });
    instants.collect()
}

/// By how much each closed segment counts as older than its last line may be, in milliseconds.
fn excess(begun: &[Begun], off: i64, uptime: i64) -> Vec<i64> {
    let instants = instants(begun);
    let written: Vec<_> = instants.iter().map(|(_, at)| at.map(from_millis)).collect();
    let process = instants.last().unwrap().0;
    let now = process + uptime * HOUR;
    let clock = |at: i64| from_millis(at + off * HOUR);
    let ages = Ages::new(&written, clock(process), WEEK, clock(now));
    let ages = instants.iter().enumerate().skip(1).map(|(next, (at, _))| {
        let age = ages.ended_at(next - 1).map(|at| ages.age_of(at));
        let age = i64::try_from(age.unwrap_or_default().as_millis()).unwrap();
        age - (now - at)
    });
    ages.collect()
}

fn gap() -> impl Strategy<Value = i64> {
    prop_oneof![4 => 0..48_i64, 2 => 0..7 * 24_i64, 1 => 0..20 * 24_i64]
}

/// A clock that is right, or wrong by so much that it cannot be taken for another one.
fn clock() -> impl Strategy<Value = i64> {
    prop_oneof![Just(0), (-8..8_i64).prop_map(|n| n * 1000 * 24)]
}

proptest! {
    #[test]
    fn nothing_counts_as_older_than_it_is_whatever_the_clocks_said(
        begun in vec((gap(), clock(), prop::bool::weighted(0.9)), 2..40),
        off in clock(),
        uptime in 0..200 * 24_i64,
    ) {
        for excess in excess(&begun, off, uptime) {
            prop_assert!(excess <= 0, "{} days too old", excess / DAY);
        }
    }

    #[test]
    fn a_clock_that_is_off_by_less_than_a_pause_makes_nothing_older_by_more(
        begun in vec((gap(), -2_000..2_000_i64, Just(true)), 2..20),
        off in -2_000..2_000_i64,
        uptime in 0..200 * 24_i64,
    ) {
        let changes = i64::try_from(begun.len()).unwrap();
        for excess in excess(&begun, off, uptime) {
            prop_assert!(excess <= 7 * DAY * changes, "{} days too old", excess / DAY);
        }
    }

    #[test]
    fn what_is_old_becomes_so_once_the_clock_was_right_for_long_enough(
        begun in vec((gap(), -100 * 24..100 * 24_i64, any::<bool>()), 1..20),
        right in vec((1..7 * 24_i64, Just(0), Just(true)), 100..120),
    ) {
        let all = [begun.clone(), right].concat();
        let written = instants(&all);
        let (process, now) = (written.last().unwrap().0, written.last().unwrap().0 + HOUR);
        // Clocks that were ahead are passed, and as much time again has gone by.
        prop_assume!(now - written[begun.len()].0 > 250 * DAY);
        let beginnings: Vec<_> = written.iter().map(|(_, at)| at.map(from_millis)).collect();
        let ages = Ages::new(&beginnings, from_millis(process), WEEK, from_millis(now));
        for segment in 0..begun.len() {
            let age = ages.age_of(ages.ended_at(segment).unwrap());
            prop_assert!(age >= Duration::from_hours(90 * 24), "{segment}: {age:?}");
        }
    }
}
