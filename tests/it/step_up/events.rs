//! How events end a step-up, honest or forged, in whatever order they come.

use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
};

use serde_json::{Value, json};
use verigate::proto::v1::{
    BeginStepUpRequest, Decision, access_service_client::AccessServiceClient,
};

use super::{begin, open, state, until_state, world};
use crate::{
    webhook::{HEADER, event, terms},
    world::{Killed, World, check_request, gist, until},
};

#[tokio::test]
async fn a_person_who_does_not_pass_may_yet_and_a_success_is_never_taken_back() {
    let world = world().await;
    let begun = begin(&world, "r-1").await;
    open(&begun, "?outcome=failed").await;
    until_state(&world, &begun, "failed").await;
    let denied = world.check("front-door", &begun.trace_id).await;
    assert!(gist(&denied).starts_with("DENY STATUS_NOT_ACCEPTED"));
    open(&begun, "").await;
    until_state(&world, &begun, "succeeded").await;
    assert_eq!(
        gist(&world.check("front-door", &begun.trace_id).await),
        "ALLOW"
    );
    // The same link once more: the verification is not good any more, which the evidence says, not the state.
    open(&begun, "?outcome=failed").await;
    until("it is invalidated", async || {
        let answer = world.check("front-door", &begun.trace_id).await;
        gist(&answer).starts_with("DENY")
    })
    .await;
    assert_eq!(state(&world, &begun).await, "succeeded");
}

#[tokio::test]
async fn events_that_come_twice_or_in_the_wrong_order_end_it_the_same() {
    let world = world().await;
    for how in ["?deliver=twice", "?deliver=reversed"] {
        let begun = begin(&world, "").await;
        let page = open(&begun, how).await;
        assert!(page.contains("verification.succeeded: 204"), "{page}");
        until_state(&world, &begun, "succeeded").await;
        let (_, body) = world
            .get_json(&format!("/step-ups/{}", begun.step_up_id))
            .await;
        assert_eq!(body["successor"], begun.trace_id);
    }
}

#[tokio::test]
async fn an_event_with_a_forged_secret_ends_nothing() {
    let world = world().await;
    let begun = begin(&world, "").await;
    let page = open(&begun, "?deliver=forged").await;
    assert!(page.contains("verification.succeeded: 401"), "{page}");
    assert_eq!(state(&world, &begun).await, "pending");
    // The service is right without any webhook: the person has verified all the same.
    assert_eq!(
        gist(&world.check("front-door", &begun.trace_id).await),
        "ALLOW"
    );
}

/// Posts an event about a step-up, with the right secret.
pub(super) async fn send_event(world: &World, step_up: &str, name: &str, verification: &str) {
    let mut body: serde_json::Value = serde_json::from_str(&event(name, verification)).unwrap();
    body["correlationId"] = step_up.into();
    let secret = secrecy::ExposeSecret::expose_secret(&terms().secret).to_owned();
    let sent = reqwest::Client::new()
        .post(format!("http://{}/webhooks/incode", world.http_address()))
        .header(HEADER, secret)
        .json(&body)
        .send();
    assert_eq!(sent.await.unwrap().status().as_u16(), 204);
}

#[tokio::test]
async fn a_forged_success_names_a_successor_and_grants_nothing() {
    let world = world().await;
    let begun = begin(&world, "").await;
    send_event(&world, &begun.step_up_id, "verification.succeeded", "stale").await;
    until_state(&world, &begun, "succeeded").await;
    let (_, known) = world
        .get_json(&format!("/step-ups/{}", begun.step_up_id))
        .await;
    assert_eq!(known["successor"], "stale");
    for verification in ["stale", "month-old", &begun.trace_id] {
        let answer = world.check("front-door", verification).await;
        assert_ne!(gist(&answer), "ALLOW", "{verification}");
    }
    // The first that was named stays, whatever is reported later.
    send_event(&world, &begun.step_up_id, "verification.succeeded", "fresh").await;
    send_event(&world, &begun.step_up_id, "verification.failed", "fresh").await;
    let end = begin(&world, "").await;
    send_event(&world, &end.step_up_id, "verification.failed", "x").await;
    until_state(&world, &end, "failed").await;
    let (_, known) = world
        .get_json(&format!("/step-ups/{}", begun.step_up_id))
        .await;
    assert_eq!(
        (&known["state"], &known["successor"]),
        (&json!("succeeded"), &json!("stale"))
    );
}

/// What is printed between these two, in the first line that has both.
fn between<'t>(text: &'t str, before: &str, after: &str) -> Option<&'t str> {
    let rest = text.split_once(before)?.1;
    Some(rest.split_once(after)?.0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_plays_the_whole_loop() {
    let demo = Command::new(env!("CARGO_BIN_EXE_verigate"))
        .arg("demo")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut demo = Killed(demo);
    let mut stdout = BufReader::new(demo.0.stdout.take().unwrap());
    let mut text = String::new();
    while !text.contains("/step-ups/") {
        assert_ne!(stdout.read_line(&mut text).unwrap(), 0, "{text}");
    }
    let request = between(&text, "--data '", "'").unwrap();
    let request: Value = serde_json::from_str(request).unwrap();
    let field = |name: &str| request[name].as_str().unwrap().to_owned();
    let grpc = between(&text, "' http://", "/verigate.v1").unwrap();
    let admin = between(&text, "curl http://", "/step-ups/").unwrap();
    let mut client = AccessServiceClient::connect(format!("http://{grpc}"))
        .await
        .unwrap();
    let begun = client.begin_step_up(BeginStepUpRequest {
        verification_id: field("verificationId"),
        policy: field("policy"),
        login_hint: field("loginHint"),
        redirect_url: field("redirectUrl"),
        request_id: String::new(),
    });
    let begun = begun.await.unwrap().into_inner();
    let page = open(&begun, "").await;
    assert!(page.contains("succeeded: 204"), "{page}");
    let url = format!("http://{admin}/step-ups/{}", begun.step_up_id);
    let known = async || -> Value { reqwest::get(&url).await.unwrap().json().await.unwrap() };
    until("it has succeeded", async || {
        known().await["state"] == "succeeded"
    })
    .await;
    let successor = known().await["successor"].as_str().unwrap().to_owned();
    let mut request = check_request("front-door", &successor);
    request.identity_id = "id-ada".to_owned();
    let answer = client.check_access(request);
    assert_eq!(
        answer.await.unwrap().into_inner().decision(),
        Decision::Allow
    );
}
