//! What is now, whatever happens to the wall clock.

use proptest::prelude::*;

use super::*;
use crate::clock::ManualClock;

const SECOND_MS: i64 = 1_000;
const HOUR_MS: i64 = 3_600 * SECOND_MS;
const START_MS: i64 = 1_769_860_800_000;

/// A clock, and the true time beside it.
struct Scene {
    wall: Arc<ManualClock>,
    clock: AnchoredClock,
    true_ms: i64,
}

impl Scene {
    /// A wall clock that is ahead of the true time by this at the start.
    fn starting(ahead_ms: i64) -> Self {
        let wall = Arc::new(ManualClock::at(from_millis(START_MS + ahead_ms)));
        Self {
            clock: AnchoredClock::new(Arc::clone(&wall) as _),
            wall,
            true_ms: START_MS,
        }
    }

    fn wait(&mut self, ms: u32) {
        self.wall.advance(Duration::from_millis(ms.into()));
        self.true_ms += i64::from(ms);
    }

    /// Sets the wall clock ahead of the true time by this.
    fn set(&self, ahead_ms: i64) {
        self.wall.set(from_millis(self.true_ms + ahead_ms));
    }

    /// The vendor's clock, to the second, is found to show the true time.
    fn confirm(&self) {
        let second = self.true_ms - self.true_ms.rem_euclid(SECOND_MS);
        let uptime = self.clock.moment().uptime;
        let (from, until) = (from_millis(second), from_millis(second + SECOND_MS));
        self.clock
            .confirm(OffsetRange::new(from, until, uptime, uptime));
    }

    /// How far what is now is ahead of the true time.
    fn now_ahead_ms(&self) -> i64 {
        self.clock.now().as_millisecond() - self.true_ms
    }

    /// How far the second instant that is judged is ahead of the true time, if there is one.
    fn vendor_ahead_ms(&self) -> Option<i64> {
        let vendor = self.clock.vendor_if_apart(&self.clock.read());
        vendor.map(|vendor| vendor.as_millisecond() - self.true_ms)
    }
}

#[test]
fn a_wall_clock_that_is_set_back_takes_nothing_back() {
    let mut scene = Scene::starting(0);
    scene.wait(5_000);
    for ahead_ms in [-1, -HOUR_MS, -12 * 365 * 24 * HOUR_MS, i64::MIN / 4] {
        scene.set(ahead_ms);
        assert_eq!(scene.now_ahead_ms(), 0, "{ahead_ms}");
        scene.wait(7);
        assert_eq!(scene.now_ahead_ms(), 0, "{ahead_ms}");
    }
    assert!(scene.clock.read().wall_is_behind_by() > Duration::from_hours(1));
}

#[test]
fn a_jump_forwards_that_is_taken_back_heals() {
    let mut scene = Scene::starting(0);
    scene.set(HOUR_MS);
    assert_eq!(scene.now_ahead_ms(), HOUR_MS);
    // The vendor's clock does not agree with it.
    scene.confirm();
    scene.wait(1_000);
    scene.set(0);
    assert_eq!(scene.now_ahead_ms(), 0);
}

#[test]
fn a_correction_forwards_that_the_vendor_confirms_cannot_be_taken_back() {
    let mut scene = Scene::starting(-HOUR_MS);
    scene.wait(1_000);
    scene.set(0);
    scene.confirm();
    scene.set(-HOUR_MS);
    assert_eq!(scene.now_ahead_ms(), 0);
}

#[test]
fn a_start_ahead_of_the_time_heals_once_the_vendors_clock_agrees_with_the_corrected_one() {
    let mut scene = Scene::starting(2 * HOUR_MS);
    scene.wait(1_000);
    // Not while the clock is wrong.
    scene.confirm();
    scene.set(0);
    assert_eq!(scene.now_ahead_ms(), 2 * HOUR_MS);
    // The check that notices it is decided for both instants.
    assert!(scene.vendor_ahead_ms().is_some());
    // The vendor's clock is known to the second.
    assert_eq!(scene.now_ahead_ms(), 1_000);
    assert_eq!(scene.vendor_ahead_ms(), None);
}

