//! `audit replay` and `audit shadow`, on a journal that the service has written.

use std::fs;

use serde_json::Value;
use tempfile::TempDir;

use super::{audit, ended};
use crate::world::{POLICIES, World};

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
async fn journal() -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let shadow = folder.path().join("new.yaml");
    fs::write(&shadow, NEW).unwrap();
    fs::write(folder.path().join("same.yaml"), POLICIES).unwrap();
    let world = World::with(|config| config.shadow = Some(shadow)).await;
    for policy in ["front-door", "adults", "tolerant"] {
        for verification in ["fresh", "month-old", "stale", "minor", "nobody", "pending"] {
            world.check(policy, verification).await;
        }
    }
    let (_, text) = world.stop().await;
    let path = folder.path().join("journal.jsonl");
    fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

fn json(arguments: &[&str]) -> (i32, Value) {
    let (code, stdout, stderr) = ended(&audit(&[arguments, &["--json"]].concat()));
    (code, serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("{stdout}{stderr}")))
}

#[tokio::test]
async fn the_same_policies_decide_what_was_decided() {
    let (folder, journal) = journal().await;
    let same = folder.path().join("same.yaml");
    let policies = same.to_str().unwrap();
    let (code, report) = json(&["replay", &journal, "--policies", policies, "--fail-on", "any,unknown"]);
    assert_eq!(code, 0, "{report}");
    assert_eq!(report["decisions"], 18);
    for member in ["other_reasons", "unknown_reasons", "not_recorded", "unreadable_lines"] {
        assert_eq!(report[member], 0, "{member}: {report}");
    }
    for policy in ["front-door", "adults", "tolerant"] {
        assert_eq!(report["policies"][policy]["changes"], serde_json::json!({}), "{report}");
    }
}

#[tokio::test]
async fn other_policies_are_reported_by_change_and_fail_on_request() {
    let (folder, journal) = journal().await;
    let new = folder.path().join("new.yaml");
    let new = new.to_str().unwrap();
    let (code, report) = json(&["replay", &journal, "--policies", new]);
    assert_eq!(code, 0);
    assert_eq!(report["policies"]["front-door"]["changes"]["allow->step_up"], 2, "{report}");
    for (fail_on, expected) in [("allow->step_up", 1), ("any", 1), ("allow->unknown", 0)] {
        let ended = audit(&["replay", &journal, "--policies", new, "--fail-on", fail_on]);
        assert_eq!(ended.status.code(), Some(expected), "{fail_on}");
    }
    for wrong in ["allow", "allow->perhaps"] {
        let ended = audit(&["replay", &journal, "--policies", new, "--fail-on", wrong]);
        assert_eq!(ended.status.code(), Some(2), "{wrong}");
    }
}

#[tokio::test]
async fn what_the_shadow_would_have_decided_is_a_gate() {
    let (_folder, journal) = journal().await;
    let (code, report) = json(&["shadow", &journal]);
    assert_eq!(code, 0, "{report}");
    assert_eq!(report["all"]["decisions"], 18);
    assert_eq!(report["policies"]["front-door"]["changes"]["allow->step_up"], 2, "{report}");
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
