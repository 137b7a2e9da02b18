//! Step-ups: a link by which a person verifies again, its outcome, and that none of it grants anything.

mod events;
mod followed;
mod outage;
pub mod page;
mod telemetry;

use std::{fs, net::IpAddr, time::Duration};

use futures_util::future::join_all;
use serde_json::json;
use tonic::{Code, Status, transport::Endpoint};
use tonic_types::StatusExt as _;
use verigate::{
    config::Config,
    proto::v1::{
        BeginStepUpRequest, BeginStepUpResponse, Decision,
        access_service_client::AccessServiceClient,
    },
    rate_limit::Rate,
    sim::{ApiCall, Fault},
};

use crate::{
    webhook::{call_back, terms},
    world::{POLICIES, World, at, gist, instant, until},
};

const REDIRECT: &str = "https://sso.example.com/step-up";
const OTHER_REDIRECT: &str = "https://help.example.com/done";
const HINT: &str = "ada@example.com";

fn configure(config: &mut Config) {
    let own = format!(
        "{POLICIES}  redirecting:\n    require: [verified_within: 1d]\n    step_up: {{redirect: '{REDIRECT}'}}\n"
    );
    fs::write(&config.policies, own).unwrap();
    config.webhook = Some(terms());
    config.step_up.redirects = [REDIRECT, OTHER_REDIRECT].map(str::to_owned).into();
}

async fn world() -> World {
    world_with(|_| {}).await
}

async fn world_with(adjust: impl FnOnce(&mut Config)) -> World {
    let world = World::with(|config| {
        configure(config);
        adjust(config);
    })
    .await;
    call_back(&world);
    world
}

fn step_up_request(request_id: &str) -> BeginStepUpRequest {
    BeginStepUpRequest {
        verification_id: "month-old".to_owned(),
        policy: "front-door".to_owned(),
        login_hint: HINT.to_owned(),
        redirect_url: REDIRECT.to_owned(),
        request_id: request_id.to_owned(),
    }
}

async fn begin(world: &World, request_id: &str) -> BeginStepUpResponse {
    world.begin(step_up_request(request_id)).await.unwrap()
}

fn wrong_fields(status: &Status) -> Vec<String> {
    assert_eq!(status.code(), Code::InvalidArgument, "{status}");
    let wrong = status.get_details_bad_request().unwrap().field_violations;
    wrong.into_iter().map(|violation| violation.field).collect()
}

/// Opens a link as the person does.
async fn open(begun: &BeginStepUpResponse, how: &str) -> String {
    let url = format!("{}{how}", begun.verification_link);
    let opened = reqwest::get(url).await.unwrap();
    assert_eq!(opened.status().as_u16(), 200);
    opened.text().await.unwrap()
}

async fn state(world: &World, begun: &BeginStepUpResponse) -> String {
    let (_, body) = world
        .get_json(&format!("/step-ups/{}", begun.step_up_id))
        .await;
    body["state"].as_str().unwrap().to_owned()
}

async fn until_state(world: &World, begun: &BeginStepUpResponse, expected: &str) {
    let so = async || state(world, begun).await == expected;
    until(expected, so).await;
}

#[tokio::test]
async fn a_person_verifies_again_and_passes_by_the_new_verification() {
    let world = world().await;
    let before = world.check("front-door", "month-old").await;
    assert_eq!(gist(&before), "STEP_UP VERIFICATION_TOO_OLD");
    let begun = begin(&world, "r-1").await;
    world.clock.advance(Duration::from_mins(3));
    let page = open(&begun, "").await;
    assert!(
        page.contains("webhook verification.succeeded: 204"),
        "{page}"
    );
    until_state(&world, &begun, "succeeded").await;
    let (_, body) = world
        .get_json(&format!("/step-ups/{}", begun.step_up_id))
        .await;
    let successor = body["successor"].as_str().unwrap();
    assert_eq!(successor, begun.trace_id);
    assert_eq!(gist(&world.check("front-door", successor).await), "ALLOW");
    let details_of = world.calls().details_of;
    assert_eq!(details_of[successor], 1, "it was asked for ahead of time");
    // The old one is what it was.
    let old = world.check("front-door", "month-old").await;
    assert_eq!(gist(&old), "STEP_UP VERIFICATION_TOO_OLD");
}

#[tokio::test]
async fn a_person_who_was_never_verified_begins_with_an_id_that_names_no_verification() {
    let world = world().await;
    let begun = world.begin(BeginStepUpRequest {
        verification_id: "new-4711".to_owned(),
        ..step_up_request("r-1")
    });
    let begun = begun.await.unwrap();
    let first = world.check("front-door", &begun.trace_id).await;
    assert_eq!(first.decision(), Decision::Deny, "the link was not opened");
    open(&begun, "").await;
    until_state(&world, &begun, "succeeded").await;
    let verified = world.check("front-door", &begun.trace_id).await;
    assert_eq!(gist(&verified), "ALLOW");
    let own = world.check("front-door", "new-4711").await;
    assert_eq!(gist(&own), "DENY VERIFICATION_NOT_FOUND");
}

