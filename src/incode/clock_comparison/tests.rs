//! Which answers prove what about the vendor's clock.

use jiff::fmt::rfc2822::DateTimePrinter;

use super::*;
use crate::{clock::ManualClock, incode::age::age, policy::from_millis};

/// 2026-01-31T12:00:00Z.
const START_MS: i64 = 1_769_860_800_000;

/// A right clock of ours, and answers of a vendor.
struct Scene {
    ours: Arc<ManualClock>,
    anchored: Arc<AnchoredClock>,
    clocks: ClockComparison,
}

impl Scene {
    fn new() -> Self {
        let ours = Arc::new(ManualClock::at(from_millis(START_MS)));
        let anchored = Arc::new(AnchoredClock::new(Arc::clone(&ours) as _));
        Self {
            ours,
            clocks: ClockComparison::new(Arc::clone(&anchored)),
            anchored,
        }
    }

    /// After this many milliseconds, an answer from a clock that is this many seconds ahead.
    fn answer(&self, after_ms: u64, ahead: i64) {
        self.ours.advance(Duration::from_millis(after_ms));
        let shown = self.ours.now().as_millisecond() + ahead * 1_000;
        let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&from_millis(shown));
        self.receive(&[("date", &date.unwrap())]);
    }

    fn receive(&self, headers: &[(&str, &str)]) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: http::HeaderName = name.parse().unwrap();
            map.append(name, value.parse().unwrap());
        }
        let uptime = self.ours.moment().uptime;
        // An answer whose age cannot be parsed is not the vendor's.
        if let Some(age) = age(&map) {
            self.clocks.compare(&map, age, uptime, uptime);
        }
    }

    fn are_apart(&self) -> bool {
        self.clocks.are_apart()
    }
}

#[test]
fn clocks_are_apart_after_three_answers_over_ten_seconds() {
    let cases: [(&[(u64, i64)], bool); 9] = [
        (&[(0, -3_600), (5_000, -3_600), (5_000, -3_600)], true),
        (&[(0, 3_600), (5_000, 3_600), (5_000, 3_600)], true),
        (&[(0, 31), (5_000, 31), (5_000, 31)], true),
        (&[(0, 29), (5_000, 29), (5_000, 29)], false),
        // Two, or too close together.
        (&[(0, 3_600), (60_000, 3_600)], false),
        (&[(0, 3_600), (5_000, 3_600), (4_999, 3_600)], false),
        // They do not agree: one server of several is wrong.
        (
            &[(0, 3_600), (5_000, 0), (5_000, 3_600), (5_000, 3_600)],
            false,
        ),
        (&[(0, 3_600), (5_000, 3_603), (5_000, 3_600)], false),
        // Hours apart.
        (&[(0, 60), (7_200_000, 60), (7_200_000, 60)], true),
    ];
    for (answers, apart) in cases {
        let scene = Scene::new();
        for (after_ms, ahead) in answers {
            scene.answer(*after_ms, *ahead);
        }
        assert_eq!(scene.are_apart(), apart, "{answers:?}");
    }
}

#[test]
fn what_is_confirmed_counts_until_three_other_answers_agree() {
    let scene = Scene::new();
    for _ in 0..3 {
        scene.answer(5_000, 3_600);
    }
    scene.answer(5_000, 0);
    scene.answer(5_000, 0);
    assert!(scene.are_apart());
    scene.answer(5_000, 0);
    assert!(!scene.are_apart());
    assert_eq!(scene.clocks.ahead_ms(), Some(500));
}

#[test]
fn a_wall_clock_that_is_set_is_noticed_without_another_answer() {
    let scene = Scene::new();
    for _ in 0..3 {
        scene.answer(5_000, 0);
    }
    assert!(!scene.are_apart());
    scene.ours.set(from_millis(START_MS));
    scene.ours.advance(Duration::from_millis(1));
    assert!(!scene.are_apart(), "15 s");
    scene.ours.set(from_millis(START_MS - 20_000));
    assert!(scene.are_apart(), "35 s");
    assert_eq!(scene.clocks.ahead_ms(), Some(35_501));
    assert_eq!(
        scene.clocks.wall_is_behind_by(),
        Duration::from_millis(35_001)
    );
    assert_eq!(scene.anchored.now(), from_millis(START_MS + 15_001));
}

#[test]
fn the_first_answer_is_shown_but_does_not_count() {
    let scene = Scene::new();
    assert_eq!(scene.clocks.ahead_ms(), None);
    scene.answer(0, -31);
    assert_eq!(scene.clocks.ahead_ms(), Some(-30_500));
    assert!(!scene.are_apart());
}

#[test]
fn many_answers_know_the_clock_better_than_the_second() {
    let scene = Scene::new();
    for _ in 0..100 {
        scene.answer(1_100, 0);
    }
    let ahead_ms = scene.clocks.ahead_ms().unwrap();
    assert!(ahead_ms.abs() <= 100, "{ahead_ms}");
}

#[test]
fn an_answer_whose_date_proves_nothing_is_left_out() {
    let (date, another) = (
        "Sat, 31 Jan 2026 11:00:00 GMT",
        "Sat, 31 Jan 2026 12:00:00 GMT",
    );
    let answers: [&[(&str, &str)]; 6] = [
        &[],
        &[("date", "yesterday")],
        &[("date", date), ("date", another)],
        &[("date", date), ("age", "600")],
        &[("date", date), ("age", "")],
        &[("date", date), ("age", "0"), ("age", "600")],
    ];
    for answer in answers {
        let scene = Scene::new();
        for _ in 0..4 {
            scene.ours.advance(Duration::from_secs(5));
            scene.receive(answer);
        }
        assert_eq!(scene.clocks.ahead_ms(), None, "{answer:?}");
    }
    let scene = Scene::new();
    scene.receive(&[("date", date), ("age", "0")]);
    assert_eq!(scene.clocks.ahead_ms(), Some(-3_599_500));
}
