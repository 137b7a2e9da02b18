//! The service asks as the vendor documents it, and understands the errors and webhooks that the vendor sends.

use std::time::Duration;

use axum::http::Method;
use reqwest::Client;
use secrecy::ExposeSecret as _;
use verigate::proto::v1::BeginStepUpRequest;

use super::{
    messages::{
        CORRELATION, ID, LINK_PATH, REDIRECT, TRACE, all_recorded, cast_of, recorded,
        recorded_json, shape,
    },
    replay::{Asked, Replay},
};
use crate::{
    webhook::{HEADER, terms},
    world::{World, gist, until},
};

/// The recorded answer of a call that is as it should be.
fn right(path: &str) -> &'static str {
    match path {
        "/v1/integration/authorize/server" => "authorize.json",
        LINK_PATH => "link.json",
        _ => "details-all-scopes.json",
    }
}

/// A world whose vendor is this server.
async fn world_of(replay: &Replay) -> World {
    let url = format!("http://{}", replay.address).parse().unwrap();
    World::with(|config| {
        config.incode.url = url;
        config.step_up.redirects = [REDIRECT.to_owned()].into();
    })
    .await
}

fn step_up() -> BeginStepUpRequest {
    BeginStepUpRequest {
        verification_id: ID.to_owned(),
        policy: "front-door".to_owned(),
        login_hint: "ada@example.com".to_owned(),
        redirect_url: REDIRECT.to_owned(),
        request_id: "r-1".to_owned(),
    }
}

#[tokio::test]
async fn the_service_asks_as_the_vendor_documents_it() {
    let vendor = Replay::of(|path| (200, right(path).to_owned())).await;
    let world = world_of(&vendor).await;
    // Verified in 2024: both rules of the policy say so.
    assert_eq!(
        gist(&world.check("front-door", ID).await),
        "DENY VERIFICATION_TOO_OLD VERIFICATION_TOO_OLD"
    );
    let begun = world.begin(step_up()).await.unwrap();
    assert_eq!(begun.trace_id, TRACE);
    let header = |asked: &Asked, name: &str| {
        let value = asked.headers.get(name).map(|v| v.to_str().unwrap());
        value.unwrap_or_default().to_owned()
    };
    let shape_of = |body: &str| shape(&serde_json::from_str(body).unwrap());

    let authorize = vendor.only("/v1/integration/authorize/server");
    assert_eq!(authorize.method, Method::POST);
    assert_eq!(header(&authorize, "x-api-key"), "demo-api-key");
    assert_eq!(header(&authorize, "content-type"), "application/json");
    assert_eq!(
        shape_of(&authorize.body),
        shape(&recorded_json("authorize.request.json"))
    );

    let details = vendor.only("/v1/verification/details/");
    assert_eq!(details.method, Method::GET);
    assert_eq!(details.path, format!("/v1/verification/details/{ID}"));
    assert_eq!(header(&details, "x-auth-token"), "eyJhbGciOiJIUzI1NiJ9...");
    assert_eq!(details.body, "");

    for asked in vendor.asked() {
        assert_eq!(header(&asked, "accept"), "application/json");
        assert_eq!(header(&asked, "cache-control"), "no-store");
    }

    let link = vendor.only(LINK_PATH);
    assert_eq!(link.method, Method::POST);
    assert_eq!(header(&link, "x-auth-token"), "eyJhbGciOiJIUzI1NiJ9...");
    assert_eq!(header(&link, "content-type"), "application/json");
    assert_eq!(
        shape_of(&link.body),
        shape(&recorded_json("link.request.json"))
    );
}

#[tokio::test]
async fn an_error_of_the_vendor_is_judged_by_its_http_status() {
    for (status, file, expected) in [
        (400, "error-400.json", "DENY EVIDENCE_UNAVAILABLE"),
        (401, "error-401.json", "DENY EVIDENCE_UNAVAILABLE"),
        (403, "error-403.json", "DENY EVIDENCE_UNAVAILABLE"),
        (404, "error-404.json", "DENY VERIFICATION_NOT_FOUND"),
        (406, "error-406.json", "DENY EVIDENCE_UNAVAILABLE"),
        (429, "error-429.json", "DENY EVIDENCE_UNAVAILABLE"),
        (500, "error-500.json", "DENY EVIDENCE_UNAVAILABLE"),
        (502, "error-502.html", "DENY EVIDENCE_UNAVAILABLE"),
        (503, "error-503.json", "DENY EVIDENCE_UNAVAILABLE"),
        // An error under the status of a success is unusable or an outage, but never an answer.
        (200, "error-401.json", "DENY EVIDENCE_"),
        (200, "error-404.json", "DENY EVIDENCE_"),
        (200, "error-502.html", "DENY EVIDENCE_"),
    ] {
        let vendor = Replay::of(move |path| match right(path) {
            "authorize.json" => (200, "authorize.json".to_owned()),
            _ => (status, file.to_owned()),
        })
        .await;
        let world = world_of(&vendor).await;
        let answer = gist(&world.check("front-door", ID).await);
        assert!(answer.starts_with(expected), "{status} {file}: {answer}");
    }
}

/// Posts a recorded webhook to the service, with this as its correlation id.
async fn deliver(world: &World, file: &str, correlation: &str) {
    let url = format!("http://{}/webhooks/incode", world.http_address());
    let body = recorded(file).replace(CORRELATION, correlation);
    let secret = terms().secret;
    let request = Client::builder().no_proxy().build().unwrap().post(url);
    let request = request.header(HEADER, secret.expose_secret()).body(body);
    assert_eq!(
        request.send().await.unwrap().status().as_u16(),
        204,
        "{file}"
    );
}

#[tokio::test]
async fn the_service_follows_the_recorded_webhooks() {
    let details = recorded_json("details-all-scopes.json");
    let cast = cast_of(&details);
    let world = World::of(&cast, |config| {
        config.webhook = Some(terms());
        config.step_up.redirects = [REDIRECT.to_owned()].into();
    })
    .await;
    world.check("front-door", ID).await;
    for file in all_recorded("webhook-") {
        // So long after the one before, a webhook about the same verification is processed at once.
        world.clock.advance(Duration::from_secs(10));
        let before = world.calls().details;
        deliver(&world, &file, CORRELATION).await;
        until("the evidence is invalidated by its trace id", async || {
            world.check("front-door", ID).await;
            world.calls().details > before
        })
        .await;
    }
    for (file, state) in [
        ("webhook-started.json", "pending"),
        ("webhook-failed.json", "failed"),
        ("webhook-snake-case.json", "failed"),
    ] {
        let mut request = step_up();
        file.clone_into(&mut request.request_id);
        let begun = world.begin(request).await.unwrap();
        deliver(&world, file, &begun.step_up_id).await;
        until(state, async || {
            let (_, shown) = world
                .get_json(&format!("/step-ups/{}", begun.step_up_id))
                .await;
            shown["state"] == state
        })
        .await;
    }
}
