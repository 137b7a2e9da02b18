//! What the clocks show, and ages by both of them.

use super::*;

#[test]
fn a_manual_clock_stands_still_until_it_is_moved() {
    let clock = ManualClock::at(from_millis(1_000));
    assert_eq!(clock.now(), from_millis(1_000));
    clock.advance(Duration::from_millis(5));
    assert_eq!(clock.now(), from_millis(1_005));
    clock.set(from_millis(3));
    assert_eq!(clock.now(), from_millis(3));
}

#[test]
fn age_is_the_larger_of_two_clocks() {
    let clock = ManualClock::at(from_millis(1_000_000));
    let earlier = clock.moment();
    let age_ms = |clock: &ManualClock| {
        let age = clock.moment().age_of(earlier);
        age.map(|age| age.as_millis())
    };
    assert_eq!(age_ms(&clock), Some(0));
    clock.advance(Duration::from_mins(1));
    assert_eq!(age_ms(&clock), Some(60_000));
    // Set back by 10 s: the uptime is the larger one. By more: one of both instants was read from a wrong clock.
    clock.set(from_millis(1_050_000));
    assert_eq!(age_ms(&clock), Some(60_000));
    clock.set(from_millis(1_049_999));
    assert_eq!(age_ms(&clock), None);
    // Set forwards, or the machine slept: the wall clock is the larger one.
    clock.set(from_millis(1_100_000));
    assert_eq!(age_ms(&clock), Some(100_000));
}

#[test]
fn the_system_clock_never_runs_backwards() {
    let (first, second) = (SystemClock.moment(), SystemClock.moment());
    assert!(first.uptime <= second.uptime);
}

#[test]
fn the_system_clock_reads_whole_milliseconds() {
    assert_eq!(SystemClock.now().as_nanosecond() % 1_000_000, 0);
}
