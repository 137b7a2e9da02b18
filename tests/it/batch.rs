//! `BatchCheckAccess` from the outside: one instant and one snapshot, each verification fetched once, and each check with a result of its
//! own.

use std::{fs, time::Duration};

use futures_util::future::join_all;
use serde_json::Value;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;
use verigate::{
    callers::Assertion,
    proto::v1::{
        Authentication, BatchCheckAccessRequest, BatchCheckAccessResult, CheckAccessRequest,
        batch_check_access_result::Result as Wire,
    },
    rate_limit::Rate,
    sim::{ApiCall, Fault},
};

use crate::{
    callers::{bearer, caller},
    world::{World, check_request, gist, until},
};

/// The results of a batch of these checks.
async fn ask(
    world: &World,
    checks: Vec<CheckAccessRequest>,
    adjust: impl FnOnce(&mut Request<BatchCheckAccessRequest>),
) -> Result<Vec<BatchCheckAccessResult>, Status> {
    let mut request = Request::new(BatchCheckAccessRequest { checks });
    adjust(&mut request);
    let answer = world.client.clone().batch_check_access(request).await;
    answer.map(|answer| answer.into_inner().results)
}

/// A decision with its reasons, or a code: `ALLOW`, `NotFound`.
pub fn shown(result: &BatchCheckAccessResult) -> String {
    match result.result.as_ref().expect("a result") {
        Wire::Response(response) => gist(response),
        Wire::Error(error) => format!("{:?}", Code::from_i32(error.code)),
    }
}

fn all_shown(results: &[BatchCheckAccessResult]) -> Vec<String> {
    results.iter().map(shown).collect()
}

fn named(id: &str, request: CheckAccessRequest) -> CheckAccessRequest {
    CheckAccessRequest {
        request_id: id.to_owned(),
        ..request
    }
}

#[tokio::test]
async fn each_check_has_its_own_result_in_the_order_of_the_requests() {
    let world = World::new().await;
    let checks = [
        ("front-door", "fresh", "ALLOW"),
        ("no-such-policy", "fresh", "NotFound"),
        ("front-door", "month-old", "STEP_UP VERIFICATION_TOO_OLD"),
        ("front-door", "../x", "InvalidArgument"),
        ("front-door", "nobody", "DENY VERIFICATION_NOT_FOUND"),
        ("No Policy", "fresh", "InvalidArgument"),
        ("adults", "minor", "DENY UNDER_AGE"),
        ("front-door", "fresh", "ALLOW"),
    ];
    let requests = checks
        .iter()
        .enumerate()
        .map(|(n, (policy, id, _))| named(&format!("r-{n}"), check_request(policy, id)));
    let results = ask(&world, requests.collect(), |_| {}).await.unwrap();
    let expected: Vec<&str> = checks.iter().map(|(_, _, expected)| *expected).collect();
    assert_eq!(all_shown(&results), expected);
    let mut recorded = Vec::new();
    for (n, result) in results.iter().enumerate() {
        match result.result.as_ref().unwrap() {
            Wire::Response(response) => {
                assert_eq!(response.request_id, format!("r-{n}"));
                recorded.push((response.decision_id.clone(), response.request_id.clone()));
            }
            Wire::Error(error) => assert!(!error.message.is_empty() && error.retry_after.is_none()),
        }
    }
    let metrics = world.metrics().await;
    for line in [
        r#"verigate_call_items_total{code="OK",method="BatchCheckAccess"} 5"#,
        r#"verigate_call_items_total{code="INVALID_ARGUMENT",method="BatchCheckAccess"} 2"#,
        r#"verigate_call_items_total{code="NOT_FOUND",method="BatchCheckAccess"} 1"#,
        r#"verigate_calls_total{code="OK",method="BatchCheckAccess"} 1"#,
        "verigate_calls_in_flight 0",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
    let (_, journal) = world.stop().await;
    let mut lines: Vec<(String, String)> = journal
        .lines()
        .map(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            let text = |name: &str| line[name].as_str().unwrap().to_owned();
            (text("decision_id"), text("request_id"))
        })
        .collect();
    lines.sort();
    recorded.sort();
    assert_eq!(lines, recorded, "each decision has a line of its own");
}

