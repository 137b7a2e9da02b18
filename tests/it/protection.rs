//! Which calls the upstream is spared, counted by the simulator, and what callers get meanwhile.

mod clocks;
mod quotas;
mod tokens;

use std::{fmt::Write as _, fs, time::Duration};

use futures_util::future::join_all;
use serde_json::Value;
use verigate::{
    config::Config,
    rate_limit::Rate,
    sim::{ApiCall, Fault, PlannedFault},
};

use crate::world::{FAILED_FOR_MAX, World, check_request, gist};

const SECOND: Duration = Duration::from_secs(1);

/// Verifications `v-0`, `v-1`, … of a person with a name.
fn crowd(size: usize) -> String {
    let mut cast = String::from("people:\n  ada: { full_name: Ada Example }\nverifications:\n");
    for n in 0..size {
        writeln!(
            cast,
            "  v-{n}: {{ person: ada, verified_ago: 1d, scopes: [NAME] }}"
        )
        .unwrap();
    }
    cast
}

/// A policy that accepts evidence for a second, and stale evidence for an hour.
fn brief(config: &mut Config) {
    let policy = "version: 1\npolicies:\n  brief:\n    require: [{ verified_within: 90d }]\n    evidence: { fresh_for: 1s, stale_for: 1h }\n";
    fs::write(&config.policies, policy).unwrap();
}

async fn get(world: &World, path: &str) -> String {
    let url = format!("http://{}{path}", world.admin_address());
    reqwest::get(url).await.unwrap().text().await.unwrap()
}

async fn upstream(world: &World) -> Value {
    let detail: Value = serde_json::from_str(&get(world, "/readyz").await).unwrap();
    detail["upstream"].clone()
}

/// Checks one verification at this rate for this long, by the world's clock.
async fn keep_asking(world: &World, per_second: u32, seconds: u32) {
    for _ in 0..per_second * seconds {
        world.check("tolerant", "fresh").await;
        world.clock.advance(SECOND / per_second);
    }
}

#[tokio::test]
async fn ten_thousand_callers_of_one_cold_id_cost_one_call_and_one_token() {
    let world = World::with(|config| {
        config.in_flight = 20_000;
        config.cache.waiters = 20_000;
    })
    .await;
    world.inject(ApiCall::Details, None, Fault::LatencyMs(300));
    let together = (0..10_000).map(|_| world.check("front-door", "fresh"));
    for answer in join_all(together).await {
        assert_eq!(gist(&answer), "ALLOW");
    }
    let calls = world.calls();
    assert_eq!((calls.authorize, calls.details), (1, 1));
}

#[tokio::test]
async fn a_failing_id_that_is_asked_for_all_the_time_costs_a_handful_of_calls() {
    let world = World::new().await;
    world.inject(ApiCall::Details, None, Fault::Status(503));
    keep_asking(&world, 200, 5).await;
    // One a second, and the one retry that the budget has at the start.
    let calls = world.calls().details;
    assert!((4..=6).contains(&calls), "{calls}");
}

#[tokio::test]
async fn an_unknown_id_that_is_asked_for_all_the_time_costs_a_call_in_several_seconds() {
    let world = World::new().await;
    for _ in 0..1000 {
        world.check("tolerant", "nobody").await;
        world.clock.advance(Duration::from_millis(5));
    }
    let calls = world.calls().details;
    assert!((1..=2).contains(&calls), "{calls}");
}

#[tokio::test]
async fn an_upstream_that_asks_to_slow_down_is_not_called() {
    let world = World::of(&crowd(100), |_| {}).await;
    world.check("tolerant", "v-0").await;
    world.inject(ApiCall::Details, Some(1), Fault::RetryAfter(30));
    for n in 1..50 {
        let answer = world.check("tolerant", &format!("v-{n}")).await;
        assert_eq!(gist(&answer), "STEP_UP EVIDENCE_UNAVAILABLE");
    }
    world.clock.advance(Duration::from_millis(29_999));
    world.check("tolerant", "v-50").await;
    assert_eq!(world.calls().details, 2);
    let metrics = get(&world, "/metrics").await;
    let rejected = r#"verigate_upstream_rejected_total{reason="retry_after"} 49"#;
    assert!(metrics.contains(rejected), "{metrics}");
    world.clock.advance(Duration::from_millis(1));
    assert_eq!(gist(&world.check("tolerant", "v-50").await), "ALLOW");
}

