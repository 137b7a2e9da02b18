//! `audit replay` and `audit shadow`, on a journal that the service has written.

#![expect(clippy::panic, reason = "a test fails by panicking")]

use std::fs;

use serde_json::Value;
use tempfile::TempDir;
use verigate::proto::v1::CheckAccessRequest;

use super::{audit, ended};
use crate::world::{POLICIES, World, check_request};

/// The policies of every world, with a door that is stricter, and one that reads what nobody has read.
const NEW: &str = "\
version: 1
policies:
  front-door:
    require:
      - verified_within: 5m
        otherwise: step_up
  tolerant:
    require:
      - verified_within: 90d
      - phone_prefix: [\"+1\"]
";

/// A journal of some checks, with these shadow policies beside those of every world.
pub(super) async fn journal() -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let shadow = folder.path().join("new.yaml");
    fs::write(&shadow, NEW).unwrap();
    fs::write(folder.path().join("same.yaml"), POLICIES).unwrap();
    let world = World::with(|config| {
        config.shadow = Some(shadow);
        config.journal.attributes = ["door".into()].into();
    })
    .await;
    for policy in ["front-door", "adults", "tolerant"] {
        for verification in ["fresh", "month-old", "stale", "minor", "nobody", "pending"] {
            let door = if verification == "fresh" {
                "north"
            } else {
                "south"
            };
            let request = CheckAccessRequest {
                attributes: [("door".to_owned(), door.to_owned())].into(),
                ..check_request(policy, verification)
            };
            world.ask(request).await.unwrap();
        }
    }
    let (_, text) = world.stop().await;
    let path = folder.path().join("journal.jsonl");
    fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

pub(super) fn json(arguments: &[&str]) -> (i32, Value) {
    let (code, stdout, stderr) = ended(&audit(&[arguments, &["--json"]].concat()));
    (
        code,
        serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("{stdout}{stderr}")),
    )
}

#[tokio::test]
async fn the_same_policies_decide_what_was_decided() {
    let (folder, journal) = journal().await;
    let same = folder.path().join("same.yaml");
    let policies = same.to_str().unwrap();
    let (code, report) = json(&[
        "replay",
        &journal,
        "--policies",
        policies,
        "--fail-on",
        "any,unknown",
    ]);
    assert_eq!(code, 0, "{report}");
    assert_eq!(report["decisions"], 18);
    for member in [
        "other_reasons",
        "unknown_reasons",
        "not_recorded",
        "unreadable_lines",
    ] {
        assert_eq!(report[member], 0, "{member}: {report}");
    }
    for policy in ["front-door", "adults", "tolerant"] {
        assert_eq!(
            report["policies"][policy]["changes"],
            serde_json::json!({}),
            "{report}"
        );
    }
}

#[tokio::test]
async fn other_policies_are_reported_by_change_and_fail_on_request() {
    let (folder, journal) = journal().await;
    let new = folder.path().join("new.yaml");
    let new = new.to_str().unwrap();
    let (code, report) = json(&["replay", &journal, "--policies", new]);
    assert_eq!(code, 0);
    assert_eq!(
        report["policies"]["front-door"]["changes"]["allow->step_up"], 2,
        "{report}"
    );
    for (fail_on, expected) in [("allow->step_up", 1), ("any", 1), ("allow->unknown", 0)] {
        let ended = audit(&["replay", &journal, "--policies", new, "--fail-on", fail_on]);
        assert_eq!(ended.status.code(), Some(expected), "{fail_on}");
    }
    let (_, text, _) = ended(&audit(&["replay", &journal, "--policies", new]));
    assert!(text.contains("front-door allow->step_up: 2 of 6"), "{text}");
    for wrong in ["allow", "allow->perhaps"] {
        let ended = audit(&["replay", &journal, "--policies", new, "--fail-on", wrong]);
        assert_eq!(ended.status.code(), Some(2), "{wrong}");
    }
}