#[test]
fn small_steps_backwards_do_not_add_up() {
    let mut scene = Scene::starting(0);
    for _ in 0..100 {
        scene.wait(1_000);
        scene.set(-29_000);
        scene.confirm();
        assert!(scene.now_ahead_ms() >= 0);
        assert!(scene.now_ahead_ms() <= 1_000);
    }
}

#[test]
fn clocks_are_apart_by_more_than_half_a_minute_whichever_of_ours_is_wrong() {
    let mut scene = Scene::starting(0);
    assert_eq!(scene.vendor_ahead_ms(), None);
    scene.confirm();
    // The middle of the vendor's second.
    for (ahead_ms, apart) in [
        (0, false),
        (30_500, false),
        (30_501, true),
        (-29_500, false),
        (-29_501, true),
        (0, false),
    ] {
        scene.set(ahead_ms);
        assert_eq!(scene.vendor_ahead_ms(), apart.then_some(500), "{ahead_ms}");
    }
    scene.set(-HOUR_MS);
    scene.wait(60_000);
    assert_eq!(scene.vendor_ahead_ms(), Some(500));
    let reading = scene.clock.read();
    let ahead_ms = scene.clock.vendor_ahead_ms(&reading);
    assert_eq!(ahead_ms, Some(HOUR_MS + 500));
}

#[derive(Debug, Clone)]
enum Step {
    Wait(u32),
    Set(i64),
    Confirm,
}

fn ahead() -> impl Strategy<Value = i64> {
    let near = prop::sample::select(vec![
        0_i64, 1, 999, 1_000, 29_499, 29_500, 30_000, 30_501, 60_001,
    ]);
    let far = 0..20 * 365 * 24 * HOUR_MS;
    (prop_oneof![near, far], any::<bool>()).prop_map(|(ms, back)| if back { -ms } else { ms })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0_u32..100_000).prop_map(Step::Wait),
        ahead().prop_map(Step::Set),
        Just(Step::Confirm),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn without_the_vendor_now_is_the_later_one_of_wall_clock_and_start_plus_uptime(
        start in ahead(), steps in prop::collection::vec(step(), 0..20)
    ) {
        let mut scene = Scene::starting(start);
        for step in steps {
            match step {
                Step::Wait(ms) => scene.wait(ms),
                Step::Set(ahead_ms) => scene.set(ahead_ms),
                Step::Confirm => {}
            }
            let wall_ahead = scene.clock.read().wall.as_millisecond() - scene.true_ms;
            prop_assert_eq!(scene.now_ahead_ms(), wall_ahead.max(start));
            prop_assert_eq!(scene.vendor_ahead_ms(), None);
        }
    }

    #[test]
    fn once_the_vendor_is_known_one_of_the_judged_instants_is_the_true_one_or_now_is_within_the_skew(
        start in ahead(), steps in prop::collection::vec(step(), 0..20)
    ) {
        let mut scene = Scene::starting(start);
        scene.confirm();
        for step in steps {
            match step {
                Step::Wait(ms) => scene.wait(ms),
                Step::Set(ahead_ms) => scene.set(ahead_ms),
                Step::Confirm => scene.confirm(),
            }
            match scene.vendor_ahead_ms() {
                Some(ahead_ms) => prop_assert!(ahead_ms.abs() <= 500),
                None => prop_assert!(scene.now_ahead_ms().abs() <= 30_500),
            }
        }
    }

    #[test]
    fn a_clock_that_was_right_at_the_start_never_gives_an_instant_before_the_true_one(
        steps in prop::collection::vec(step(), 0..20)
    ) {
        let mut scene = Scene::starting(0);
        for step in steps {
            match step {
                Step::Wait(ms) => scene.wait(ms),
                Step::Set(ahead_ms) => scene.set(ahead_ms),
                Step::Confirm => scene.confirm(),
            }
            prop_assert!(scene.now_ahead_ms() >= 0);
        }
    }
}