#[tokio::test]
async fn an_upstream_that_fails_for_everybody_is_tried_one_call_at_a_time() {
    let world = World::of(&crowd(500), |_| {}).await;
    world.check("tolerant", "v-0").await;
    world.inject(ApiCall::Details, None, Fault::Status(500));
    for n in 1..300 {
        world.check("tolerant", &format!("v-{n}")).await;
    }
    let calls = world.calls().details;
    // Ten calls, of which at least half failed; the first two succeeded. The retry of the first failure does not count.
    assert_eq!(calls, 10);
    assert_eq!(upstream(&world).await["breaker"], "open");
    for n in 300..400 {
        world.check("tolerant", &format!("v-{n}")).await;
        world.clock.advance(SECOND / 10);
    }
    let probes = world.calls().details - calls;
    assert!((8..=13).contains(&probes), "{probes} in ten seconds");
    world.simulator.faults().clear();
    world.clock.advance(FAILED_FOR_MAX);
    for n in 400..402 {
        let answer = world.check("tolerant", &format!("v-{n}")).await;
        assert_eq!(gist(&answer), "ALLOW");
    }
    assert_eq!(upstream(&world).await["breaker"], "closed");
}

/// Makes 200 checks a second of fifty verifications for this long, by the world's clock. Returns the calls that it cost in each second,
/// and when all fifty had an answer that is not degraded for the first time.
async fn drive(world: &World, seconds: u64) -> (Vec<u64>, Option<Duration>) {
    let (mut costs, mut full, mut recovered_at) = (Vec::new(), 0, None);
    for second in 0..seconds {
        let before = world.calls().details;
        for tick in 0..200 {
            let id = format!("v-{}", tick % 50);
            let answer = world.check("brief", &id).await;
            full = if answer.degraded { 0 } else { full + 1 };
            let now = Duration::from_secs(second) + Duration::from_millis(tick * 5);
            if full == 50 && recovered_at.is_none() {
                recovered_at = Some(now);
            }
            world.clock.advance(Duration::from_millis(5));
        }
        costs.push(world.calls().details - before);
    }
    (costs, recovered_at)
}

#[tokio::test]
async fn after_an_outage_the_upstream_sees_no_flood_and_callers_recover_within_two_seconds() {
    let world = World::of(&crowd(50), brief).await;
    let (steady, _) = drive(&world, 4).await;
    let steady = steady.iter().skip(1).max().copied().unwrap();
    world.inject(ApiCall::Details, None, Fault::Status(503));
    let (outage, recovered_at) = drive(&world, 5).await;
    assert_eq!(
        recovered_at.filter(|at| *at > SECOND),
        None,
        "there are degraded answers in an outage"
    );
    // Ten failed calls in the first second open the circuit breaker; then there are a few probes, each of a verification that failed before.
    assert!(outage.iter().skip(1).all(|calls| *calls <= 5), "{outage:?}");
    world.simulator.faults().clear();
    let (after, recovered_at) = drive(&world, 4).await;
    assert!(
        recovered_at.is_some_and(|at| at < 2 * SECOND),
        "{recovered_at:?}"
    );
    assert!(
        after.iter().all(|calls| *calls <= 2 * steady),
        "{after:?} against {steady}"
    );
}

#[tokio::test]
async fn no_more_calls_are_made_than_the_rate_allows() {
    let world = World::of(&crowd(100), |config| {
        config.incode.rate = Rate {
            per_second: 1,
            burst: 11,
        };
        config.incode.timeout = Duration::from_millis(500);
    })
    .await;
    for n in 0..50 {
        let expected = if n < 10 {
            "ALLOW"
        } else {
            "STEP_UP EVIDENCE_UNAVAILABLE"
        };
        let answer = world.check("tolerant", &format!("v-{n}")).await;
        assert_eq!(gist(&answer), expected, "{n}");
    }
    assert_eq!(world.calls().details, 10);
    world.clock.advance(SECOND);
    assert_eq!(gist(&world.check("tolerant", "v-50").await), "ALLOW");
}

#[tokio::test]
async fn no_more_calls_are_in_flight_than_are_allowed() {
    let world = World::of(&crowd(20), |config| {
        config.incode.concurrency = 2;
        config.incode.timeout = Duration::from_millis(300);
    })
    .await;
    world.check("tolerant", "v-0").await;
    world.inject(ApiCall::Details, None, Fault::Hang);
    let ids: Vec<_> = (1..20).map(|n| format!("v-{n}")).collect();
    join_all(ids.iter().map(|id| world.check("tolerant", id))).await;
    // One, and the two that hang. Calls that get a permit when these time out have no time left.
    let calls = world.calls().details;
    assert!((3..=5).contains(&calls), "{calls}");
}

#[tokio::test]
async fn a_caller_who_cannot_wait_warms_the_cache_for_the_next() {
    let world = World::new().await;
    world.check("front-door", "month-old").await;
    world.inject(ApiCall::Details, None, Fault::LatencyMs(60));
    let impatient = check_request("front-door", "fresh");
    // A client on a busy host may leave before it has read the answer.
    if let Ok(answer) = world.ask_within(Duration::from_millis(50), impatient).await {
        assert_eq!(gist(&answer), "DENY EVIDENCE_UNAVAILABLE");
        assert!(answer.degraded);
    }
    assert_eq!(gist(&world.check("front-door", "fresh").await), "ALLOW");
    assert_eq!(world.calls().details, 2);
}

