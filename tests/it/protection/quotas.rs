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
    for id in ["v-0", "v-1"] {
        world.check("brief", id).await;
        world.clock.advance(SECOND);
    }
    // Both are old by now. What is known is paid for apart from what is not.
    for (id, degraded) in [("v-0", false), ("v-1", true)] {
        let answer = world.check("brief", id).await;
        assert_eq!(
            (gist(&answer).as_str(), answer.degraded),
            ("ALLOW", degraded)
        );
    }
    let refused = world.ask(check_request("brief", "v-2")).await;
    assert!(refused.is_ok(), "{refused:?}");
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

#[tokio::test]
async fn attempts_that_our_own_rate_limit_rejects_are_charged() {
    let world = World::of(&crowd(1), |config| {
        config.incode.rate = Rate {
            per_second: 1,
            burst: 3,
        };
        config.incode.timeout = Duration::from_millis(500);
        config.cache.fetches = Rate {
            per_second: 1,
            burst: 10,
        };
    })
    .await;
    let mut codes = Vec::new();
    for n in 0..20 {
        let answer = world
            .ask(check_request("tolerant", &format!("x-{n}")))
            .await;
        codes.push(answer.map_or_else(|status| status.code(), |_| Code::Ok));
    }
    assert_eq!(codes[..10], [Code::Ok; 10]);
    assert_eq!(codes[10..], [Code::ResourceExhausted; 10]);
    // A token, and two verifications.
    assert_eq!(world.calls().details, 2);
}