#[tokio::test]
async fn a_batch_is_decided_for_one_instant_by_one_set_and_each_id_is_fetched_once() {
    let world = World::new().await;
    world.inject(ApiCall::Details, None, Fault::LatencyMs(300));
    let ids = ["fresh", "minor", "fresh", "scopeless"];
    let policies = ["front-door", "adults", "tolerant"];
    let checks = (0..256).map(|n| check_request(policies[n % 3], ids[n % 4]));
    let asked = ask(&world, checks.collect(), |_| {});
    let meanwhile = async {
        world.until_asked(3).await;
        // A later instant, and policies by which nobody passes.
        world.clock.advance(Duration::from_mins(1));
        let policies = crate::world::POLICIES
            .replace("90d", "1s")
            .replace("30d", "1s");
        fs::write(world.journal.with_file_name("policies.yaml"), policies).unwrap();
        world.service.reloader.reload();
    };
    let (results, ()) = tokio::join!(asked, meanwhile);
    let results = results.unwrap();
    assert_eq!(results.len(), 256);
    let responses = results.iter().map(|result| match &result.result {
        Some(Wire::Response(response)) => response,
        other => panic!("{other:?}"),
    });
    let responses: Vec<_> = responses.collect();
    let first = responses[0];
    assert_eq!(gist(first), "ALLOW");
    for response in &responses {
        assert_eq!(response.decided_at, first.decided_at);
        assert_eq!(response.policy_revision, first.policy_revision);
    }
    assert_eq!(world.calls().details, 3);
    let after = world.check("front-door", "fresh").await;
    assert_ne!(after.policy_revision, first.policy_revision);
    assert_ne!(gist(&after), "ALLOW");
}

#[tokio::test]
async fn a_batch_has_at_most_256_checks() {
    let world = World::new().await;
    let checks = |count: usize| vec![check_request("front-door", "fresh"); count];
    for count in [257, 1000] {
        let refused = ask(&world, checks(count), |_| {}).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        let details = refused.get_details_bad_request().unwrap();
        assert_eq!(details.field_violations[0].field, "checks");
        let text = format!("checks must be at most 256; there are {count}");
        assert_eq!(refused.message(), text);
    }
    assert_eq!(world.calls().details, 0);
    for count in [0, 1, 256] {
        let results = ask(&world, checks(count), |_| {}).await.unwrap();
        assert_eq!(all_shown(&results), vec!["ALLOW"; count]);
    }
    let (_, journal) = world.stop().await;
    assert_eq!(journal.lines().count(), 257);
}

#[tokio::test]
async fn rates_and_quotas_refuse_checks_and_not_the_batch() {
    let world = World::with(|config| {
        let mut slow = caller(1, "slow", &["*"], &[], false);
        slow.calls = Some(Rate {
            per_second: 1,
            burst: 4,
        });
        let mut poor = caller(2, "poor", &["*"], &[], false);
        poor.fetches = Some(Rate {
            per_second: 1,
            burst: 2,
        });
        config.callers = vec![slow, poor];
    })
    .await;
    let by = |n: u8| {
        move |request: &mut Request<_>| {
            let token = bearer(n).parse().unwrap();
            request.metadata_mut().insert("authorization", token);
        }
    };
    let ids = ["fresh", "fresh", "minor", "stale", "minor", "scopeless"];
    let checks = || ids.map(|id| check_request("tolerant", id)).to_vec();
    let results = ask(&world, checks(), by(1)).await.unwrap();
    let codes: Vec<bool> = results
        .iter()
        .map(|result| matches!(result.result, Some(Wire::Response(_))))
        .collect();
    assert_eq!(codes, [true, true, true, true, false, false]);
    for result in &results[4..] {
        let Some(Wire::Error(error)) = &result.result else {
            panic!("{result:?}");
        };
        assert_eq!(error.code, i32::from(Code::ResourceExhausted));
        assert!(error.retry_after.is_some(), "{error:?}");
    }
    // The other one pays for fetches: what is cached costs it nothing.
    let ids = [
        "fresh", "nobody-1", "nobody-1", "nobody-2", "nobody-3", "minor",
    ];
    let checks = ids.map(|id| check_request("tolerant", id)).to_vec();
    let results = ask(&world, checks, by(2)).await.unwrap();
    assert_eq!(
        all_shown(&results),
        [
            "ALLOW",
            "DENY VERIFICATION_NOT_FOUND",
            "DENY VERIFICATION_NOT_FOUND",
            "DENY VERIFICATION_NOT_FOUND",
            "ResourceExhausted",
            "ALLOW"
        ]
    );
}

