//! `CheckAccess` from the outside: decisions, times, and what is refused.

use std::{collections::HashMap, time::Duration};

use futures_util::future::join_all;
use tonic::Code;
use tonic_types::StatusExt as _;
use verigate::{
    proto::v1::{Authentication, CheckAccessRequest, Decision, EvidenceSource},
    sim::{ApiCall, Fault},
};

use crate::world::{World, at, check_request, gist, instant};

#[tokio::test]
async fn each_kind_of_verification_gets_the_answer_that_the_policy_gives() {
    let world = World::new().await;
    let cases = [
        ("front-door", "fresh", "ALLOW"),
        ("front-door", "month-old", "STEP_UP VERIFICATION_TOO_OLD"),
        (
            "front-door",
            "stale",
            "DENY VERIFICATION_TOO_OLD VERIFICATION_TOO_OLD",
        ),
        (
            "front-door",
            "pending",
            "DENY STATUS_NOT_ACCEPTED VERIFIED_AT_MISSING VERIFIED_AT_MISSING",
        ),
        ("front-door", "scopeless", "STEP_UP SCOPE_NOT_GRANTED"),
        ("front-door", "nobody", "DENY VERIFICATION_NOT_FOUND"),
        ("front-door", "soon", "ALLOW"),
        ("front-door", "too-soon", "DENY VERIFIED_AT_IN_FUTURE"),
        ("adults", "fresh", "ALLOW"),
        ("adults", "minor", "DENY UNDER_AGE"),
        (
            "adults",
            "scopeless",
            "DENY SCOPE_NOT_GRANTED SCOPE_NOT_GRANTED",
        ),
    ];
    for (policy, verification, expected) in cases {
        let answer = world.check(policy, verification).await;
        assert_eq!(gist(&answer), expected, "{verification} at {policy}");
    }
}

#[tokio::test]
async fn an_answer_says_what_it_rests_on_and_how_long_it_holds() {
    let world = World::new().await;
    let request = CheckAccessRequest {
        request_id: "r-1".to_owned(),
        ..check_request("front-door", "fresh")
    };
    let answer = world.ask(request).await.unwrap();
    assert_eq!(answer.request_id, "r-1");
    assert_eq!(
        instant(answer.decided_at.as_ref()),
        Some(at("2026-01-31T12:00:00Z"))
    );
    assert_eq!(
        instant(answer.valid_until.as_ref()),
        Some(at("2026-01-31T12:10:00Z"))
    );
    assert_eq!(answer.valid_for.unwrap().seconds, 600);
    let change = answer.next_change.unwrap();
    assert_eq!(
        instant(change.at.as_ref()),
        Some(at("2026-03-02T11:50:00Z"))
    );
    assert_eq!(change.to(), Decision::StepUp);
    let id: uuid::Uuid = answer.decision_id.parse().unwrap();
    assert_eq!(id.get_version_num(), 7);
    let evidence = answer.evidence.unwrap();
    assert_eq!(evidence.source(), EvidenceSource::Upstream);
    assert_eq!(evidence.status, "VERIFIED");
    assert_eq!(evidence.trace_id, "trace-fresh");
    assert_eq!(evidence.scopes, ["NAME", "DATE_OF_BIRTH", "PHONE"]);
    assert_eq!(
        instant(evidence.verified_at.as_ref()),
        Some(at("2026-01-31T11:50:00Z"))
    );
    assert!(!answer.degraded);
    let again = world.check("front-door", "fresh").await;
    assert_eq!(again.evidence.unwrap().source(), EvidenceSource::Cache);
    assert_eq!(again.policy_revision, answer.policy_revision);
    assert_ne!(again.decision_id, answer.decision_id);
}

#[tokio::test]
async fn a_decision_changes_exactly_at_its_next_change() {
    let world = World::new().await;
    world.clock.set(at("2026-03-02T11:49:59.999Z"));
    assert_eq!(gist(&world.check("front-door", "fresh").await), "ALLOW");
    world.clock.set(at("2026-03-02T11:50:00Z"));
    assert_eq!(
        gist(&world.check("front-door", "fresh").await),
        "STEP_UP VERIFICATION_TOO_OLD"
    );
}

