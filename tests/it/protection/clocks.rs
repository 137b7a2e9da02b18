//! Clocks that differ or are set back.

use std::time::Duration;

use verigate::sim::{ApiCall, Fault};

use super::{get, upstream};
use crate::world::{World, gist, instant};

#[tokio::test]
async fn a_clock_that_differs_from_the_upstreams_is_shown() {
    let world = World::new().await;
    world.check("front-door", "fresh").await;
    let state = upstream(&world).await;
    assert_eq!(state["clocks_apart"], false, "{state}");
    world.inject(ApiCall::Details, Some(1), Fault::ClockAheadMs(-31_000));
    world.check("front-door", "minor").await;
    let state = upstream(&world).await;
    assert_eq!(state["clocks_apart"], true, "{state}");
    assert_eq!(state["clock_ahead_ms"], -30_500, "{state}");
    let metrics = get(&world, "/metrics").await;
    assert!(metrics.contains("verigate_upstream_clock_ahead_seconds -30.5"));
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
    world
        .clock
        .set(verigate::policy::before(seen, Duration::from_secs(9)));
    let answer = world.check("front-door", "month-old").await;
    let decided_at = instant(answer.decided_at.as_ref()).unwrap();
    assert_eq!(
        decided_at,
        verigate::policy::after(seen, Duration::from_secs(30))
    );
    assert_eq!(world.calls().details, 1);
}
