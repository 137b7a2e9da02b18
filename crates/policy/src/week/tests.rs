//! Weeks on an even clock.

use super::{super::time::from_millis, *};

#[test]
fn combining_is_pointwise() {
    let (early, late) = (Week::new([(0, 10)]), Week::new([(5, 20), (30, 40)]));
    assert_eq!(early.and(&late), Week::new([(5, 10)]));
    assert_eq!(early.or(&late), Week::new([(0, 20), (30, 40)]));
    assert!(early.and(&Week::constant(false)).is_empty());
    assert!(early.or(&Week::constant(true)).is_full());
}

#[test]
fn a_clock_that_is_behind_may_read_the_week_before() {
    let monday = Week::new([(0, 10)]);
    let sunday = Week::new([(WEEK_MS - 5, WEEK_MS), (0, 5)]);
    assert_eq!(monday.behind(5), sunday);
    assert_eq!(sunday.behind(-5), monday);
}

#[test]
fn a_stretch_that_ends_with_the_week_goes_on_in_the_next() {
    let days = Week::new([(WEEK_MS - 1000, WEEK_MS + 1000)]);
    let monday = from_millis(-MONDAY_TO_EPOCH_MS);
    let before = from_millis(-MONDAY_TO_EPOCH_MS - 500);
    assert_eq!(days.next(true, before), Some(before));
    assert_eq!(
        days.next(false, before),
        Some(from_millis(monday.as_millisecond() + 1000))
    );
    assert_eq!(Week::constant(true).next(false, monday), None);
    assert_eq!(Week::constant(false).next(true, monday), None);
    assert_eq!(Week::constant(false).next(false, monday), Some(monday));
}

#[test]
fn what_would_begin_or_end_after_the_last_instant_never_does() {
    let last = Timestamp::MAX;
    let now = week_ms(last, 0);
    let here = Week::new([(now, now + 10)]);
    assert_eq!(here.next(false, last), None);
    let ahead = Week::new([(now + 10, now + 20)]);
    assert_eq!(ahead.next(true, last), None);
}
