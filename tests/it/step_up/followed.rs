//! A gateway that goes on sending the old id: its checks are judged by the verification that a step-up has led to, if that is the same
//! person's by the vendor's own word; and by nothing that anybody else says or does.

use std::fs;

use serde_json::{Value, json};
use verigate::{
    proto::v1::BeginStepUpRequest,
    sim::{Answer, ApiCall, Fault, PlannedFault},
};

use super::{begin, configure, events::send_event, open, step_up_request, until_state};
use crate::{
    foreign::headers,
    webhook::call_back,
    world::{World, gist, until},
};

/// Two people, and one for whom the vendor gives no identity.
const CAST: &str = "\
people:
  ada: { identity_id: id-ada, full_name: Ada Example, date_of_birth: 1990-05-17 }
  ben: { identity_id: id-ben, full_name: Ben Sample, date_of_birth: 1985-11-02 }
  kim: { full_name: Kim Unknown }
verifications:
  month-old: { person: ada, verified_ago: 31d, scopes: [NAME] }
  stale: { person: ada, verified_ago: 200d, scopes: [NAME] }
  bens: { person: ben, verified_ago: 10m, scopes: [NAME] }
  adas: { person: ada, verified_ago: 10m, scopes: [NAME] }
  kims: { person: kim, verified_ago: 31d, scopes: [NAME] }
";

const OLD: &str = "STEP_UP VERIFICATION_TOO_OLD";

async fn world(follows: bool) -> World {
    let world = World::of(CAST, |config| {
        configure(config);
        config.step_up.follow_successors = follows;
    })
    .await;
    call_back(&world);
    world
}

/// Somebody begins a step-up about this verification, and this person opens the link.
async fn verified_as(world: &World, verification: &str, person: &str, how: &str) -> String {
    let request = BeginStepUpRequest {
        verification_id: verification.to_owned(),
        login_hint: format!("{person}@example.com"),
        ..step_up_request("")
    };
    let begun = world.begin(request).await.unwrap();
    open(&begun, how).await;
    if how.is_empty() {
        until_state(world, &begun, "succeeded").await;
    }
    begun.trace_id
}

fn lines(journal: &str) -> Vec<Value> {
    let lines = journal.lines().map(serde_json::from_str);
    lines.map(Result::unwrap).collect()
}

/// The vendor says this of a verification, and not what it knows.
fn says(world: &World, id: &str, details: &Value) {
    let fault = Fault::Answer(Answer {
        status: 200,
        headers: headers(&[("content-type", "application/json")]),
        body: Some(details.to_string()),
    });
    let planned = PlannedFault {
        call: ApiCall::Details,
        id: Some(id.to_owned()),
        times: None,
        fault,
    };
    world.simulator.faults().plan(planned).unwrap();
}