#[tokio::test]
async fn what_a_caller_may_ask_is_looked_at_for_each_check() {
    let world = World::with(|config| {
        let door = caller(1, "door", &["front-*"], &[Assertion::Identity], false);
        config.callers = vec![door];
    })
    .await;
    let front = || check_request("front-door", "fresh");
    let checks = vec![
        front(),
        check_request("adults", "fresh"),
        check_request("none", "fresh"),
        check_request("front-none", "fresh"),
        CheckAccessRequest {
            authentication: Some(Authentication::default()),
            ..front()
        },
        CheckAccessRequest {
            identity_id: "id-ada".to_owned(),
            ..front()
        },
    ];
    let unknown = ask(&world, checks.clone(), |_| {}).await.unwrap_err();
    assert_eq!(unknown.code(), Code::Unauthenticated);
    let results = ask(&world, checks, |request| {
        let token = bearer(1).parse().unwrap();
        request.metadata_mut().insert("authorization", token);
    });
    assert_eq!(
        all_shown(&results.await.unwrap()),
        [
            "ALLOW",
            "PermissionDenied",
            "PermissionDenied",
            "NotFound",
            "PermissionDenied",
            "ALLOW"
        ]
    );
    let metrics = world.metrics().await;
    let refused = r#"verigate_callers_refused_total{reason="policy_not_permitted"} 2"#;
    assert!(metrics.contains(refused), "{metrics}");
    let counted = r#"verigate_caller_calls_total{caller="door",code="PERMISSION_DENIED"} 3"#;
    assert!(metrics.contains(counted), "{metrics}");
}

#[tokio::test]
async fn each_check_of_a_batch_is_a_call_in_flight() {
    let world = World::with(|config| config.in_flight = 4).await;
    world.inject(ApiCall::Details, None, Fault::LatencyMs(300));
    let checks = (0..8).map(|n| check_request("front-door", &format!("nobody-{n}")));
    let results = ask(&world, checks.collect(), |_| {}).await.unwrap();
    let (answered, refused) = results.split_at(4);
    assert_eq!(all_shown(answered), vec!["DENY VERIFICATION_NOT_FOUND"; 4]);
    assert_eq!(all_shown(refused), vec!["ResourceExhausted"; 4]);
    assert_eq!(world.calls().details, 4);
    until("all have ended", async || {
        world.metrics().await.contains("verigate_calls_in_flight 0")
    })
    .await;
    // What needs no fetch is over before the next one begins.
    let checks = vec![check_request("front-door", "nobody-1"); 256];
    let results = ask(&world, checks, |_| {}).await.unwrap();
    assert_eq!(
        all_shown(&results),
        vec!["DENY VERIFICATION_NOT_FOUND"; 256]
    );
}

#[tokio::test]
async fn a_vendor_that_hangs_degrades_each_check_within_the_deadline() {
    let world = World::new().await;
    world.check("front-door", "fresh").await;
    world.inject(ApiCall::Details, None, Fault::Hang);
    let ids = ["fresh", "minor", "stale"];
    let checks = ids.map(|id| check_request("front-door", id)).to_vec();
    let limited = |request: &mut Request<_>| request.set_timeout(Duration::from_secs(1));
    let batches = (0..3).map(|_| ask(&world, checks.clone(), limited));
    for results in join_all(batches).await {
        assert_eq!(
            all_shown(&results.unwrap()),
            [
                "ALLOW",
                "DENY EVIDENCE_UNAVAILABLE",
                "DENY EVIDENCE_UNAVAILABLE"
            ]
        );
    }
}

#[tokio::test]
async fn a_cold_batch_gets_from_the_vendor_what_the_rate_permits_in_half_of_its_timeout() {
    let world = World::with(|config| {
        config.incode.rate = Rate {
            per_second: 100,
            burst: 100,
        };
        config.incode.timeout = Duration::from_secs(2);
    })
    .await;
    let checks = (0..256).map(|n| check_request("front-door", &format!("cold-{n}")));
    let results = ask(&world, checks.collect(), |_| {}).await.unwrap();
    let shown = all_shown(&results);
    let of = |wanted: &str| shown.iter().filter(|shown| *shown == wanted).count();
    // 100 at once, and 100 in the second in which a call may wait for its turn. On a busy machine, fewer get theirs in time.
    let (found, degraded) = (
        of("DENY VERIFICATION_NOT_FOUND"),
        of("DENY EVIDENCE_UNAVAILABLE"),
    );
    assert_eq!(found + degraded, 256, "{shown:?}");
    assert!((100..=200).contains(&found), "{found}");
    assert_eq!(world.calls().details, u64::try_from(found).unwrap());
}