#[tokio::test]
async fn a_step_up_has_a_link_a_name_and_an_end() {
    let world = world().await;
    let begun = begin(&world, "r-1").await;
    let id: uuid::Uuid = begun.step_up_id.parse().unwrap();
    assert_eq!(id.get_version_num(), 7);
    assert_eq!(
        instant(begun.expires_at.as_ref()),
        Some(at("2026-01-31T12:15:00Z"))
    );
    let prefix = format!("http://{}/sim/links/", world.simulator.address);
    assert_eq!(
        begun.verification_link,
        format!("{prefix}{}", begun.trace_id)
    );
    let (status, body) = world.get_json(&format!("/step-ups/{id}")).await;
    assert_eq!(status, 200);
    assert_eq!(
        body,
        json!({
            "step_up_id": begun.step_up_id,
            "verification_id": "month-old",
            "policy": "front-door",
            "state": "pending",
            "successor": null,
            "expires_at": "2026-01-31T12:15:00.000Z",
        })
    );
    for unknown in [uuid::Uuid::new_v4().to_string(), "x".to_owned()] {
        assert_eq!(world.get_json(&format!("/step-ups/{unknown}")).await.0, 404);
    }
}

#[tokio::test]
async fn every_wrong_field_is_reported_at_once_and_no_upstream_call_is_made() {
    let world = world().await;
    let all_wrong = BeginStepUpRequest {
        verification_id: "../x".to_owned(),
        policy: "Front".to_owned(),
        login_hint: "ada".to_owned(),
        redirect_url: "https://evil.example.com/".to_owned(),
        request_id: "r".repeat(129),
    };
    let status = world.begin(all_wrong).await.unwrap_err();
    assert_eq!(
        wrong_fields(&status),
        [
            "verification_id",
            "policy",
            "login_hint",
            "redirect_url",
            "request_id"
        ]
    );
    assert!(!status.message().contains("evil"), "{status}");
    let long = format!("{}@example.com", "a".repeat(243));
    for hint in ["", "ada", "ada@", "@example.com", "a b@example.com", &long] {
        let request = BeginStepUpRequest {
            login_hint: hint.to_owned(),
            ..step_up_request("r")
        };
        let status = world.begin(request).await.unwrap_err();
        assert_eq!(wrong_fields(&status), ["login_hint"], "{hint}");
        assert!(!format!("{status:?}").contains("example"), "{status:?}");
    }
    for redirect in [
        "",
        "https://sso.example.com/step-up/",
        "https://sso.example.com",
    ] {
        let request = BeginStepUpRequest {
            redirect_url: redirect.to_owned(),
            ..step_up_request("r")
        };
        let status = world.begin(request).await.unwrap_err();
        assert_eq!(wrong_fields(&status), ["redirect_url"], "{redirect}");
    }
    assert_eq!(world.calls().link, 0);
}

#[tokio::test]
async fn an_unknown_policy_is_not_found_unless_the_request_is_malformed() {
    let world = world().await;
    let unknown = |redirect_url: &str, login_hint: &str| BeginStepUpRequest {
        policy: "no-such-policy".to_owned(),
        redirect_url: redirect_url.to_owned(),
        login_hint: login_hint.to_owned(),
        ..step_up_request("r")
    };
    for redirect in ["", REDIRECT] {
        let status = world.begin(unknown(redirect, HINT)).await.unwrap_err();
        assert_eq!(status.code(), Code::NotFound);
    }
    let status = world.begin(unknown("", "ada")).await.unwrap_err();
    assert_eq!(wrong_fields(&status), ["login_hint"]);
    assert_eq!(world.calls().link, 0);
}

#[tokio::test]
async fn the_browser_goes_where_the_caller_says_or_else_where_the_policy_does() {
    let world = world().await;
    for (given, expected) in [("", REDIRECT), (OTHER_REDIRECT, OTHER_REDIRECT)] {
        let request = BeginStepUpRequest {
            policy: "redirecting".to_owned(),
            redirect_url: given.to_owned(),
            ..step_up_request("")
        };
        let begun = world.begin(request).await.unwrap();
        let page = open(&begun, "").await;
        assert!(
            page.contains(&format!("would go to {expected} now")),
            "{page}"
        );
    }
}

#[tokio::test]
async fn a_repeated_call_gets_the_same_link_while_it_is_valid() {
    let world = world().await;
    let first = begin(&world, "r-1").await;
    world
        .clock
        .advance(Duration::from_mins(15) - Duration::from_millis(1));
    assert_eq!(begin(&world, "r-1").await, first);
    assert_eq!(world.calls().link, 1);
    world.clock.advance(Duration::from_millis(1));
    let second = begin(&world, "r-1").await;
    assert_ne!(second.step_up_id, first.step_up_id);
    assert_ne!(second.verification_link, first.verification_link);
    assert_eq!(world.calls().link, 2);
    // A clock that is set back makes the link no younger.
    world.clock.set(at("2026-01-31T11:00:00Z"));
    assert_eq!(begin(&world, "r-1").await, second);
    world.clock.advance(Duration::from_mins(15));
    assert_ne!(begin(&world, "r-1").await.step_up_id, second.step_up_id);
}

