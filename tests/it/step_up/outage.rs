//! The upstream makes no link, or one that nobody should be sent to.

use std::time::Duration;

use serde_json::json;
use tonic::Code;
use tonic_types::StatusExt as _;
use verigate::sim::{ApiCall, Fault};

use super::{begin, step_up_request, world, world_with};
use crate::world::{World, gist};

/// The upstream makes no link: the error that the caller gets.
async fn unavailable(world: &World, request_id: &str) {
    let status = world.begin(step_up_request(request_id)).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status}");
    assert!(status.get_details_retry_info().is_some());
}

#[tokio::test]
async fn a_failure_is_reported_once_and_not_cached() {
    let world = world().await;
    for (calls, status) in (1..).step_by(2).zip([302, 400, 403, 404, 406, 500, 503]) {
        world.inject(ApiCall::Link, Some(1), Fault::Status(status));
        let name = format!("r-{status}");
        unavailable(&world, &name).await;
        assert_eq!(world.calls().link, calls, "{status} is not tried again");
        begin(&world, &name).await;
    }
    world.inject(ApiCall::Link, Some(1), Fault::Status(429));
    unavailable(&world, "r-429").await;
    // The pause that it asked for.
    world.clock.advance(Duration::from_secs(2));
    begin(&world, "r-429").await;
}

#[tokio::test]
async fn a_refused_token_is_renewed_once() {
    let world = world().await;
    begin(&world, "").await;
    world.simulator.expire_tokens();
    begin(&world, "").await;
    let calls = world.calls();
    assert_eq!((calls.authorize, calls.link), (2, 3));
    world.clock.advance(Duration::from_secs(10));
    world.inject(ApiCall::Link, None, Fault::ExpiredToken);
    unavailable(&world, "").await;
    let calls = world.calls();
    assert_eq!((calls.authorize, calls.link), (3, 5));
}

#[tokio::test]
async fn wrong_credentials_make_no_link() {
    let world = world_with(|config| config.incode.api_key = "wrong".into()).await;
    unavailable(&world, "r-1").await;
    assert_eq!(world.calls().link, 0);
}

#[tokio::test]
async fn links_that_are_refused_do_not_keep_verifications_from_being_asked_for() {
    let world = world().await;
    for fault in [
        Fault::Status(400),
        Fault::Status(403),
        Fault::Status(500),
        Fault::RetryAfter(300),
    ] {
        world.simulator.faults().clear();
        world.inject(ApiCall::Link, None, fault);
        for _ in 0..12 {
            unavailable(&world, "").await;
        }
    }
    assert_eq!(gist(&world.check("front-door", "fresh").await), "ALLOW");
}

#[tokio::test]
async fn a_link_that_no_browser_should_be_sent_to_is_none() {
    let world = world().await;
    let long = format!("https://verify.example.com/{}", "x".repeat(2048));
    for link in [
        "http://verify.example.com/x",
        "javascript:alert(1)",
        "verify.example.com",
        "https://good.example@evil.example/",
        "",
        &long,
    ] {
        let body = json!({ "verificationLink": link, "verificationTraceId": "t-1" });
        world.inject(ApiCall::Link, Some(1), Fault::Body(body.to_string()));
        unavailable(&world, "r-1").await;
    }
    for fault in [Fault::Html, Fault::Truncated, Fault::Body("{}".to_owned())] {
        world.inject(ApiCall::Link, Some(1), fault);
        unavailable(&world, "r-1").await;
    }
    let body = r#"{"verificationLink":"https://verify.example.com/x?y"}"#;
    world.inject(ApiCall::Link, Some(1), Fault::Body(body.to_owned()));
    let begun = begin(&world, "r-1").await;
    assert_eq!(begun.verification_link, "https://verify.example.com/x?y");
    assert_eq!(begun.trace_id, "");
}
