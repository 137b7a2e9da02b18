//! Clocks that are set, in the gate with its cache: whatever is done to the wall clock, there is no ALLOW that the true time does not
//! carry.

mod scene;

use std::time::Duration;

use verigate::{
    policy::{Effect, after, between},
    provenance::Origin,
};

use self::scene::{Asked, Scene};

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// By how many milliseconds a wall clock is set wrong.
const JUMPS: [i64; 30] = [
    -SECOND,
    SECOND,
    -29 * SECOND,
    29 * SECOND,
    -32 * SECOND,
    32 * SECOND,
    -MINUTE,
    MINUTE,
    -61 * SECOND,
    61 * SECOND,
    -2 * MINUTE,
    2 * MINUTE,
    -31 * MINUTE,
    31 * MINUTE,
    -HOUR,
    HOUR,
    -12 * HOUR,
    12 * HOUR,
    -DAY,
    DAY,
    -2 * DAY,
    2 * DAY,
    -31 * DAY,
    31 * DAY,
    -365 * DAY,
    365 * DAY,
    -12 * 365 * DAY,
    12 * 365 * DAY,
    -60 * 365 * DAY,
    60 * 365 * DAY,
];

/// Beyond the skew, the vendor's `Date` shows that a clock is wrong.
fn is_apart(jump: i64) -> bool {
    jump.abs() > 31 * SECOND
}

/// No ALLOW that the true time does not carry.
fn assert_no_false_allow(scene: &Scene, answers: &[Asked], jump: i64, what: &str) {
    for answer in answers {
        let effect = answer.ruling.decision.effect();
        let carried = scene.effect_now(answer);
        assert!(
            effect > Effect::Allow || carried == Effect::Allow,
            "{what}, clock set by {jump} ms: {answer:?}"
        );
    }
}

#[tokio::test]
async fn while_the_clocks_are_right_the_answers_are_those_of_the_true_time() {
    for dated in [false, true] {
        let scene = Scene::starting(0);
        if dated {
            scene.vendor_is_heard();
        }
        let answers = scene.ask_all().await;
        let allowed = answers
            .iter()
            .filter(|a| scene.effect_now(a) == Effect::Allow);
        assert!(allowed.count() > 10);
        for answer in &answers {
            assert_eq!(
                answer.ruling.decision.effect(),
                scene.effect_now(answer),
                "{answer:?}"
            );
            assert_eq!(answer.ruling.vendor_at, None);
            assert!(!answer.ruling.degraded);
        }
    }
}