#[tokio::test]
async fn calls_without_a_name_are_calls_of_their_own() {
    let world = world().await;
    assert_ne!(begin(&world, "").await, begin(&world, "").await);
    assert_eq!(world.calls().link, 2);
}

#[tokio::test]
async fn another_call_must_not_have_the_same_name() {
    let world = world().await;
    begin(&world, "r-1").await;
    let others = [
        BeginStepUpRequest {
            verification_id: "stale".to_owned(),
            ..step_up_request("r-1")
        },
        BeginStepUpRequest {
            policy: "adults".to_owned(),
            ..step_up_request("r-1")
        },
        BeginStepUpRequest {
            login_hint: "ben@example.com".to_owned(),
            ..step_up_request("r-1")
        },
        BeginStepUpRequest {
            redirect_url: OTHER_REDIRECT.to_owned(),
            ..step_up_request("r-1")
        },
    ];
    for other in others {
        let status = world.begin(other).await.unwrap_err();
        assert_eq!(wrong_fields(&status), ["request_id"]);
    }
    assert_eq!(world.calls().link, 1);
    // Once the link is not valid any more, the name is free.
    world.clock.advance(Duration::from_mins(15));
    let other = BeginStepUpRequest {
        verification_id: "stale".to_owned(),
        ..step_up_request("r-1")
    };
    assert!(world.begin(other).await.is_ok());
}

#[tokio::test]
async fn calls_by_one_name_that_come_together_share_one_call() {
    let world = world().await;
    world.inject(ApiCall::Link, None, Fault::LatencyMs(100));
    let together = (0..50).map(|_| begin(&world, "r-1"));
    let all = join_all(together).await;
    assert!(all.iter().all(|begun| *begun == all[0]));
    assert_eq!(world.calls().link, 1);
}

#[tokio::test]
async fn a_caller_who_leaves_does_not_end_it() {
    let world = world().await;
    world.inject(ApiCall::Link, Some(1), Fault::LatencyMs(300));
    let left = tokio::time::timeout(Duration::from_millis(100), begin(&world, "r-1")).await;
    assert!(left.is_err());
    begin(&world, "r-1").await;
    assert_eq!(world.calls().link, 1);
}

#[tokio::test]
async fn a_deadline_that_passes_says_so_and_the_link_is_made_all_the_same() {
    let world = world_with(|config| config.deadlines.default = Duration::from_millis(500)).await;
    world.inject(ApiCall::Link, Some(1), Fault::LatencyMs(800));
    let status = world.begin(step_up_request("r-1")).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    begin(&world, "r-1").await;
    assert_eq!(world.calls().link, 1);
}

#[tokio::test]
async fn all_callers_together_have_a_budget_of_links() {
    let world = world_with(|config| {
        config.incode.links = Rate {
            per_second: 1,
            burst: 2,
        };
        config.incode.timeout = Duration::from_millis(500);
    })
    .await;
    for _ in 0..2 {
        begin(&world, "").await;
    }
    let status = world.begin(step_up_request("r-3")).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(status.get_details_retry_info().is_some());
    assert_eq!(world.calls().link, 2);
    let metrics = world.metrics().await;
    assert!(
        metrics.contains(r#"verigate_step_ups_total{event="refused"} 1"#),
        "{metrics}"
    );
    // A link that was refused was not made: the same call makes it later.
    world.clock.advance(Duration::from_secs(1));
    begin(&world, "r-3").await;
}

async fn client(world: &World, from: IpAddr) -> AccessServiceClient<tonic::transport::Channel> {
    let endpoint = Endpoint::from_shared(format!("http://{}", world.grpc_address())).unwrap();
    let channel = endpoint.local_address(Some(from)).connect().await.unwrap();
    AccessServiceClient::new(channel)
}

#[tokio::test]
async fn a_caller_has_its_names_and_its_quota_whichever_address_of_its_host_it_uses() {
    let world = world_with(|config| {
        config.step_up.links = Rate {
            per_second: 1,
            burst: 2,
        };
    })
    .await;
    let first = begin(&world, "r-1").await;
    begin(&world, "r-2").await;
    let status = world.begin(step_up_request("r-3")).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    let retry = status.get_details_retry_info().unwrap();
    assert_eq!(retry.retry_delay, Some(Duration::from_secs(1)));
    assert_eq!(begin(&world, "r-1").await, first, "it costs nothing");
    let mut other = client(&world, [127, 0, 0, 2].into()).await;
    let begun = other
        .begin_step_up(step_up_request("r-1"))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(begun.step_up_id, first.step_up_id);
    let status = other
        .begin_step_up(step_up_request("r-3"))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(world.calls().link, 2);
    world.clock.advance(Duration::from_secs(1));
    begin(&world, "r-3").await;
}
