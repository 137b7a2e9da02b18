//! `verigate policy diff`, as a person and a pipeline call it.

use expect_test::expect;

use super::direction::{of_rules, texts};

pub(super) fn diff(arguments: &[&str]) -> (i32, String, String) {
    diff_in(&[], arguments)
}

/// The command on a screen with this number of columns.
fn diff_in(columns: &[&str], arguments: &[&str]) -> (i32, String, String) {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_verigate"))
        .envs(columns.iter().map(|columns| ("COLUMNS", columns)))
        .args(["policy", "diff"])
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let code = output.status.code().unwrap();
    (code, text(output.stdout), text(output.stderr))
}

#[test]
fn the_command_prints_each_edit_with_what_it_changes() {
    let folder = tempfile::tempdir().unwrap();
    let [old, new, _] = files(folder.path());
    let (code, stdout, _) = diff(&[&old, &new]);
    assert_eq!(code, 0);
    expect![[r#"
        tightens: 1 edit and 0 settings in 1 policy
          tightens p
          below each edit: the checks that it changes, if the other rules permit them

        p
          verified_within: 90d -> 30d, tightens allow -> deny
            verified 30d to 90d ago
    "#]]
    .assert_eq(&stdout);
    let examples = diff(&[&old, &new, "--examples"]).1;
    assert!(
        examples.contains("      - name: \"verified 30d to 90d ago, status VERIFIED: deny instead of allow\"\n        policy: p\n"),
        "{examples}"
    );
    let report = json(&[&old, &new]);
    expect![[r#"
        {
          "added": [],
          "cells_loosen": 0,
          "cells_tighten": 1,
          "changed": [
            {
              "cells": [
                {
                  "case": "- name: \"verified 30d to 90d ago, status VERIFIED: deny instead of allow\"\n  policy: p\n  at: 2026-01-31T00:00:00Z\n  verification:\n    status: VERIFIED\n    verified_at: 2026-01-01T00:00:00Z\n    scopes: []\n  expect:\n    decision: deny\n",
                  "edits": [
                    0
                  ],
                  "kind": "tightens",
                  "new": "deny",
                  "old": "allow",
                  "when": "verified 30d to 90d ago, status VERIFIED"
                }
              ],
              "edits": [
                {
                  "direction": "tightens",
                  "new": "verified_within: 30d",
                  "old": "verified_within: 90d",
                  "place": null,
                  "rule": "verified_within",
                  "summary": "verified_within: 90d -> 30d"
                }
              ],
              "policy": "p",
              "settings": []
            }
          ],
          "failed": [],
          "ignored_settings": 0,
          "loosens": false,
          "removed": [],
          "renamed": [],
          "tightens": true
        }"#]].assert_eq(&format!("{report:#}"));
}

/// The paths of an old and a new file, in which one policy differs and the other does not, and of a broken one.
fn files(folder: &std::path::Path) -> [String; 3] {
    let file = |name: &str, rule: &str| {
        let path = folder.join(name);
        let text = format!(
            "version: 1\npolicies: {{p: {{require: [{rule}]}}, q: {{require: [scopes: [NAME]]}}}}"
        );
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    [
        file("old.yaml", "verified_within: 90d"),
        file("new.yaml", "verified_within: 30d"),
        file("broken.yaml", "verified_within: soon"),
    ]
}

#[test]
fn the_exit_code_is_for_pipelines() {
    let folder = tempfile::tempdir().unwrap();
    let [old, new, broken] = files(folder.path());
    let code = |arguments: &[&str]| diff(arguments).0;
    for allowed in [
        ["--fail-on", "loosens"],
        ["--fail-on", "added"],
        ["--policy", "q"],
    ] {
        assert_eq!(
            code(&[&[&*old, &*new][..], &allowed].concat()),
            0,
            "{allowed:?}"
        );
    }
    assert_eq!(code(&[&old, &new, "--only-tightens"]), 0);
    assert_eq!(code(&[&old, &new, "--only-loosens"]), 1);
    assert_eq!(code(&[&new, &old, "--only-tightens"]), 1);
    for kinds in ["tightens", "any", "loosens,tightens"] {
        let (code, _, why) = diff(&[&old, &new, "--fail-on", kinds]);
        assert_eq!(code, 1, "{kinds}");
        assert!(
            why.starts_with("verigate: ") && why.ends_with(": p\n"),
            "{why}"
        );
    }
    assert_eq!(
        code(&[
            &old,
            &old,
            "--only-tightens",
            "--only-loosens",
            "--fail-on",
            "any,added"
        ]),
        0
    );
    assert_eq!(diff(&[&old, &new, "--fail-on", "both"]).0, 2);
    let (code, stdout, _) = diff(&[&old, &new, "--policy", "q"]);
    assert_eq!(
        (code, stdout.as_str()),
        (0, "nothing differs: every check is decided as before\n")
    );
    let (code, _, why) = diff(&[&old, &new, "--policy", "r"]);
    assert!(
        code == 2 && why.contains("neither set has a policy `r`"),
        "{why}"
    );
    assert_eq!(diff(&[&old, &broken]).0, 1);
}

/// The JSON report of a comparison of these files.
fn json(arguments: &[&str]) -> serde_json::Value {
    let (_, stdout, _) = diff(&[arguments, &["--format", "json"]].concat());
    serde_json::from_str(&stdout).unwrap()
}

#[test]
fn a_pipeline_gets_its_answer_however_much_differs() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, rules: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, texts(rules)).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (old, new) = (
        file("old.yaml", &of_rules("step_up")),
        file("new.yaml", &of_rules("deny")),
    );
    assert_eq!(diff(&[&old, &new, "--fail-on", "loosens"]).0, 0);
    let (code, _, why) = diff(&[&new, &old, "--fail-on", "loosens"]);
    assert_eq!((code, &*why), (1, "verigate: a change loosens: p\n"));
    let report = json(&[&new, &old]);
    assert_eq!(
        (&report["loosens"], &report["tightens"]),
        (&true.into(), &false.into())
    );
    assert_eq!(
        (&report["cells_loosen"], &report["cells_tighten"]),
        (&11.into(), &0.into())
    );
}

/// The exit code and the report of `--fail-on loosens` for this change of the file.
pub(super) fn gate(old: &str, new: &str, options: &[&str]) -> (i32, serde_json::Value) {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, policies: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, format!("version: 1\npolicies:\n{policies}")).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (old, new) = (file("old.yaml", old), file("new.yaml", new));
    let code = diff(&[&[&*old, &*new, "--fail-on", "loosens"], options].concat()).0;
    (code, json(&[&[&*old, &*new], options].concat()))
}

#[test]
fn settings_that_let_a_verification_count_for_longer_are_a_loosening() {
    let policy = |settings: &str| format!("  p: {{require: [verified_within: 30d]{settings}}}\n");
    for (name, short, long) in [
        ("reuse.allow", "reuse: {allow: 0s}", "reuse: {allow: 3650d}"),
        (
            "evidence.fresh_for",
            "evidence: {fresh_for: 5m}",
            "evidence: {fresh_for: 300d}",
        ),
        (
            "evidence.fresh_for",
            "evidence: {fresh_for: 1ms}",
            "evidence: {fresh_for: 2ms}",
        ),
        (
            "evidence.stale_for",
            "evidence: {stale_for: 0s}",
            "evidence: {stale_for: 3000d}",
        ),
    ] {
        let [short, long] = [short, long].map(|setting| policy(&format!(", {setting}")));
        let (code, report) = gate(&short, &long, &[]);
        assert_eq!(code, 1, "{name}");
        assert_eq!(report["changed"][0]["settings"][0]["name"], name);
        assert_eq!(report["changed"][0]["settings"][0]["direction"], "loosens");
        assert_eq!(
            (&report["loosens"], &report["tightens"]),
            (&true.into(), &false.into())
        );
        let (code, report) = gate(&long, &short, &[]);
        assert_eq!((code, &report["tightens"]), (0, &true.into()), "{name}");
        let (code, report) = gate(&short, &long, &["--ignore-settings"]);
        assert_eq!((code, &report["loosens"]), (0, &false.into()), "{name}");
        assert_eq!(report["changed"], serde_json::json!([]));
        assert_eq!(report["ignored_settings"], 1);
    }
    let (code, report) = gate(
        &policy(""),
        &policy(", step_up: {redirect: \"https://sso.example.com/x\"}"),
        &[],
    );
    assert_eq!(code, 0);
    assert_eq!(report["changed"][0]["settings"][0]["direction"], "none");
}

#[test]
fn a_renamed_policy_is_compared_with_its_old_version() {
    let lobby = "{require: [identity: same_as_request, verified_within: 30d, attribute: {name: site, in: [hq]}]}";
    let vault = "{require: [age_at_least: 21, {authenticated: {within: 1h}, otherwise: step_up}]}";
    let old = format!("  lobby: {lobby}\n  vault: {vault}\n");
    let new = |reception: &str| format!("  reception: {reception}\n  vault: {vault}\n");
    for (reception, loosens, tightens) in [
        (lobby.to_owned(), false, false),
        (lobby.replace("30d", "300d"), true, false),
        (lobby.replace("30d", "3d"), false, true),
        (
            lobby.replace("identity: same_as_request, ", ""),
            true,
            false,
        ),
        (
            lobby.replace("[hq]", "[hq, lab]").replace("30d", "1d"),
            true,
            true,
        ),
        (
            lobby.replace("]}]}", "]}], reuse: {allow: 1d}}"),
            true,
            false,
        ),
        // All its rules are removed.
        ("{require: [status: [VERIFIED]]}".to_owned(), true, false),
        (
            "{require: [status: [VERIFIED, PENDING]]}".to_owned(),
            true,
            false,
        ),
    ] {
        let (code, report) = gate(&old, &new(&reception), &[]);
        let renamed = serde_json::json!([{ "old": "lobby", "new": "reception" }]);
        assert_eq!(report["renamed"], renamed, "{reception}");
        assert_eq!(
            (&report["added"], &report["removed"]),
            (&serde_json::json!([]), &serde_json::json!([]))
        );
        assert_eq!(
            (&report["loosens"], &report["tightens"]),
            (&loosens.into(), &tightens.into()),
            "{reception}"
        );
        assert_eq!(code, i32::from(loosens), "{reception}");
        // Also by one of its names.
        for name in ["lobby", "reception"] {
            assert_eq!(
                gate(&old, &new(&reception), &["--policy", name]).0,
                i32::from(loosens)
            );
        }
    }
}

#[test]
fn the_most_similar_policies_are_the_renamed_ones() {
    let policy = |name: &str, rules: &str| format!("  {name}: {{require: [{rules}]}}\n");
    let old = [
        policy("a", "verified_within: 30d, age_at_least: 18"),
        policy("b", "verified_within: 60d, project: [x]"),
        policy("c", "phone_prefix: [\"+1\"], scopes: [NAME]"),
    ];
    let new = [
        policy("m", "project: [x], verified_within: 90d"),
        policy("n", "age_at_least: 18, verified_within: 30d"),
        policy(
            "o",
            "attribute: {name: site, in: [hq]}, identity: same_as_request",
        ),
    ];
    let (code, report) = gate(&old.concat(), &new.concat(), &[]);
    let [old_only, new_only] = [&old[2], &new[2]].map(|policies| {
        let path = tempfile::NamedTempFile::with_suffix(".yaml").unwrap();
        std::fs::write(&path, format!("version: 1\npolicies:\n{policies}")).unwrap();
        path
    });
    let paths = [&old_only, &new_only].map(|file| file.path().to_str().unwrap());
    let (exit, _, why) = diff(&[paths[0], paths[1], "--fail-on", "loosens"]);
    assert!(
        exit == 0 && why.contains("`--fail-on loosens,added`"),
        "{why}"
    );
    assert_eq!(
        report["renamed"],
        serde_json::json!([{ "old": "b", "new": "m" }, { "old": "a", "new": "n" }])
    );
    assert_eq!(report["removed"], serde_json::json!(["c"]));
    assert_eq!(report["added"], serde_json::json!(["o"]));
    assert_eq!(
        (code, &report["loosens"], &report["tightens"]),
        (1, &true.into(), &true.into())
    );
}

#[test]
fn a_policy_that_is_loosened_among_many_renamed_ones_is_found() {
    let policy = |name: &str, number: u32, years: u32| {
        format!("  {name}{number}: {{require: [age_at_least: {years}, project: [\"{number}\"]]}}\n")
    };
    let all = |name, loosened: Option<u32>| -> String {
        let years = |number| if loosened == Some(number) { 18 } else { 21 };
        (0..150)
            .map(|number| policy(name, number, years(number)))
            .collect()
    };
    let (code, report) = gate(&all("old-", None), &all("new-", Some(50)), &[]);
    assert_eq!((code, &report["loosens"]), (1, &true.into()));
    assert_eq!(report["renamed"].as_array().map(Vec::len), Some(150));
    assert_eq!(report["changed"][0]["policy"], "new-50");
    // Every policy is renamed: the pairs are not searched for, which is reported as a failure.
    let others: String = (0..150).map(|number| policy("new-", number, 18)).collect();
    let (code, report) = gate(&all("old-", None), &others, &[]);
    assert_eq!(code, 2, "{report}");
    assert_eq!(report["failed"].as_array().map(Vec::len), Some(150));
    assert_eq!(report["loosens"], serde_json::Value::Null);
    // Nor by the name of a removed policy.
    let (code, report) = gate(&all("old-", None), &others, &["--policy", "old-7"]);
    assert_eq!(code, 2, "{report}");
}

#[test]
fn a_policy_that_is_only_removed_or_added_is_reported() {
    let p = "  p: {require: [verified_within: 30d]}\n";
    let both = format!("{p}  q: {{require: [age_at_least: 18]}}\n");
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, policies: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, format!("version: 1\npolicies:\n{policies}")).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (one, two) = (file("one.yaml", p), file("two.yaml", &both));
    let (code, stdout, _) = diff(&[&two, &one, "--fail-on", "loosens"]);
    assert_eq!(code, 0);
    expect![[r#"
        tightens: 1 removed
          removed  q: checks get NOT_FOUND
    "#]]
    .assert_eq(&stdout);
    assert_eq!(diff(&[&two, &one, "--fail-on", "tightens"]).0, 1);
    let (code, stdout, _) = diff(&[&one, &two, "--fail-on", "loosens,tightens"]);
    assert_eq!(code, 0);
    expect![[r#"
        checks of policies that both have are decided as before: 1 added
          added    q: new policies, review each as a whole
    "#]]
    .assert_eq(&stdout);
    for kind in ["added", "any"] {
        let (code, _, why) = diff(&[&one, &two, "--fail-on", kind]);
        assert!(code == 1 && why.ends_with(": q\n"), "{why}");
    }
}

#[test]
fn a_company_of_twenty_policies_reads_on_two_screens() {
    let company = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/company");
    let (before, after) = (format!("{company}/before"), format!("{company}/after"));
    let (code, stdout, _) = diff_in(&["110"], &[&before, &after]);
    assert_eq!(code, 0);
    assert!(stdout.lines().count() <= 80, "two screens of 40 lines");
    assert!(stdout.lines().all(|line| line.chars().count() <= 110));
    expect_test::expect_file![format!("{company}/diff.txt")].assert_eq(&stdout);
    let narrow = diff_in(&["80"], &[&before, &after]).1;
    assert!(
        narrow.lines().all(|line| line.chars().count() <= 80),
        "{narrow}"
    );
    // Every edit is named, and each cell belongs to one.
    let report = json(&[&before, &after]);
    for changed in report["changed"].as_array().unwrap() {
        let edits = changed["edits"].as_array().unwrap();
        for edit in edits {
            assert!(
                stdout.contains(
                    edit["summary"]
                        .as_str()
                        .unwrap()
                        .split(" -> ")
                        .next()
                        .unwrap()
                ),
                "{edit}"
            );
        }
        for cell in changed["cells"].as_array().unwrap() {
            let of = cell["edits"].as_array().unwrap();
            assert!(!of.is_empty() && of.iter().all(|n| n.as_u64().unwrap() < edits.len() as u64));
        }
    }
}
