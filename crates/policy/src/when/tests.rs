//! Windows, and combinations of them.

use super::{
    super::{
        schedule::{TimeOfDay, Zone},
        time::from_millis,
    },
    *,
};

#[test]
fn a_window_is_half_open() {
    let (one, two) = (from_millis(1), from_millis(2));
    let window = Window::from(one).and(Window::until(two));
    assert!(window.contains(one));
    assert!(!window.contains(two));
    let next = |when: Window, holds, from| When::Window(when).next(holds, from, Timestamp::MAX);
    assert_eq!(next(window, true, from_millis(0)), Some(one));
    assert_eq!(next(window, true, two), None);
    assert_eq!(next(window, false, one), Some(two));
    assert_eq!(next(Window::ALWAYS, false, one), None);
    assert_eq!(next(Window::NEVER, true, one), None);
    assert!(Window::ALWAYS.contains(Timestamp::MAX));
}

#[test]
fn what_hides_a_schedule_decides_for_as_long_as_it_does() {
    let at = |text: &str| -> Timestamp { text.parse().unwrap() };
    let [from, to] = ["07:00", "19:00"].map(|text| TimeOfDay::parse(text).unwrap());
    // A Monday.
    let now = at("2026-01-05T00:00:00Z");
    let zone = Zone::named("Europe/Berlin").unwrap();
    let mondays = || When::Weekly(Schedule::new([0], from, to, zone.clone()));
    let until = |text| When::Window(Window::until(at(text)));
    let since = |text| When::Window(Window::from(at(text)));
    let next = |when: When, holds| {
        let last = at("2036-01-05T00:00:00Z");
        when.next(holds, now, last).map(|at| at.to_string())
    };
    let past = || until("2026-01-01T00:00:00Z");
    assert_eq!(next(When::all([past(), mondays()]), true), None);
    assert_eq!(
        next(When::all([past(), mondays()]), false).unwrap(),
        now.to_string()
    );
    // Open from a Wednesday on, eight years ahead: the Monday after it, in summer.
    let later = || since("2034-07-05T00:00:00Z");
    let open = "2034-07-10T05:00:00Z";
    assert_eq!(next(When::all([later(), mondays()]), true).unwrap(), open);
    let ends = until("2034-07-04T00:00:00Z");
    assert_eq!(next(When::all([later(), ends, mondays()]), true), None);
    let either = When::any([past(), When::all([later(), mondays()])]);
    assert_eq!(next(either, true).unwrap(), open);
    let closed = until("2034-07-05T00:00:00Z");
    let any = When::any([closed, mondays(), later()]);
    assert_eq!(next(any, false), None);
    let gap = When::any([until("2034-07-05T00:00:00Z"), mondays()]);
    assert_eq!(next(gap, false).unwrap(), "2034-07-05T00:00:00Z");
}

#[test]
fn what_is_after_the_last_instant_is_not_told() {
    let when = When::Window(Window::from(from_millis(10)));
    assert_eq!(when.next(true, from_millis(0), from_millis(9)), None);
    assert!(when.next(true, from_millis(0), from_millis(10)).is_some());
}
#[test]
fn a_window_is_empty_if_no_instant_is_in_it() {
    let (one, two) = (from_millis(1), from_millis(2));
    for empty in [
        Window::NEVER,
        Window::from(two).and(Window::until(one)),
        Window::from(one).and(Window::until(one)),
    ] {
        assert!(empty.is_empty(), "{empty:?}");
        assert_eq!(empty.edge(from_millis(0)), None);
    }
    let last = Window::from(Timestamp::MAX);
    for some in [
        Window::ALWAYS,
        Window::from(one).and(Window::until(two)),
        last,
    ] {
        assert!(!some.is_empty(), "{some:?}");
    }
    assert_eq!(Window::ALWAYS.edge(one), None);
    assert!(last.contains(Timestamp::MAX));
}

#[test]
fn a_combination_that_never_or_always_holds_is_known_at_once() {
    let at = |text: &str| TimeOfDay::parse(text).unwrap();
    let hours = |from, to| {
        let zone = Zone::named("Europe/Berlin").unwrap();
        When::Weekly(Schedule::new([0], at(from), at(to), zone))
    };
    let (one, two) = (from_millis(1), from_millis(2));
    let window = |window: Window| When::Window(window);
    let never = [
        When::all([
            window(Window::from(two)),
            window(Window::until(one)),
            hours("07:00", "08:00"),
        ]),
        When::all([hours("07:00", "08:00"), hours("09:00", "10:00")]),
        When::any([
            When::NEVER,
            When::all([hours("07:00", "08:00"), When::NEVER]),
        ]),
    ];
    for when in never {
        assert!(when.is_never(), "{when:?}");
    }
    let always = When::any([hours("00:00", "24:00"), When::ALWAYS]);
    assert!(always.is_always());
    let mate = When::any([hours("07:00", "08:00"), hours("08:00", "09:00")]);
    assert!(matches!(mate, When::Weekly(_)), "{mate:?}");
    let only = When::all([hours("07:00", "08:00")]);
    assert!(matches!(only, When::Weekly(_)), "{only:?}");
}