#[tokio::test]
async fn a_clock_that_is_set_while_the_service_runs_lets_nobody_in() {
    for jump in JUMPS {
        for dated in [false, true] {
            for cached in [false, true] {
                let scene = Scene::starting(0);
                if dated {
                    scene.vendor_is_heard();
                }
                if cached {
                    scene.ask_all().await;
                }
                scene.wait(5 * SECOND);
                scene.set(jump);
                scene.wait(SECOND);
                let mut answers = scene.ask_all().await;
                if !dated && jump > 0 {
                    // Nothing shows that a clock that was set forwards is not a clock that was corrected: ages are only greater, but
                    // what begins with time begins too early.
                    answers.retain(|answer| answer.policy.ends_with("-old"));
                }
                let what = format!("dated {dated}, cached {cached}");
                assert_no_false_allow(&scene, &answers, jump, &what);
                if cached && jump < 0 {
                    let is_hit = |a: &Asked| a.ruling.origin == Origin::Cache;
                    assert!(answers.iter().all(is_hit), "{what}, {jump}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_clock_that_is_set_back_changes_no_answer() {
    for jump in JUMPS.into_iter().filter(|jump| *jump < 0) {
        for dated in [false, true] {
            let scene = Scene::starting(0);
            if dated {
                scene.vendor_is_heard();
            }
            scene.wait(5 * SECOND);
            scene.set(jump);
            for answer in scene.ask_all().await {
                let decision = &answer.ruling.decision;
                assert_eq!(
                    decision.effect(),
                    scene.effect_now(&answer),
                    "{jump} {answer:?}"
                );
                assert_eq!(decision.decided_at(), scene.truth(), "{jump}");
                assert_eq!(answer.ruling.degraded, dated && is_apart(jump), "{jump}");
            }
        }
    }
}

#[tokio::test]
async fn a_service_that_starts_with_a_wrong_clock_lets_nobody_in_once_the_vendor_is_heard() {
    for jump in JUMPS {
        for cached in [false, true] {
            let scene = Scene::starting(jump);
            if cached {
                scene.ask_all().await;
            }
            scene.vendor_is_heard();
            scene.wait(SECOND);
            let answers = scene.ask_all().await;
            assert_no_false_allow(&scene, &answers, jump, &format!("cached {cached}"));
        }
    }
}

#[tokio::test]
async fn where_the_clocks_are_apart_the_answer_is_degraded_and_promises_nothing() {
    for jump in JUMPS {
        let scene = Scene::starting(jump);
        scene.vendor_is_heard();
        let mut allowed = 0;
        for answer in scene.ask_all().await {
            let (ruling, decision) = (&answer.ruling, &answer.ruling.decision);
            assert_eq!(ruling.degraded, is_apart(jump), "{jump}");
            assert_eq!(ruling.vendor_at.is_some(), is_apart(jump), "{jump}");
            assert_eq!(decision.decided_at(), scene.wall(), "{jump}");
            allowed += usize::from(decision.effect() == Effect::Allow);
            if is_apart(jump) {
                assert_eq!(
                    (decision.valid_until(), decision.next_change()),
                    (None, None)
                );
                let vendor_at = ruling.vendor_at.unwrap();
                let off = between(vendor_at, scene.truth()).max(between(scene.truth(), vendor_at));
                assert!(off <= Duration::from_millis(500), "{off:?}");
            } else if answer.policy == "anybody" {
                assert!(decision.valid_until().is_some());
            }
        }
        // By a clock that is further behind, every verification is in the future.
        assert!(
            allowed > 0 || jump < -90 * DAY,
            "{jump}: what holds at both instants is let in"
        );
    }
}

#[tokio::test]
async fn a_clock_that_is_corrected_counts_again() {
    for jump in JUMPS {
        for start_is_wrong in [false, true] {
            let scene = Scene::starting(if start_is_wrong { jump } else { 0 });
            scene.vendor_is_heard();
            scene.set(jump);
            scene.ask_all().await;
            scene.wait(20 * SECOND);
            scene.set(0);
            scene.vendor_is_heard();
            for answer in scene.ask_all().await {
                let decision = &answer.ruling.decision;
                // Known of the vendor's clock is its second.
                let latest = after(scene.truth(), Duration::from_secs(1));
                let known = scene.truth()..=latest;
                assert!(known.contains(&decision.decided_at()), "{jump} {answer:?}");
                assert_eq!(
                    decision.effect(),
                    scene.effect_now(&answer),
                    "{jump} {answer:?}"
                );
                assert!(!answer.ruling.degraded, "{jump} {answer:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_jump_forwards_that_is_taken_back_heals_without_the_vendor() {
    for jump in JUMPS.into_iter().filter(|jump| *jump > 0) {
        let scene = Scene::starting(0);
        scene.set(jump);
        scene.ask_all().await;
        scene.wait(SECOND);
        scene.set(0);
        for answer in scene.ask_all().await {
            // Within ten seconds, evidence that was seen later than now counts by its age.
            let ahead = between(scene.truth(), answer.ruling.decision.decided_at());
            assert!(ahead <= Duration::from_secs(10), "{jump} {answer:?}");
            assert_eq!(answer.ruling.decision.effect(), scene.effect_now(&answer));
        }
    }
}
