//! What may change at any moment is asked again within seconds: a person who has just verified is not denied for minutes.

use std::{fs, time::Duration};

use verigate::{
    config::Config,
    proto::v1::{BeginStepUpRequest, CheckAccessResponse, EvidenceSource},
    rate_limit::Rate,
    sim::{ApiCall, Fault},
};

use crate::world::{POLICIES, World, check_request, gist, instant};

const SECOND: Duration = Duration::from_secs(1);

/// Besides the usual policies, some that want another status than the vendor's usual one.
fn policies(config: &mut Config) {
    let others = "  successful:
    require: [status: [SUCCESS], verified_within: 30d]
  either:
    require:
      - any_of: [{ status: [SUCCESS] }, { verified_within: 30d }]
      - status: [VERIFIED, SUCCESS]
  unfinished:
    require: [status: [PENDING]]
";
    fs::write(&config.policies, format!("{POLICIES}{others}")).unwrap();
}

/// For how long the evidence of an answer is fresh, by the answer itself.
fn fresh_for(answer: &CheckAccessResponse) -> Option<Duration> {
    let evidence = answer.evidence.as_ref().unwrap();
    let until = instant(evidence.fresh_until.as_ref())?;
    let seen_at = instant(evidence.seen_at.as_ref()).unwrap();
    Some(until.duration_since(seen_at).unsigned_abs())
}

/// The calls that a policy causes in this many seconds, polled each second; and for how long its evidence is fresh.
async fn polled(world: &World, policy: &str, id: &str, seconds: u64) -> (u64, Option<Duration>) {
    let before = world.calls().details;
    let mut fresh = None;
    for _ in 0..seconds {
        fresh = fresh_for(&world.check(policy, id).await);
        world.clock.advance(SECOND);
    }
    world.clock.advance(Duration::from_hours(1));
    (world.calls().details - before, fresh)
}

#[tokio::test]
async fn what_may_change_at_any_moment_is_fresh_for_four_seconds() {
    let world = World::with(policies).await;
    let (four, five_minutes) = (Some(4 * SECOND), Some(300 * SECOND));
    for (policy, id, calls, fresh) in [
        ("front-door", "pending", 3, four),
        // Also where a policy accepts it.
        ("unfinished", "pending", 3, four),
        ("front-door", "nobody", 3, four),
        ("front-door", "fresh", 1, five_minutes),
        ("either", "fresh", 1, five_minutes),
        ("successful", "fresh", 3, four),
        // Too old by its date is not a status.
        ("front-door", "stale", 1, five_minutes),
    ] {
        assert_eq!(
            polled(&world, policy, id, 12).await,
            (calls, fresh),
            "{policy} {id}"
        );
    }
}

#[tokio::test]
async fn a_policy_that_accepts_the_status_uses_what_another_would_ask_for_again() {
    let world = World::with(policies).await;
    world.check("front-door", "fresh").await;
    world.clock.advance(10 * SECOND);
    world.check("front-door", "fresh").await;
    assert_eq!(world.calls().details, 1);
    let answer = world.check("successful", "fresh").await;
    assert!(gist(&answer).starts_with("DENY STATUS_NOT_ACCEPTED"));
    assert_eq!(answer.evidence.unwrap().source(), EvidenceSource::Upstream);
    assert_eq!(world.calls().details, 2);
}

#[tokio::test]
async fn what_is_degraded_does_not_say_that_it_is_fresh() {
    let world = World::new().await;
    world.check("tolerant", "fresh").await;
    world.clock.advance(Duration::from_mins(2));
    world.inject(ApiCall::Details, None, Fault::Status(503));
    let answer = world.check("tolerant", "fresh").await;
    assert!(answer.degraded);
    assert_eq!(fresh_for(&answer), None);
}

fn begin(id: &str) -> BeginStepUpRequest {
    BeginStepUpRequest {
        verification_id: id.to_owned(),
        policy: "front-door".to_owned(),
        login_hint: "ada@example.com".to_owned(),
        redirect_url: "https://sso.example.com/done".to_owned(),
        request_id: String::new(),
    }
}

fn links(config: &mut Config) {
    config.step_up.redirects = ["https://sso.example.com/done".to_owned()].into();
}

#[tokio::test]
async fn while_a_step_up_is_under_way_a_poll_sees_the_result_at_once() {
    let world = World::with(links).await;
    let begun = world.begin(begin("pending")).await.unwrap();
    for _ in 0..5 {
        let answer = world.check("front-door", &begun.trace_id).await;
        assert!(gist(&answer).starts_with("DENY"), "{answer:?}");
        world.check("front-door", "pending").await;
    }
    assert_eq!(world.calls().details, 10);
    // The webhook is not configured: only the vendor knows.
    reqwest::get(&begun.verification_link).await.unwrap();
    let answer = world.check("front-door", &begun.trace_id).await;
    assert_eq!(gist(&answer), "ALLOW");
    // What is settled is cached as usual.
    world.check("front-door", &begun.trace_id).await;
    assert_eq!(world.calls().details, 11);
    // When the link has expired, nothing is under way.
    world.clock.advance(Duration::from_mins(15));
    for _ in 0..5 {
        world.check("front-door", "pending").await;
    }
    assert_eq!(world.calls().details, 12);
}

#[tokio::test]
async fn what_a_step_up_waits_for_is_requested_again_whatever_its_status() {
    let cast = "\
people: { ada: { full_name: Ada Example } }
verifications: { expired: { person: ada, status: EXPIRED, verified_ago: 10m, scopes: [NAME] } }
";
    let world = World::of(cast, links).await;
    for _ in 0..2 {
        world.check("front-door", "expired").await;
    }
    assert_eq!(world.calls().details, 1);
    world.begin(begin("expired")).await.unwrap();
    for _ in 0..3 {
        world.check("front-door", "expired").await;
    }
    assert_eq!(world.calls().details, 4);
}

#[tokio::test]
async fn a_caller_that_polls_pays_and_over_the_quota_the_usual_rule_applies() {
    let world = World::with(|config| {
        links(config);
        config.cache.fetches = Rate {
            per_second: 1,
            burst: 4,
        };
    })
    .await;
    world.begin(begin("pending")).await.unwrap();
    for _ in 0..20 {
        let answer = world
            .ask(check_request("front-door", "pending"))
            .await
            .unwrap();
        assert!(gist(&answer).starts_with("DENY STATUS_NOT_ACCEPTED"));
        assert!(!answer.degraded);
    }
    // One while it was not known, and four while it was.
    assert_eq!(world.calls().details, 5);
}
