//! Quotas of callers: what a caller may cause, and what is not charged to it.

use std::time::Duration;

use tonic::Code;
use tonic_types::StatusExt as _;
use verigate::{
    rate_limit::Rate,
    sim::{ApiCall, Fault},
};

use super::{SECOND, brief, crowd, get};
use crate::world::{World, check_request, gist};

#[tokio::test]
async fn a_caller_that_guesses_identifiers_is_rejected_with_a_retry_delay() {
    let world = World::of(&crowd(10), |config| {
        config.cache.fetches = Rate {
            per_second: 2,
            burst: 5,
        };
    })
    .await;
    for n in 0..5 {
        world.check("tolerant", &format!("v-{n}")).await;
    }
    let refused = world
        .ask(check_request("tolerant", "v-5"))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    let retry = refused.get_details_retry_info().unwrap();
    assert_eq!(retry.retry_delay, Some(Duration::from_millis(500)));
    assert_eq!(world.calls().details, 5);
    assert_eq!(gist(&world.check("tolerant", "v-4").await), "ALLOW");
    world.clock.advance(Duration::from_millis(500));
    assert_eq!(gist(&world.check("tolerant", "v-5").await), "ALLOW");
    let metrics = get(&world, "/metrics").await;
    assert!(metrics.contains(r#"verigate_evidence_fetches_total{outcome="refused"} 1"#));
}

#[tokio::test]
async fn over_its_quota_a_caller_still_gets_what_may_be_served_stale() {
    let world = World::of(&crowd(2), |config| {
        brief(config);
        config.cache.fetches = Rate {
            per_second: 1,
            burst: 1,
        };
    })
    .await;
    world.check("brief", "v-0").await;
    world.clock.advance(SECOND);
    world.check("brief", "v-1").await;
    let answer = world.check("brief", "v-0").await;
    assert_eq!((gist(&answer).as_str(), answer.degraded), ("ALLOW", true));
}

#[tokio::test]
async fn an_outage_is_not_charged_to_the_caller() {
    let world = World::of(&crowd(2), |config| {
        config.cache.fetches = Rate {
            per_second: 1,
            burst: 5,
        };
    })
    .await;
    world.inject(ApiCall::Details, Some(1), Fault::RetryAfter(60));
    for _ in 0..500 {
        let answer = world.check("tolerant", "v-0").await;
        assert_eq!(gist(&answer), "STEP_UP EVIDENCE_UNAVAILABLE");
        world.clock.advance(Duration::from_millis(100));
    }
    assert_eq!(world.calls().details, 1);
}
