//! Clocks that differ or are set, seen from outside.

use std::{fs, sync::Arc, time::Duration};

use serde_json::Value;
use verigate::{
    clock::{Clock as _, ManualClock},
    policy::{after, before, from_millis},
    proto::v1::CheckAccessResponse,
    sim::{ApiCall, Fault},
};

use super::{get, upstream};
use crate::world::{BEGINNING, World, at, gist, instant};

const HOUR: Duration = Duration::from_hours(1);

const CAST: &str = "\
people:
  ada: { identity_id: id-ada, full_name: Ada Example }
verifications:
  day-old: { person: ada, verified_ago: 1470m, scopes: [NAME] }
  fresh: { person: ada, verified_ago: 2h, scopes: [NAME] }
  other-1: { person: ada, verified_ago: 2h, scopes: [NAME] }
  other-2: { person: ada, verified_ago: 2h, scopes: [NAME] }
  other-3: { person: ada, verified_ago: 2h, scopes: [NAME] }
";

const POLICIES: &str = "\
version: 1
policies:
  daily:
    require: [{ verified_within: 1d }]
    evidence: { fresh_for: 1h }
    reuse: { allow: 10m }
  stepping:
    require: [{ verified_within: 1d, otherwise: step_up }]
";

/// A service whose clock is ahead of the vendor's, which is right, by this many milliseconds.
async fn world(ahead_ms: i64) -> World {
    let start = at(BEGINNING);
    let ours = from_millis(start.as_millisecond() + ahead_ms);
    let (ours, vendors) = (ManualClock::at(ours), ManualClock::at(start));
    let policies = |config: &mut verigate::config::Config| {
        fs::write(&config.policies, POLICIES).unwrap();
    };
    World::by_clocks(CAST, policies, Arc::new(ours), Arc::new(vendors)).await
}

fn wait(world: &World, duration: Duration) {
    world.clock.advance(duration);
    world.vendor_clock.advance(duration);
}

/// The vendor answers over eleven seconds.
async fn hear_the_vendor(world: &World) {
    for verification in ["other-1", "other-2"] {
        world.check("daily", verification).await;
        wait(world, Duration::from_millis(5_500));
    }
    world.check("daily", "other-3").await;
}

fn assert_promises_nothing(answer: &CheckAccessResponse) {
    assert!(answer.degraded, "{answer:?}");
    assert_eq!((answer.valid_until, answer.valid_for), (None, None));
    assert_eq!(answer.next_change, None);
}

#[tokio::test]
async fn a_clock_that_differs_from_the_upstreams_is_shown() {
    let world = World::new().await;
    world.check("front-door", "fresh").await;
    let state = upstream(&world).await;
    assert_eq!(state["clocks_apart"], false, "{state}");
    world.inject(ApiCall::Details, None, Fault::ClockAheadMs(-31_000));
    for verification in ["minor", "month-old", "stale"] {
        let state = upstream(&world).await;
        assert_eq!(state["clocks_apart"], false, "{state}");
        world.check("front-door", verification).await;
        world.clock.advance(Duration::from_secs(5));
    }
    let state = upstream(&world).await;
    assert_eq!(state["clocks_apart"], true, "{state}");
    assert_eq!(state["clock_ahead_ms"], -30_500, "{state}");
    assert_eq!(state["clock_behind_ms"], 0, "{state}");
    let metrics = get(&world, "/metrics").await;
    assert!(metrics.contains("verigate_upstream_clock_ahead_seconds -30.5\n"));
    assert!(metrics.contains("verigate_clocks_apart 1\n"));
    assert!(metrics.contains("verigate_clock_behind_seconds 0\n"));
}

#[tokio::test]
async fn a_clock_that_is_set_back_by_an_hour_lets_in_nobody_who_is_half_an_hour_too_old() {
    for cached in [false, true] {
        for known in [false, true] {
            let world = world(0).await;
            if cached {
                assert_eq!(
                    gist(&world.check("daily", "day-old").await),
                    "DENY VERIFICATION_TOO_OLD"
                );
            }
            if known {
                hear_the_vendor(&world).await;
            }
            let now = world.clock_now();
            world.clock.set(before(now, HOUR));
            let answer = world.check("daily", "day-old").await;
            assert_eq!(gist(&answer), "DENY VERIFICATION_TOO_OLD");
            assert_eq!(instant(answer.decided_at.as_ref()), Some(now));
            let state = upstream(&world).await;
            assert_eq!(state["clock_behind_ms"], 3_600_000, "{state}");
            assert_eq!(state["clocks_apart"], known, "{state}");
            if known {
                assert_promises_nothing(&answer);
                let ahead = state["clock_ahead_ms"].as_i64().unwrap();
                assert!((3_599_000..=3_601_000).contains(&ahead), "{state}");
            }
        }
    }
}

