//! `audit shadow` as a gate: which revision of the shadow counts, and which of its outcomes are judgements.

use std::fs;

use serde_json::Value;
use tempfile::TempDir;

use super::{
    audit, ended,
    replay::{journal, json},
};

const A: &str = "aaaaaaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbbbbbb";

/// Decisions of one outcome, in a row.
struct Run {
    revision: String,
    to: &'static str,
    count: usize,
}

fn run(revision: &str, to: &'static str, count: usize) -> Run {
    Run {
        revision: revision.to_owned(),
        to,
        count,
    }
}

/// A journal of decisions that were ALLOW, and that the shadow would have made like this.
async fn journal_of(runs: &[Run]) -> (TempDir, String) {
    let (folder, journal) = journal().await;
    let text = fs::read_to_string(&journal).unwrap();
    let first: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(first["decision"], "allow");
    let lines = runs.iter().map(
        |Run {
             revision,
             to,
             count,
         }| {
            let mut line = first.clone();
            line["shadow"]["revision"] = revision.as_str().into();
            line["shadow"]["decision"] = (*to).into();
            format!("{line}\n").repeat(*count)
        },
    );
    fs::write(&journal, lines.collect::<String>()).unwrap();
    (folder, journal)
}

fn gate(journal: &str, arguments: &[&str]) -> (i32, String) {
    let (code, printed, _) = ended(&audit(&[&["shadow", journal], arguments].concat()));
    (code, printed)
}

#[tokio::test]
async fn a_revision_that_is_judged_again_counts_with_all_that_it_has_judged() {
    let runs = [
        run(A, "allow", 20),
        run(A, "deny", 5),
        run(B, "allow", 2),
        run(A, "allow", 1),
    ];
    let (_folder, journal) = journal_of(&runs).await;
    let (_, report) = json(&["shadow", &journal]);
    assert_eq!(report["shadow_revision"], A);
    assert_eq!(report["all"]["decisions"], 26, "{report}");
    assert_eq!(report["callers"]["anonymous"]["decisions"], 26, "{report}");
    assert_eq!(report["earlier"], 2);
    for (arguments, expected) in [
        (["--max", "allow->deny=0"], 1),
        (["--max", "allow->deny=4"], 1),
        (["--max", "allow->deny=5"], 0),
    ] {
        assert_eq!(gate(&journal, &arguments).0, expected, "{arguments:?}");
    }
    let more = ["--max", "allow->deny=5", "--min", "26"];
    assert_eq!(gate(&journal, &more).0, 0);
}

#[tokio::test]
async fn a_revision_of_which_not_all_is_counted_any_more_does_not_pass() {
    let other = |number: usize| run(&format!("{number:016x}"), "allow", 1);
    // As many as are kept apart: the first one is still known.
    let mut runs = vec![run(A, "deny", 1)];
    runs.extend((1..16).map(other));
    runs.push(run(A, "allow", 1));
    let limit = ["--max", "allow->deny=1"];
    let none = ["--max", "allow->deny=0"];
    let (_folder, journal) = journal_of(&runs).await;
    assert_eq!((gate(&journal, &limit).0, gate(&journal, &none).0), (0, 1));
    // One more, and it is not.
    runs.pop();
    runs.extend([other(16), run(A, "allow", 1)]);
    let (_folder, journal) = journal_of(&runs).await;
    let (code, printed) = gate(&journal, &none);
    assert_eq!(code, 2, "{printed}");
    assert!(printed.contains("--window"), "{printed}");
    let (code, report) = json(&["shadow", &journal]);
    assert_eq!((code, &report["is_whole"]), (0, &false.into()), "{report}");
    assert_eq!(report["earlier"], 17, "{report}");
    // One that is new after these is counted as a whole.
    runs.push(other(17));
    let (_folder, journal) = journal_of(&runs).await;
    let (_, report) = json(&["shadow", &journal]);
    assert_eq!(
        (&report["is_whole"], &report["judged"]),
        (&true.into(), &1.into())
    );
}

#[tokio::test]
async fn a_decision_that_the_shadow_has_not_judged_does_not_count_for_the_least() {
    let limit = ["--max", "allow->deny=0", "--min", "4"];
    for to in ["absent", "unknown"] {
        let (_folder, journal) = journal_of(&[run(A, "allow", 3), run(A, to, 50)]).await;
        let (code, printed) = gate(&journal, &limit);
        assert_eq!(code, 2, "{printed}");
        let said = format!("too few decisions were judged: 3, at least 4 (50 {to})");
        assert!(printed.contains(&said), "{printed}");
        let (_, report) = json(&[&["shadow", &journal], &limit[..]].concat());
        assert_eq!(
            (&report["judged"], &report["too_few"]),
            (&3.into(), &true.into())
        );
        // A limit on them holds all the same, and a breach goes before too few.
        let breached = format!("allow->{to}=49");
        let limits = [&["--max", &breached], &limit[..]].concat();
        assert_eq!(gate(&journal, &limits).0, 1);
    }
    let (_folder, journal) = journal_of(&[run(A, "allow", 4), run(A, "absent", 50)]).await;
    assert_eq!(gate(&journal, &limit).0, 0);
}

