//! The upstream is slow or down: checks are still answered, and never with an ALLOW without evidence.

use std::time::Duration;

use futures_util::future::join_all;
use verigate::{
    proto::v1::EvidenceSource,
    sim::{ApiCall, Fault},
};

use crate::world::{FAILED_FOR_MAX, World, check_request, gist};

#[tokio::test]
async fn an_error_of_the_upstream_is_the_policys_unavailable() {
    let world = World::new().await;
    for status in [302, 400, 403, 406, 429, 500, 503] {
        world.simulator.faults().clear();
        world.inject(ApiCall::Details, None, Fault::Status(status));
        for (policy, expected) in [
            ("front-door", "DENY EVIDENCE_UNAVAILABLE"),
            ("tolerant", "STEP_UP EVIDENCE_UNAVAILABLE"),
        ] {
            let answer = world.check(policy, "fresh").await;
            assert_eq!(gist(&answer), expected, "{status}");
            assert!(answer.degraded);
        }
        // Long enough also for the circuit breaker and for the pause after a 429.
        world.clock.advance(FAILED_FOR_MAX);
    }
    world.simulator.faults().clear();
    assert_eq!(gist(&world.check("front-door", "fresh").await), "ALLOW");
}

#[tokio::test]
async fn an_upstream_that_never_responds_times_out() {
    let world = World::with(|config| config.incode.timeout = Duration::from_secs(1)).await;
    world.inject(ApiCall::Details, Some(1), Fault::Hang);
    let answer = world.check("front-door", "fresh").await;
    assert_eq!(gist(&answer), "DENY EVIDENCE_UNAVAILABLE");
    world.clock.advance(FAILED_FOR_MAX);
    assert_eq!(gist(&world.check("front-door", "fresh").await), "ALLOW");
}

#[tokio::test]
async fn an_upstream_that_is_not_there_is_an_outage() {
    let world = World::with(|config| {
        // Nothing listens on a port that has just been released.
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", free.local_addr().unwrap());
        config.incode.url = url.parse().unwrap();
    })
    .await;
    let answer = world.check("tolerant", "fresh").await;
    assert_eq!(gist(&answer), "STEP_UP EVIDENCE_UNAVAILABLE");
}

#[tokio::test]
async fn a_hundred_callers_in_an_outage_cause_one_attempt_and_its_retry() {
    let world = World::new().await;
    world.inject(ApiCall::Details, None, Fault::LatencyMs(100));
    world.inject(ApiCall::Details, None, Fault::Status(503));
    let together = (0..100).map(|_| world.check("front-door", "fresh"));
    for answer in join_all(together).await {
        assert_eq!(gist(&answer), "DENY EVIDENCE_UNAVAILABLE");
    }
    assert_eq!(world.calls().details, 2);
}

#[tokio::test]
async fn a_caller_who_leaves_does_not_cancel_the_fetch() {
    let world = World::new().await;
    world.inject(ApiCall::Details, None, Fault::LatencyMs(200));
    let leaver = world.ask(check_request("front-door", "fresh"));
    let left = tokio::time::timeout(Duration::from_millis(50), leaver).await;
    assert!(left.is_err());
    assert_eq!(gist(&world.check("front-door", "fresh").await), "ALLOW");
    assert_eq!(world.calls().details, 1);
}

#[tokio::test]
async fn what_was_known_is_served_while_the_policy_lets_it() {
    let world = World::new().await;
    assert_eq!(gist(&world.check("tolerant", "fresh").await), "ALLOW");
    world.inject(ApiCall::Details, None, Fault::Status(503));
    world
        .clock
        .advance(Duration::from_mins(61) - Duration::from_millis(1));
    let answer = world.check("tolerant", "fresh").await;
    assert_eq!(gist(&answer), "ALLOW");
    assert!(answer.degraded);
    assert_eq!(answer.evidence.unwrap().source(), EvidenceSource::Stale);
    let strict = world.check("front-door", "fresh").await;
    assert_eq!(gist(&strict), "DENY EVIDENCE_UNAVAILABLE");
    world.clock.advance(Duration::from_millis(1));
    let answer = world.check("tolerant", "fresh").await;
    assert_eq!(gist(&answer), "STEP_UP EVIDENCE_UNAVAILABLE");
}

#[tokio::test]
async fn an_unknown_verification_is_cached_briefly_and_never_served_stale() {
    let world = World::new().await;
    for _ in 0..10 {
        let answer = world.check("tolerant", "nobody").await;
        assert_eq!(gist(&answer), "DENY VERIFICATION_NOT_FOUND");
    }
    assert_eq!(world.calls().details, 1);
    world.clock.advance(Duration::from_secs(6));
    world.inject(ApiCall::Details, None, Fault::Status(400));
    for _ in 0..10 {
        let answer = world.check("tolerant", "nobody").await;
        assert_eq!(gist(&answer), "STEP_UP EVIDENCE_UNAVAILABLE");
    }
    assert_eq!(world.calls().details, 2);
}

#[tokio::test]
async fn a_revoked_token_costs_one_renewal_and_one_repetition() {
    let world = World::new().await;
    world.check("front-door", "fresh").await;
    world.simulator.expire_tokens();
    assert_eq!(
        gist(&world.check("front-door", "month-old").await),
        "STEP_UP VERIFICATION_TOO_OLD"
    );
    let calls = world.calls();
    assert_eq!((calls.authorize, calls.details), (2, 3));
}

#[tokio::test]
async fn a_token_that_is_always_refused_is_not_asked_for_in_a_loop() {
    let world = World::new().await;
    world.inject(ApiCall::Details, None, Fault::ExpiredToken);
    let answer = world.check("front-door", "fresh").await;
    assert_eq!(gist(&answer), "DENY EVIDENCE_UNAVAILABLE");
    let calls = world.calls();
    assert_eq!((calls.authorize, calls.details), (2, 2));
}

#[tokio::test]
async fn wrong_credentials_are_an_outage() {
    for (key, secret) in [("wrong", "demo-secret"), ("demo-api-key", "wrong")] {
        let world = World::with(|config| {
            config.incode.api_key = key.into();
            config.incode.secret = secret.into();
        })
        .await;
        let answer = world.check("front-door", "fresh").await;
        assert_eq!(gist(&answer), "DENY EVIDENCE_UNAVAILABLE");
        assert_eq!(world.calls().details, 0);
    }
}

#[tokio::test]
async fn a_token_is_used_no_longer_than_its_lifetime() {
    let world = World::new().await;
    world.check("front-door", "fresh").await;
    world.clock.advance(Duration::from_mins(15));
    world.check("front-door", "month-old").await;
    let calls = world.calls();
    // The second lookup requests a token first and does not try the expired one.
    assert_eq!((calls.authorize, calls.details), (2, 2));
}
