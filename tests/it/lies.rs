//! Wrong responses of the upstream: none of them becomes an ALLOW.

use verigate::sim::{ApiCall, Fault};

use crate::world::{FAILED_FOR_MAX, World, gist};

/// The answer to `fresh` at `front-door` if the upstream responds with this body.
async fn answer_to(world: &World, body: &str) -> String {
    world.inject(ApiCall::Details, Some(1), Fault::Body(body.to_owned()));
    answer_after_expiry(world).await
}

/// The answer once the last unusable response is not cached any more.
async fn answer_after_expiry(world: &World) -> String {
    world.clock.advance(FAILED_FOR_MAX);
    gist(&world.check("front-door", "fresh").await)
}

#[tokio::test]
async fn what_is_not_the_agreed_json_is_invalid_evidence() {
    let world = World::new().await;
    let padded = format!(r#"{{"id":"fresh","padding":"{}"}}"#, "x".repeat(70_000));
    for body in [
        "",
        "null",
        "[]",
        "{",
        r#"{"id":"another","status":"VERIFIED"}"#,
        r#"{"status":"VERIFIED"}"#,
        r#"{"id":"fresh","status":"FAILED","status":"VERIFIED"}"#,
        r#"{"id":"fresh","verifiedAt":"1769860200000"}"#,
        r#"{"timestamp":1769860200000,"status":401,"error":"Unauthorized"}"#,
        &padded,
    ] {
        assert_eq!(
            answer_to(&world, body).await,
            "DENY EVIDENCE_INVALID",
            "{body:.60}"
        );
    }
    for fault in [Fault::Html, Fault::Truncated, Fault::AnotherId] {
        world.inject(ApiCall::Details, Some(1), fault.clone());
        assert_eq!(
            answer_after_expiry(&world).await,
            "DENY EVIDENCE_INVALID",
            "{fault:?}"
        );
    }
    assert_eq!(answer_after_expiry(&world).await, "ALLOW");
}

#[tokio::test]
async fn the_right_answer_under_another_content_type_is_invalid_evidence() {
    let world = World::new().await;
    for kind in ["text/html", "text/json", "application/jsonp", ""] {
        world.inject(
            ApiCall::Details,
            Some(1),
            Fault::ContentType(kind.to_owned()),
        );
        assert_eq!(
            answer_after_expiry(&world).await,
            "DENY EVIDENCE_INVALID",
            "{kind}"
        );
    }
    let kind = "Application/JSON; charset=utf-8".to_owned();
    world.inject(ApiCall::Details, Some(1), Fault::ContentType(kind));
    assert_eq!(answer_after_expiry(&world).await, "ALLOW");
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_leads_no_token_away() {
    let world = World::new().await;
    let elsewhere = World::new().await;
    let place = format!(
        "http://{}/v1/verification/details/fresh",
        elsewhere.simulator.address
    );
    world.inject(ApiCall::Details, Some(1), Fault::Redirect(place));
    let answer = world.check("front-door", "fresh").await;
    assert_eq!(gist(&answer), "DENY EVIDENCE_UNAVAILABLE");
    assert_eq!(elsewhere.calls().details, 0);
}

#[tokio::test]
async fn a_time_in_seconds_or_before_2015_is_invalid_evidence() {
    let world = World::new().await;
    for verified_at in ["1769860200", "0", "-1", "1420070399999"] {
        let body = format!(
            r#"{{"id":"fresh","verifiedAt":{verified_at},"status":"VERIFIED","scopes":["NAME"],"data":{{"fullName":"Ada Example"}}}}"#
        );
        assert_eq!(
            answer_to(&world, &body).await,
            "DENY EVIDENCE_INVALID",
            "{verified_at}"
        );
    }
}

#[tokio::test]
async fn data_of_a_scope_that_is_not_granted_does_not_count() {
    let world = World::new().await;
    let body = r#"{"id":"fresh","verifiedAt":1769860200000,"status":"VERIFIED","scopes":["name"],"data":{"fullName":"Ada Example"}}"#;
    assert_eq!(answer_to(&world, body).await, "STEP_UP SCOPE_NOT_GRANTED");
}

#[tokio::test]
async fn an_unknown_status_is_kept_as_it_came_and_not_accepted() {
    let world = World::new().await;
    let body = r#"{"id":"fresh","verifiedAt":1769860200000,"status":"verified","scopes":["NAME"],"data":{"fullName":"Ada Example"}}"#;
    world.inject(ApiCall::Details, Some(1), Fault::Body(body.to_owned()));
    let answer = world.check("front-door", "fresh").await;
    assert_eq!(gist(&answer), "DENY STATUS_NOT_ACCEPTED");
    assert_eq!(answer.evidence.unwrap().status, "verified");
}
