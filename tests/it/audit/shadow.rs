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