#[tokio::test]
async fn decisions_are_counted_by_the_cells_of_the_comparison() {
    let (folder, journal) = journal().await;
    let [same, new] = ["same.yaml", "new.yaml"].map(|name| {
        let path = folder.path().join(name);
        path.to_str().unwrap().to_owned()
    });
    let sets = ["--policies", &same, "--shadow", &new];
    let shadow = [&["shadow", &journal][..], &sets].concat();
    let (code, report) = json(&shadow);
    assert_eq!(code, 0, "{report}");
    // All that `policy diff` shows, in its words.
    let diff = std::process::Command::new(env!("CARGO_BIN_EXE_verigate"))
        .args(["policy", "diff", &same, &new, "--format", "json"])
        .output()
        .unwrap();
    let diff: Value = serde_json::from_slice(&diff.stdout).unwrap();
    let words = |cell: &Value| [&cell["old"], &cell["new"], &cell["when"]].map(Value::to_string);
    let changed = diff["changed"].as_array().unwrap().iter();
    let expected = changed.flat_map(|changes| changes["cells"].as_array().unwrap());
    let expected: Vec<[String; 3]> = expected.map(words).collect();
    let cells = report["cells"].as_array().unwrap();
    assert_eq!(cells.iter().map(words).collect::<Vec<_>>(), expected);
    // Each decision that would have been another one is in a cell.
    let front: Vec<&Value> = cells
        .iter()
        .filter(|cell| cell["policy"] == "front-door")
        .collect();
    let counts: Vec<u64> = front
        .iter()
        .map(|c| c["decisions"].as_u64().unwrap())
        .collect();
    let changes = report["policies"]["front-door"]["changes"]
        .as_object()
        .unwrap();
    let changes: u64 = changes.values().map(|count| count.as_u64().unwrap()).sum();
    assert!(
        counts.iter().sum::<u64>() >= changes && changes > 1,
        "{report}"
    );
    assert_eq!(report["cells_unknown"], serde_json::json!({}), "{report}");
    assert_eq!(report["cells_other_policies"], 0);
    let (_, printed, _) = ended(&audit(&shadow));
    assert!(printed.contains("cells of `policy diff`"), "{printed}");
    assert!(
        printed.contains("allow -> step_up: verified 5m to 30d ago"),
        "{printed}"
    );
}

#[tokio::test]
async fn what_lines_do_not_say_of_cells_is_counted_as_such() {
    let (folder, journal) = journal().await;
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (same, new) = (path("same.yaml"), path("new.yaml"));
    let text = fs::read_to_string(&journal).unwrap();
    let changed = |change: &dyn Fn(&mut Value)| {
        let lines = text.lines().map(|line| {
            let mut line: Value = serde_json::from_str(line).unwrap();
            if line["policy"] == "front-door" {
                change(&mut line);
            }
            format!("{line}\n")
        });
        fs::write(&journal, lines.collect::<String>()).unwrap();
        json(&["shadow", &journal, "--policies", &same, "--shadow", &new]).1
    };
    let whole = changed(&|_| ());
    let others = |report: &Value| {
        let changes = &report["policies"]["front-door"]["changes"];
        let counts = changes.as_object().unwrap().values();
        counts.map(|count| count.as_u64().unwrap()).sum::<u64>()
    };
    let in_cells = |report: &Value| {
        let cells = report["cells"].as_array().unwrap().iter();
        let cells = cells.filter(|cell| cell["policy"] == "front-door");
        cells
            .map(|cell| cell["decisions"].as_u64().unwrap())
            .sum::<u64>()
    };
    assert!(in_cells(&whole) > 0, "{whole}");
    // Verdicts that are missing, and those of other policies.
    for lacking in [
        changed(&|line| drop(line.as_object_mut().unwrap().remove("verdicts"))),
        changed(&|line| line["verdicts"][0]["requirement"] = "status: [OTHER]".into()),
    ] {
        assert_eq!(in_cells(&lacking), 0, "{lacking}");
        assert_eq!(
            lacking["cells_unknown"]["front-door"],
            others(&whole),
            "{lacking}"
        );
    }
    let other = changed(&|line| line["policy_revision"] = B.into());
    assert_eq!(in_cells(&other), 0, "{other}");
    assert_eq!(other["cells_other_policies"], others(&whole), "{other}");
    // Another revision of the shadow does not count.
    let other = changed(&|line| line["shadow"]["revision"] = B.into());
    assert_eq!(other["policies"].get("front-door"), None, "{other}");
    assert_eq!(other["earlier"], 6, "{other}");
    for alone in [["--policies", &same], ["--shadow", &new]] {
        assert_eq!(gate(&journal, &alone).0, 2);
    }
    assert_eq!(
        gate(
            &journal,
            &["--policies", &same, "--shadow", &path("none.yaml")]
        )
        .0,
        2
    );
}