#[tokio::test]
async fn the_same_decision_for_another_reason_is_reported() {
    let (folder, journal) = journal().await;
    let other = folder.path().join("other.yaml");
    fs::write(&other, POLICIES.replace("90d", "80d")).unwrap();
    let other = other.to_str().unwrap();
    let (code, report) = json(&[
        "replay",
        &journal,
        "--policies",
        other,
        "--fail-on",
        "any,unknown",
    ]);
    assert_eq!(code, 0, "{report}");
    // Of those that refuse by a rule that is another one.
    let text = fs::read_to_string(&journal).unwrap();
    let lines = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let expected = lines
        .filter(|line| line["reasons"].to_string().contains(": 90d"))
        .count();
    assert!(expected > 1);
    assert_eq!(report["other_reasons"], expected, "{report}");
    let ended = audit(&[
        "replay",
        &journal,
        "--policies",
        other,
        "--fail-on",
        "reasons",
    ]);
    assert_eq!(ended.status.code(), Some(1));
}

#[tokio::test]
async fn what_cannot_be_read_or_says_too_little_is_never_taken_for_the_same() {
    let (folder, journal) = journal().await;
    let same = folder.path().join("same.yaml");
    let same = same.to_str().unwrap();
    let text = fs::read_to_string(&journal).unwrap();
    let replay = |fail_on: &str| {
        let given = ["replay", &journal, "--policies", same, "--fail-on", fail_on];
        audit(&given).status.code()
    };
    let shadow = || {
        audit(&["shadow", &journal, "--max", "deny->allow=100"])
            .status
            .code()
    };

    let first = text.lines().next().unwrap();
    let mut without: Value = serde_json::from_str(first).unwrap();
    without.as_object_mut().unwrap().remove("verdicts");
    fs::write(&journal, format!("{without}\n{text}")).unwrap();
    assert_eq!(
        [replay("unknown"), replay("any"), shadow()],
        [1, 0, 0].map(Some)
    );
    let (_, report) = json(&["replay", &journal, "--policies", same]);
    assert_eq!(report["not_recorded"], 1, "{report}");

    let mut unknown: Value = serde_json::from_str(first).unwrap();
    unknown["shadow"]["decision"] = "maybe".into();
    for broken in [
        "{}".to_owned(),
        "no json".to_owned(),
        first.replace("\"decision\":\"allow\"", "\"decision\":\"permit\""),
        unknown.to_string(),
    ] {
        assert_ne!(broken, first);
        fs::write(&journal, format!("{text}{broken}\n")).unwrap();
        assert_eq!([replay("any"), shadow()], [Some(2); 2], "{broken}");
    }
    // A line that is being written is none yet.
    fs::write(&journal, format!("{text}{{\"v\":2")).unwrap();
    assert_eq!([replay("any"), shadow()], [Some(0); 2]);
    fs::write(&journal, "").unwrap();
    assert_eq!([replay("any"), shadow()], [Some(2); 2]);
    fs::remove_file(&journal).unwrap();
    assert_eq!([replay("any"), shadow()], [Some(2); 2]);
}

#[tokio::test]
async fn what_the_shadow_would_have_decided_is_a_gate() {
    let (_folder, journal) = journal().await;
    let (code, report) = json(&["shadow", &journal, "--by", "door"]);
    assert_eq!(code, 0, "{report}");
    for door in ["north", "south"] {
        assert_eq!(
            report["values"][door]["changes"]["allow->step_up"], 1,
            "{report}"
        );
    }
    assert_eq!(report["callers"]["anonymous"]["decisions"], 18, "{report}");
    assert_eq!(report["all"]["decisions"], 18);
    assert_eq!(
        report["policies"]["front-door"]["changes"]["allow->step_up"], 2,
        "{report}"
    );
    assert_eq!(report["policies"]["adults"]["decisions"], 6);
    for (arguments, expected) in [
        (&["--max", "allow->deny=100"][..], 0),
        (&["--max", "allow->step_up=0"], 1),
        (&["--max", "allow->step_up=1"], 1),
        (&["--max", "allow->step_up=2"], 0),
        (&["--max", "allow->step_up=2", "--min", "19"], 2),
        // The checks are of long ago, so that none is left to judge by.
        (&["--max", "allow->step_up=0", "--window", "1h"], 2),
        (&["--max", "allow->step_up"], 2),
    ] {
        let ended = audit(&[&["shadow", journal.as_str()], arguments].concat());
        assert_eq!(ended.status.code(), Some(expected), "{arguments:?}");
    }
}