#[tokio::test]
async fn a_service_that_starts_an_hour_behind_judges_by_the_vendors_clock_too() {
    let world = world(-3_600_000).await;
    hear_the_vendor(&world).await;
    let now = world.clock_now();
    let answer = world.check("daily", "day-old").await;
    assert_eq!(gist(&answer), "DENY VERIFICATION_TOO_OLD");
    assert_promises_nothing(&answer);
    assert_eq!(instant(answer.decided_at.as_ref()), Some(now));
    let allowed = world.check("daily", "fresh").await;
    assert_eq!(gist(&allowed), "ALLOW");
    assert_promises_nothing(&allowed);
    let stepped = world.check("stepping", "day-old").await;
    assert_eq!(gist(&stepped), "STEP_UP VERIFICATION_TOO_OLD");
    assert!(stepped.step_up.is_some(), "what would help is still named");
    let vendor = world.vendor_clock.now();
    let (_, journal) = world.stop().await;
    let lines: Vec<Value> = journal
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert_eq!(lines[0].get("vendor_at"), None, "{}", lines[0]);
    let line = lines
        .iter()
        .find(|line| line["decision_id"] == answer.decision_id);
    let line = line.unwrap();
    assert_eq!(line["at"], format!("{now:.3}"));
    let vendor_at = at(line["vendor_at"].as_str().unwrap());
    assert!(
        vendor_at >= before(vendor, Duration::from_secs(1)),
        "{line}"
    );
    assert!(vendor_at <= after(vendor, Duration::from_secs(1)), "{line}");
    assert_eq!(line["degraded"], true);
}

#[tokio::test]
async fn a_clock_that_is_corrected_counts_again_and_answers_may_be_reused() {
    for ahead_ms in [-3_600_000, 7_200_000] {
        let world = world(ahead_ms).await;
        hear_the_vendor(&world).await;
        assert!(world.check("daily", "fresh").await.degraded);
        world.clock.set(world.vendor_clock.now());
        // The first check notices it.
        world.check("daily", "other-3").await;
        let state = upstream(&world).await;
        assert_eq!(state["clocks_apart"], false, "{state}");
        let answer = world.check("daily", "fresh").await;
        assert_eq!(gist(&answer), "ALLOW");
        assert!(!answer.degraded);
        assert!(answer.valid_until.is_some());
        let ahead = instant(answer.decided_at.as_ref()).unwrap();
        assert!(
            ahead <= after(world.clock_now(), Duration::from_secs(1)),
            "{ahead}"
        );
    }
}

#[tokio::test]
async fn the_clock_of_somebody_who_answers_in_the_vendors_place_proves_nothing() {
    let html = || Fault::Html;
    let cases: [fn() -> Fault; 5] = [
        html,
        || Fault::Truncated,
        || Fault::Status(503),
        || Fault::Body("{}".to_owned()),
        || Fault::ContentType("text/plain".to_owned()),
    ];
    for fault in cases {
        let world = world(0).await;
        // The token shows the right time, and what follows ten minutes too much.
        world.check("daily", "other-1").await;
        world.vendor_clock.advance(Duration::from_mins(10));
        world.inject(ApiCall::Details, None, fault());
        for _ in 0..5 {
            world.check("daily", "other-2").await;
            wait(&world, Duration::from_secs(5));
        }
        let state = upstream(&world).await;
        assert_eq!(state["clocks_apart"], false, "{:?} {state}", fault());
        assert_eq!(state["clock_ahead_ms"], 500, "{:?} {state}", fault());
    }
}

#[tokio::test]
async fn a_clock_that_is_set_back_does_not_prolong_what_is_known() {
    let world = World::new().await;
    world.check("front-door", "fresh").await;
    let begun = world.clock_now();
    world.clock.advance(Duration::from_mins(5));
    world.clock.set(begun);
    world.check("front-door", "fresh").await;
    assert_eq!(world.calls().details, 2);
}

#[tokio::test]
async fn a_clock_that_is_set_back_makes_no_verification_younger() {
    let world = World::new().await;
    let answer = world.check("front-door", "month-old").await;
    assert_eq!(gist(&answer), "STEP_UP VERIFICATION_TOO_OLD");
    // Half a minute passes, and the wall clock is set to nine seconds before the first check.
    let seen = world.clock_now();
    world.clock.advance(Duration::from_secs(30));
    world.clock.set(before(seen, Duration::from_secs(9)));
    let answer = world.check("front-door", "month-old").await;
    let decided_at = instant(answer.decided_at.as_ref()).unwrap();
    assert_eq!(decided_at, after(seen, Duration::from_secs(30)));
    assert_eq!(world.calls().details, 1);
}
