//! Tokens and credentials that the upstream refuses are not requested again and again.

use std::time::Duration;

use futures_util::future::join_all;
use verigate::sim::{ApiCall, Fault};

use super::{crowd, get, keep_asking, upstream};
use crate::world::{FAILED_FOR_MAX, World, gist};

#[tokio::test]
async fn a_refused_api_key_is_shown_and_not_tried_in_a_loop() {
    let world = World::new().await;
    world.inject(ApiCall::Authorize, None, Fault::Status(403));
    keep_asking(&world, 20, 29).await;
    let calls = world.calls();
    assert_eq!((calls.authorize, calls.details), (3, 0));
    assert_eq!(upstream(&world).await["credentials_refused"], true);
    let metrics = get(&world, "/metrics").await;
    assert!(metrics.contains("verigate_upstream_credentials_refused 1"));
    world.simulator.faults().clear();
    world.clock.advance(Duration::from_secs(10));
    assert_eq!(gist(&world.check("tolerant", "fresh").await), "ALLOW");
    assert_eq!(upstream(&world).await["credentials_refused"], false);
}

#[tokio::test]
async fn a_storm_of_refused_tokens_is_no_storm_of_authorize_calls() {
    let world = World::of(&crowd(200), |_| {}).await;
    world.check("tolerant", "v-0").await;
    world.inject(ApiCall::Details, None, Fault::ExpiredToken);
    let ids: Vec<_> = (1..200).map(|n| format!("v-{n}")).collect();
    let all = join_all(ids.iter().map(|id| world.check("tolerant", id))).await;
    for answer in all {
        assert_eq!(gist(&answer), "STEP_UP EVIDENCE_UNAVAILABLE");
    }
    // The first token, its replacement, and one more.
    let calls = world.calls();
    assert!((2..=3).contains(&calls.authorize), "{calls:?}");
    // After the backoff there are as few again.
    world.clock.advance(FAILED_FOR_MAX);
    let all = join_all(ids.iter().map(|id| world.check("tolerant", id))).await;
    assert!(all.iter().all(|answer| answer.degraded));
    assert!(world.calls().authorize - calls.authorize <= 2);
}