#[tokio::test]
async fn a_check_of_the_old_id_is_judged_by_the_successor_and_journaled_with_both_ids() {
    let world = world(true).await;
    assert_eq!(gist(&world.check("front-door", "month-old").await), OLD);
    let successor = verified_as(&world, "month-old", "ada", "").await;
    let answer = world.check("front-door", "month-old").await;
    assert_eq!(gist(&answer), "ALLOW");
    let evidence = answer.evidence.unwrap();
    assert_eq!(evidence.trace_id, successor);
    // Also what would be a denial by the old one: the same person has verified since.
    assert!(gist(&world.check("front-door", "stale").await).starts_with("DENY"));
    verified_as(&world, "stale", "ada", "").await;
    assert_eq!(gist(&world.check("front-door", "stale").await), "ALLOW");
    // A second step-up that is under way takes nothing away.
    begin(&world, "r-2").await;
    assert_eq!(gist(&world.check("front-door", "month-old").await), "ALLOW");
    let metrics = world.metrics().await;
    assert!(metrics.contains(r#"verigate_successors_total{outcome="followed"} 3"#));
    let (_, journal) = world.stop().await;
    let lines = lines(&journal);
    assert_eq!(lines[0]["successor_id"], Value::Null);
    assert_eq!(lines[1]["verification_id"], "month-old");
    assert_eq!(lines[1]["successor_id"], successor.as_str());
    assert_eq!(lines[1]["evidence"]["trace_id"], successor.as_str());
}

#[tokio::test]
async fn without_the_setting_nothing_is_followed() {
    let world = world(false).await;
    verified_as(&world, "month-old", "ada", "").await;
    assert_eq!(gist(&world.check("front-door", "month-old").await), OLD);
    let (_, journal) = world.stop().await;
    assert!(!journal.contains("successor_id"), "{journal}");
}

#[tokio::test]
async fn another_persons_evidence_is_not_followed_and_does_not_displace_the_right_one() {
    let world = world(true).await;
    verified_as(&world, "month-old", "ben", "").await;
    assert_eq!(gist(&world.check("front-door", "month-old").await), OLD);
    verified_as(&world, "month-old", "ada", "").await;
    assert_eq!(gist(&world.check("front-door", "month-old").await), "ALLOW");
    // However many there are of others.
    for _ in 0..5 {
        verified_as(&world, "month-old", "ben", "").await;
        assert_eq!(gist(&world.check("front-door", "month-old").await), "ALLOW");
    }
    for _ in 0..5 {
        verified_as(&world, "month-old", "ben", "").await;
    }
    assert_eq!(gist(&world.check("front-door", "month-old").await), "ALLOW");
    let metrics = world.metrics().await;
    assert!(metrics.contains(r#"verigate_successors_total{outcome="other_identity"}"#));
    let (_, journal) = world.stop().await;
    assert!(!journal.contains("id-ben"), "{journal}");
}

#[tokio::test]
async fn an_identity_that_the_vendor_does_not_give_is_nobodys() {
    // Of the old one, of the new one, and of both.
    for (old, person) in [
        ("kims", "ada"),
        ("month-old", "kim"),
        ("kims", "kim"),
        ("new-4711", "ada"),
    ] {
        let world = world(true).await;
        verified_as(&world, old, person, "").await;
        let answer = gist(&world.check("front-door", old).await);
        assert!(!answer.starts_with("ALLOW"), "{old} {person}: {answer}");
    }
}

/// How what the vendor says is changed.
type Change = Box<dyn Fn(Value) -> Value>;

#[tokio::test]
async fn what_the_vendor_says_of_the_successor_counts_in_every_form() {
    let details = |id: &str| {
        json!({ "id": id, "traceId": id, "projectId": "p", "verifiedAt": 1_769_860_200_000_i64, "status": "VERIFIED",
            "scopes": ["NAME"], "data": { "identityId": "id-ada", "fullName": "Ada Example" } })
    };
    let changed = |path: &'static str, value: Value| {
        move |mut details: Value| {
            *details.pointer_mut(path).unwrap() = value.clone();
            details
        }
    };
    let changes: Vec<(bool, Change)> = vec![
        (true, Box::new(|details| details)),
        (
            false,
            Box::new(changed("/data/identityId", json!("id-ben"))),
        ),
        (
            false,
            Box::new(changed("/data/identityId", json!("ID-ADA"))),
        ),
        (
            false,
            Box::new(changed("/data/identityId", json!(" id-ada"))),
        ),
        (false, Box::new(changed("/data/identityId", json!("")))),
        (false, Box::new(changed("/data/identityId", Value::Null))),
        (
            false,
            Box::new(changed("/data/identityId", json!(["id-ada"]))),
        ),
        (false, Box::new(changed("/data", json!({})))),
        (false, Box::new(changed("/status", json!("PENDING")))),
        (false, Box::new(changed("/status", json!("FAILED")))),
        (false, Box::new(changed("/status", Value::Null))),
        (false, Box::new(changed("/id", json!("adas")))),
    ];
    for (number, (is_followed, change)) in changes.iter().enumerate() {
        let world = world(true).await;
        let begun = begin(&world, "").await;
        // Before anybody asks for it.
        let mut said = change(details(&begun.trace_id));
        if said["id"] == "adas" {
            said["traceId"] = json!("adas");
        }
        says(&world, &begun.trace_id, &said);
        open(&begun, "").await;
        until_state(&world, &begun, "succeeded").await;
        let answer = gist(&world.check("front-door", "month-old").await);
        let expected = if *is_followed { "ALLOW" } else { OLD };
        assert_eq!(answer, expected, "{number}: {said}");
    }
}

#[tokio::test]
async fn a_forged_webhook_leads_to_no_other_verification() {
    let world = world(true).await;
    let begun = begin(&world, "").await;
    // Both are of ada or anybody, verified, and not what the link has led to.
    for named in ["adas", "bens"] {
        send_event(&world, &begun.step_up_id, "verification.succeeded", named).await;
        until_state(&world, &begun, "succeeded").await;
        let answer = world.check("front-door", "month-old").await;
        assert_eq!(gist(&answer), OLD, "{named}");
    }
    // Once the person has verified by the link, that counts, whatever the webhook has said.
    open(&begun, "").await;
    until("it is followed", async || {
        gist(&world.check("front-door", "month-old").await) == "ALLOW"
    })
    .await;
}

#[tokio::test]
async fn a_person_who_fails_or_whose_success_is_withdrawn_is_judged_by_the_old_one() {
    let world = world(true).await;
    verified_as(&world, "month-old", "ada", "?outcome=failed").await;
    assert_eq!(gist(&world.check("front-door", "month-old").await), OLD);
    let request = step_up_request("again");
    let begun = world.begin(request).await.unwrap();
    open(&begun, "").await;
    until_state(&world, &begun, "succeeded").await;
    assert_eq!(gist(&world.check("front-door", "month-old").await), "ALLOW");
    // The vendor takes it back.
    open(&begun, "?outcome=failed").await;
    until("it is not followed any more", async || {
        gist(&world.check("front-door", "month-old").await) == OLD
    })
    .await;
}

#[tokio::test]
async fn while_the_vendor_is_asked_for_the_successor_nothing_is_allowed() {
    let world = world(true).await;
    let begun = begin(&world, "").await;
    says(&world, &begun.trace_id, &json!("nonsense"));
    open(&begun, "").await;
    until_state(&world, &begun, "succeeded").await;
    assert_eq!(gist(&world.check("front-door", "month-old").await), OLD);
    let metrics = world.metrics().await;
    assert!(
        metrics.contains(r#"verigate_successors_total{outcome="unavailable"} 1"#),
        "{metrics}"
    );
    let policies = fs::read_to_string(&world.journal).unwrap();
    assert!(!policies.contains("\"allow\""));
}
