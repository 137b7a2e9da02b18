//! Shadow policies from the outside: judged beside the policies in force, recorded and counted; and without any effect on an answer, on a
//! call to the vendor, or on whether the service works.

use std::{fs, path::PathBuf, time::Duration};

use serde_json::{Value, json};
use tempfile::TempDir;
use verigate::{
    live::ReloadOutcome,
    proto::v1::CheckAccessResponse,
    sim::{ApiCall, Fault},
};

use crate::world::{POLICIES, World, gist, until};

/// Another reading of the policies of every world: some stricter, some looser, one that reads more of a person, one that is gone, one that
/// is new, one that is as it was.
const SHADOW: &str = "\
version: 1
policies:
  front-door:
    require:
      - verified_within: 5m
        otherwise: step_up
      - phone_prefix: [\"+1\"]
    reuse:
      allow: 1h
    evidence:
      fresh_for: 1s
      unavailable: step_up
  tolerant:
    require:
      - verified_within: 365d
    evidence:
      unavailable: step_up
  new-door:
    require:
      - verified_within: 1d
";

const VERIFICATIONS: [&str; 8] = [
    "fresh",
    "month-old",
    "stale",
    "pending",
    "scopeless",
    "minor",
    "soon",
    "nobody",
];
const NAMES: [&str; 3] = ["front-door", "adults", "tolerant"];

/// A world with shadow policies.
struct Shadowed {
    world: World,
    folder: TempDir,
}

impl Shadowed {
    async fn new(text: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shadow.yaml");
        if let Some(text) = text {
            fs::write(&path, text).unwrap();
        }
        let world = World::with(|config| config.shadow = Some(path)).await;
        Self { world, folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("shadow.yaml")
    }

    /// Reads the shadow policies again, as if they were these.
    fn reload(&self, text: &str) -> ReloadOutcome {
        fs::write(self.path(), text).unwrap();
        self.reader().reload()
    }

    fn reader(&self) -> &verigate::live::Reloader {
        self.world.service.shadow_reloader.as_ref().unwrap()
    }

    async fn readiness(&self) -> Value {
        let (status, body) = self.world.get_json("/readyz").await;
        assert_eq!(status, 200, "{body}");
        body
    }

    async fn has_metric(&self, line: &str) {
        let metrics = self.world.metrics().await;
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }

    /// The lines of decisions.
    async fn lines(self) -> Vec<Value> {
        let (stopped, journal) = self.world.stop().await;
        assert_eq!(stopped, Ok(()));
        let lines = journal
            .lines()
            .map(|line| serde_json::from_str(line).unwrap());
        lines
            .filter(|line: &Value| line.get("decision").is_some())
            .collect()
    }
}

/// An answer without its id, which no two have in common.
fn without_id(answer: CheckAccessResponse) -> CheckAccessResponse {
    CheckAccessResponse {
        decision_id: String::new(),
        ..answer
    }
}

#[tokio::test]
async fn no_answer_and_no_call_to_the_vendor_is_another_because_of_a_shadow() {
    let plain = World::new().await;
    let shadowed = Shadowed::new(Some(SHADOW)).await;
    let worlds = [&plain, &shadowed.world];
    for round in 0..4 {
        for policy in NAMES {
            for verification in VERIFICATIONS {
                let mut answers = Vec::new();
                for world in worlds {
                    answers.push(without_id(world.check(policy, verification).await));
                }
                assert_eq!(answers[0], answers[1], "{round} {policy} {verification}");
            }
        }
        let [calls, with_shadow] = worlds.map(World::calls);
        assert_eq!(calls, with_shadow, "round {round}");
        for world in worlds {
            // Past what is fresh for one policy in force and for all policies of the shadow, then in an outage, then past an hour.
            world
                .clock
                .advance(Duration::from_secs([0, 61, 30, 3_700][round]));
            if round == 1 {
                world.inject(ApiCall::Details, None, Fault::Status(503));
            }
        }
    }
}

#[tokio::test]
async fn what_the_shadow_would_have_decided_is_recorded_and_counted() {
    let shadowed = Shadowed::new(Some(SHADOW)).await;
    for (policy, verification) in [
        ("front-door", "fresh"),
        ("front-door", "scopeless"),
        ("tolerant", "stale"),
        ("tolerant", "nobody"),
        ("adults", "fresh"),
    ] {
        shadowed.world.check(policy, verification).await;
    }
    for line in [
        r#"verigate_shadow_decisions_total{from="allow",policy="front-door",to="step_up"} 1"#,
        r#"verigate_shadow_decisions_total{from="step_up",policy="front-door",to="deny"} 1"#,
        r#"verigate_shadow_decisions_total{from="deny",policy="tolerant",to="allow"} 1"#,
        r#"verigate_shadow_decisions_total{from="deny",policy="tolerant",to="deny"} 1"#,
        r#"verigate_shadow_decisions_total{from="allow",policy="adults",to="absent"} 1"#,
        "verigate_shadow_policies 3",
        "verigate_shadow_policy_last_reload_successful 1",
    ] {
        shadowed.has_metric(line).await;
    }
    let revision = shadowed.readiness().await["shadow"]["policy_revision"].clone();
    let lines = shadowed.lines().await;
    let too_old = json!({"code": "VERIFICATION_TOO_OLD", "rule": "verified_within: 5m"});
    let shadows: Vec<Value> = lines.iter().map(|line| line["shadow"].clone()).collect();
    let expected = [
        json!({"revision": revision, "decision": "step_up", "reasons": [too_old]}),
        json!({"revision": revision, "decision": "deny", "reasons": [
            {"code": "SCOPE_NOT_GRANTED", "rule": "phone_prefix: [\"+1\"]"}, too_old,
        ]}),
        json!({"revision": revision, "decision": "allow", "reasons": []}),
        json!({"revision": revision, "decision": "deny", "reasons": [{"code": "VERIFICATION_NOT_FOUND", "rule": "guard"}]}),
        json!({"revision": revision, "decision": "absent"}),
    ];
    assert_eq!(shadows, expected);
    // What both sets read, each once.
    let requirements = lines[0]["verdicts"].as_array().unwrap();
    let texts: Vec<&str> = requirements
        .iter()
        .map(|v| v["requirement"].as_str().unwrap())
        .collect();
    let expected = [
        "status: [VERIFIED]",
        "verified_within: 90d",
        "verified_within: 30d",
        "scopes: [NAME]",
        "verified_within: 5m",
        "phone_prefix: [\"+1\"]",
    ];
    assert_eq!(texts, expected);
    assert_eq!(
        requirements[2],
        json!({"requirement": "verified_within: 30d", "holds": true, "until": "2026-03-02T11:50:00.000Z"})
    );
    assert_eq!(
        requirements[4],
        json!({
            "requirement": "verified_within: 5m", "holds": false, "reason": "VERIFICATION_TOO_OLD", "from": "2026-01-31T11:55:00.000Z",
        })
    );
}

#[tokio::test]
async fn without_shadow_policies_nothing_says_so() {
    let world = World::new().await;
    world.check("front-door", "fresh").await;
    assert!(
        !world
            .metrics()
            .await
            .contains("verigate_shadow_decisions_total{")
    );
    assert_eq!(world.get_json("/readyz").await.1["shadow"], Value::Null);
    assert_eq!(world.get_json("/policies").await.1.get("shadow"), None);
    let (_, journal) = world.stop().await;
    assert!(!journal.contains("\"shadow\""), "{journal}");
}

#[tokio::test]
async fn operators_see_both_sets_and_what_only_one_of_them_has() {
    let shadowed = Shadowed::new(Some(SHADOW)).await;
    let body = shadowed.world.get_json("/policies").await.1;
    assert_eq!(body["policies"].as_array().unwrap().len(), 3);
    let shadow = &body["shadow"];
    let names: Vec<&Value> = shadow["policies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| &p["name"])
        .collect();
    assert_eq!(names, ["front-door", "new-door", "tolerant"]);
    assert_eq!(shadow["absent"], json!(["adults"]));
    assert_eq!(shadow["added"], json!(["new-door"]));
    assert_ne!(shadow["policy_revision"], body["policy_revision"]);
    let readiness = shadowed.readiness().await;
    assert_eq!(
        readiness["shadow"]["policy_revision"],
        shadow["policy_revision"]
    );
    assert_eq!(readiness["shadow"]["policies"], 3);
    assert_eq!(readiness["shadow"]["policy_reload_failure"], Value::Null);
    // What is only in the shadow cannot be asked about.
    let refused = shadowed
        .world
        .refused(crate::world::check_request("new-door", "fresh"))
        .await;
    assert_eq!(refused, tonic::Code::NotFound);
}

#[tokio::test]
async fn broken_shadow_policies_are_reported_and_touch_nothing() {
    for broken in [
        "version: 1\npolicies: {p: {require: [verified_within: 30 days]}}",
        "- : [",
        "version: 1\npolicies: {}",
    ] {
        let shadowed = Shadowed::new(Some(broken)).await;
        let readiness = shadowed.readiness().await;
        assert_eq!(readiness["policy_reload_failure"], Value::Null);
        assert_eq!(readiness["shadow"]["policies"], 0);
        assert!(
            readiness["shadow"]["policy_reload_failure"]["error"].is_string(),
            "{readiness}"
        );
        shadowed
            .has_metric("verigate_shadow_policy_last_reload_successful 0")
            .await;
        shadowed
            .has_metric("verigate_policy_last_reload_successful 1")
            .await;
        shadowed
            .has_metric(r#"verigate_shadow_policy_reloads_total{outcome="failed"} 1"#)
            .await;
        shadowed
            .has_metric(r#"verigate_policy_reloads_total{outcome="failed"} 0"#)
            .await;
        assert_eq!(
            gist(&shadowed.world.check("front-door", "fresh").await),
            "ALLOW"
        );

        assert_eq!(shadowed.reload(SHADOW), ReloadOutcome::Ok);
        shadowed.world.check("tolerant", "stale").await;
        shadowed
            .has_metric("verigate_shadow_policy_last_reload_successful 1")
            .await;

        // The last good ones are judged.
        assert_eq!(shadowed.reload(broken), ReloadOutcome::Failed);
        assert_eq!(shadowed.readiness().await["shadow"]["policies"], 3);
        shadowed.world.check("tolerant", "stale").await;
        let lines = shadowed.lines().await;
        assert_eq!(lines[0].get("shadow"), None);
        assert_eq!(lines[1]["shadow"]["decision"], "allow");
        assert_eq!(lines[1]["shadow"], lines[2]["shadow"]);
    }
}

#[tokio::test]
async fn shadow_policies_come_go_and_are_held_while_a_file_is_replaced() {
    let shadowed = Shadowed::new(None).await;
    assert_eq!(shadowed.readiness().await["shadow"]["policies"], 0);
    assert_eq!(
        shadowed.readiness().await["shadow"]["policy_reload_failure"],
        Value::Null
    );
    shadowed.reload(SHADOW);
    assert_eq!(shadowed.readiness().await["shadow"]["policies"], 3);
    fs::remove_file(shadowed.path()).unwrap();
    shadowed.reader().reload();
    assert_eq!(shadowed.readiness().await["shadow"]["policies"], 3, "held");
    shadowed.world.clock.advance(Duration::from_secs(5));
    shadowed.reader().reload();
    assert_eq!(shadowed.readiness().await["shadow"]["policies"], 0);
    shadowed.world.check("tolerant", "stale").await;
    let (_, journal) = shadowed.world.stop().await;
    let lines = journal
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let lines: Vec<Value> = lines.collect();
    let decision = lines.iter().find(|line| line.get("decision").is_some());
    assert_eq!(decision.unwrap().get("shadow"), None);
    // Each change of the set is in the chain.
    let changes = lines
        .iter()
        .filter(|line| line["event"] == "shadow_policies_reloaded");
    let changes: Vec<&Value> = changes.map(|line| &line["policies"]).collect();
    assert_eq!(changes, [3, 0]);
}

#[tokio::test]
async fn what_evidence_has_not_kept_for_a_shadow_is_unknown_and_asks_nobody() {
    let shadowed = Shadowed::new(None).await;
    shadowed.world.check("front-door", "fresh").await;
    let calls = shadowed.world.calls();
    shadowed.reload(SHADOW);
    let answer = shadowed.world.check("front-door", "fresh").await;
    assert_eq!(gist(&answer), "ALLOW");
    assert_eq!(shadowed.world.calls(), calls);
    shadowed
        .has_metric(
            r#"verigate_shadow_decisions_total{from="allow",policy="front-door",to="unknown"} 1"#,
        )
        .await;
    let lines = shadowed.lines().await;
    assert_eq!(lines[1]["shadow"]["decision"], "unknown");
    let verdicts = lines[1]["verdicts"].as_array().unwrap();
    assert_eq!(
        verdicts[5],
        json!({"requirement": "phone_prefix: [\"+1\"]", "holds": "unknown"})
    );
    assert_eq!(verdicts[4]["holds"], false);
}

#[tokio::test]
async fn shadow_policies_are_watched_and_read_again_on_request() {
    let mut shadowed = Shadowed::new(Some(POLICIES)).await;
    let requested = std::sync::Arc::new(tokio::sync::Notify::new());
    shadowed.world.service.watch(requested);
    let before = shadowed.readiness().await["shadow"]["policy_revision"].clone();
    fs::write(shadowed.path(), SHADOW).unwrap();
    until("the shadow policies are read again", async || {
        shadowed.readiness().await["shadow"]["policy_revision"] != before
    })
    .await;
    assert_eq!(shadowed.readiness().await["policy_revision"], before);
}