#[tokio::test]
async fn an_error_that_passes_is_retried_and_not_seen_by_the_caller() {
    let world = World::new().await;
    for fault in [Fault::Status(503), Fault::Reset] {
        world.inject(ApiCall::Details, Some(1), fault);
        let id = if world.calls().details == 0 {
            "fresh"
        } else {
            "minor"
        };
        assert!(!world.check("front-door", id).await.degraded);
        // Ten first attempts deposit one retry.
        for n in 0..10 {
            world.check("front-door", &format!("nobody-{n}")).await;
        }
    }
    let metrics = get(&world, "/metrics").await;
    assert!(
        metrics.contains("verigate_upstream_retries_total 2"),
        "{metrics}"
    );
}

#[tokio::test]
async fn the_trailers_of_an_answer_have_its_timings() {
    let world = World::new().await;
    world.inject(ApiCall::Details, None, Fault::LatencyMs(20));
    let cold = world.trailers("front-door", "fresh").await;
    let names: Vec<_> = cold.steps.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["queue", "token", "fetch", "decide", "journal"]);
    let fetch = |steps: &[(String, f64)]| steps[2].1;
    assert!(fetch(&cold.steps) >= 20.0, "{cold:?}");
    assert_eq!(cold.evidence_age_ms, Some(0));
    world.clock.advance(Duration::from_millis(1234));
    let warm = world.trailers("front-door", "fresh").await;
    assert!(fetch(&warm.steps) < 0.001, "{warm:?}");
    assert_eq!(warm.evidence_age_ms, Some(1234));
    world.inject(ApiCall::Details, None, Fault::Status(400));
    let nothing = world.trailers("front-door", "minor").await;
    assert_eq!(nothing.evidence_age_ms, None);
}

#[tokio::test]
async fn an_answer_has_timings_only_where_the_call_asks_for_them() {
    let world = World::new().await;
    for (asked, given) in [
        (None, false),
        (Some("1"), true),
        (Some("0"), false),
        (Some(""), false),
    ] {
        let mut request = tonic::Request::new(check_request("front-door", "fresh"));
        if let Some(asked) = asked {
            let asked = asked.parse().unwrap();
            request.metadata_mut().insert("verigate-timing", asked);
        }
        let answer = world.client.clone().check_access(request).await.unwrap();
        for trailer in ["server-timing", "verigate-evidence-age-ms"] {
            let found = answer.metadata().contains_key(trailer);
            assert_eq!(found, given, "{trailer} {asked:?}");
        }
    }
}

/// Faults that one verification always has while the upstream is healthy for all others.
fn poisons() -> Vec<Fault> {
    vec![
        Fault::Status(400),
        Fault::ExpiredToken,
        Fault::Status(403),
        Fault::Status(406),
        Fault::Status(500),
        Fault::Html,
        Fault::Reset,
        Fault::Hang,
    ]
}

#[tokio::test]
async fn one_verification_that_is_always_in_trouble_harms_no_other() {
    for fault in poisons() {
        let world = World::of(&crowd(50), |config| {
            config.incode.timeout = Duration::from_millis(300);
        })
        .await;
        let planned = PlannedFault {
            call: ApiCall::Details,
            id: Some("v-0".to_owned()),
            times: None,
            fault: fault.clone(),
        };
        world.simulator.faults().plan(planned).unwrap();
        for n in 0..400 {
            let impatient = check_request("tolerant", "v-0");
            let answer = world
                .ask_within(Duration::from_millis(100), impatient)
                .await;
            let answer = answer.map_or_else(|error| error.to_string(), |a| gist(&a));
            assert_ne!(answer, "ALLOW", "{fault:?}");
            if n % 10 == 5 {
                let honest = world.check("tolerant", &format!("v-{}", 1 + n / 10)).await;
                assert_eq!(gist(&honest), "ALLOW", "{fault:?} {n}");
            }
            world.clock.advance(Duration::from_millis(50));
        }
    }
}

#[tokio::test]
async fn waiting_for_our_own_limits_does_not_open_the_circuit_breaker() {
    let world = World::of(&crowd(60), |config| {
        config.incode.rate = Rate {
            per_second: 100,
            burst: 1,
        };
        config.incode.timeout = Duration::from_millis(200);
    })
    .await;
    world.inject(ApiCall::Details, None, Fault::LatencyMs(60));
    let ids: Vec<_> = (0..60).map(|n| format!("v-{n}")).collect();
    join_all(ids.iter().map(|id| world.check("tolerant", id))).await;
    assert_eq!(upstream(&world).await["breaker"], "closed");
    let metrics = get(&world, "/metrics").await;
    let none = r#"verigate_upstream_rejected_total{reason="over_rate"} 0"#;
    assert!(!metrics.contains(none), "{metrics}");
}