#[tokio::test]
async fn an_answer_never_outlives_its_next_change() {
    let world = World::new().await;
    world.clock.set(at("2026-03-02T11:45:00Z"));
    let answer = world.check("front-door", "fresh").await;
    assert_eq!(
        instant(answer.valid_until.as_ref()),
        Some(at("2026-03-02T11:50:00Z"))
    );
    assert_eq!(answer.valid_for.unwrap().seconds, 300);
}

#[tokio::test]
async fn two_hundred_warm_checks_do_not_ask_the_upstream() {
    let world = World::new().await;
    world.check("front-door", "fresh").await;
    let before = world.calls();
    for _ in 0..200 {
        assert_eq!(gist(&world.check("front-door", "fresh").await), "ALLOW");
    }
    assert_eq!(world.calls(), before);
}

#[tokio::test]
async fn two_policies_share_one_fetch() {
    let world = World::new().await;
    world.check("front-door", "fresh").await;
    world.check("adults", "fresh").await;
    assert_eq!(world.calls().details, 1);
}

#[tokio::test]
async fn a_hundred_callers_of_one_cold_id_cause_one_call_and_one_token() {
    let world = World::new().await;
    world.inject(ApiCall::Details, None, Fault::LatencyMs(50));
    let together = (0..100).map(|_| world.check("front-door", "fresh"));
    for answer in join_all(together).await {
        assert_eq!(gist(&answer), "ALLOW");
    }
    let calls = world.calls();
    assert_eq!((calls.authorize, calls.details), (1, 1));
}

#[tokio::test]
async fn a_malformed_request_never_reaches_the_upstream() {
    let world = World::new().await;
    let long = "a".repeat(129);
    for id in [
        "",
        "..",
        "../../integration/authorize/server",
        "a/b",
        "a%2Fb",
        "ä",
        &long,
    ] {
        let status = world
            .ask(check_request("front-door", id))
            .await
            .unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{id:?}");
        let wrong = status.get_details_bad_request().unwrap();
        assert_eq!(wrong.field_violations[0].field, "verification_id");
    }
    let calls = world.calls();
    assert_eq!((calls.authorize, calls.details), (0, 0));
}

#[tokio::test]
async fn an_unknown_policy_is_not_found_and_a_malformed_one_is_invalid() {
    let world = World::new().await;
    let code = world
        .refused(check_request("no-such-policy", "fresh"))
        .await;
    assert_eq!(code, Code::NotFound);
    let code = world
        .refused(check_request("No Such Policy", "fresh"))
        .await;
    assert_eq!(code, Code::InvalidArgument);
    assert_eq!(world.calls().details, 0);
}

#[tokio::test]
async fn what_the_caller_says_about_the_situation_is_bounded() {
    let world = World::new().await;
    let attributes: HashMap<String, String> =
        (0..33).map(|n| (n.to_string(), String::new())).collect();
    let request = CheckAccessRequest {
        attributes,
        ..check_request("front-door", "fresh")
    };
    assert_eq!(world.refused(request).await, Code::InvalidArgument);
    let request = CheckAccessRequest {
        authentication: Some(Authentication {
            acr: "x".repeat(20_000),
            ..Authentication::default()
        }),
        ..check_request("front-door", "fresh")
    };
    assert_eq!(world.refused(request).await, Code::OutOfRange);
}

#[tokio::test]
async fn a_short_deadline_gets_an_answer_and_the_fetch_still_fills_the_cache() {
    let world = World::new().await;
    // The client gives up by itself, so it must have time for an answer even on a busy machine.
    world.inject(ApiCall::Details, None, Fault::LatencyMs(1500));
    let answer = world
        .ask_within(Duration::from_secs(1), check_request("front-door", "fresh"))
        .await
        .unwrap();
    assert_eq!(gist(&answer), "DENY EVIDENCE_UNAVAILABLE");
    assert!(answer.degraded);
    assert_eq!(answer.evidence.unwrap().source(), EvidenceSource::None);
    // The fetch goes on without its first caller; this one waits for it.
    assert_eq!(gist(&world.check("front-door", "fresh").await), "ALLOW");
    assert_eq!(world.calls().details, 1);
}
