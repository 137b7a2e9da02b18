//! `verigate policy check` as a person, a build server or a code host runs it: its output in each format, and its exit code.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::{Command, Output},
};

use boon::{Compiler, Schemas};
use expect_test::expect;
use serde_json::Value;
use verigate::{
    live::LoadError,
    policy::{ProblemCode, WarningCode},
};

#[test]
fn policies_are_checked_without_a_service() {
    let check = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_verigate"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(["policy", "check"])
            .args(arguments)
            .output()
            .unwrap();
        (
            output.status.code().unwrap(),
            String::from_utf8(output.stdout).unwrap(),
        )
    };
    let (code, stdout) = check(&["--deny", "warnings", "policies"]);
    assert_eq!(code, 0);
    assert!(stdout.starts_with("ok: 9 policies, revision "), "{stdout}");
    let mistaken = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/whole.yaml");
    let mistaken = mistaken.display().to_string();
    let (code, stdout) = check(&[&mistaken]);
    assert_eq!(code, 1);
    expect![[r#"
        error: this is a case file, not a policy file
         --> whole.yaml:2:1
          |
        2 | cases:
          | ^^^^^
          |
          = help: `verigate policy test` runs cases against policies

    "#]]
    .assert_eq(&stdout.replace(&mistaken, "whole.yaml"));
    assert!(!stdout.contains('\u{1b}'), "colours are for terminals");
    let (code, stdout) = check(&["--format", "json", "policies", &mistaken]);
    assert_eq!(code, 1);
    let report: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(report["sets"][0]["policies"], 9);
    assert_eq!(report["sets"][1]["problems"][0]["line"], 2);
    assert_eq!(check(&["/no/such/place"]).0, 2);
}

/// Policies that each have a warning.
const WARNED: &str = "\
version: 1
policies:
  hidden:
    require:
      - otherwise: deny
        verified_within: 90d
      - verified_within: 30d
  never:
    require: [age_at_least: 18, age_below: 18]
  kept:
    require:
      - scopes: [NAME]
      - any_of: [verified_within: 1m, scopes: [BADGE]]
";

/// The output of `policy check` in this format for the policies with warnings, in `p.yaml`.
fn check_warned(format: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.yaml");
    fs::write(&path, WARNED).unwrap();
    let path = path.display().to_string();
    let output = Command::new(env!("CARGO_BIN_EXE_verigate"))
        .args(["policy", "check", "--format", format, &path])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    String::from_utf8(output.stdout)
        .unwrap()
        .replace(&path, "p.yaml")
}

#[test]
fn a_warning_is_printed_with_its_position() {
    expect![[r#"
        warning: policy `hidden`: it never asks whose verification this is
         --> p.yaml:3:3
          |
        3 |   hidden:
          |   ^^^^^^
          |
          = help: add `- identity: same_as_request`, and let callers send the badge's or account's
                  `identity_id`: without it, anybody's verification passes for anybody

        warning: policy `hidden`: the rule `verified_within: 90d` can never matter
         --> p.yaml:6:9
          |
        6 |         verified_within: 90d
          |         ^^^^^^^^^^^^^^^
          |
         ::: p.yaml:7:9
          |
        7 |       - verified_within: 30d
          |         ---------------
          |
          = help: `verified_within: 30d` in line 7 always requires at least as much: take one of the two
                  out, or loosen `verified_within: 30d`

        warning: policy `never`: it can never ALLOW: `age_at_least: 18` and `age_below: 18` exclude each
                 other
         --> p.yaml:9:15
          |
        9 |     require: [age_at_least: 18, age_below: 18]
          |               ^^^^^^^^^^^^
          |
         ::: p.yaml:9:33
          |
        9 |     require: [age_at_least: 18, age_below: 18]
          |                                 ---------
          |
          = help: change one of them or take it out; if either is enough, make them alternatives of one
                  `any_of`

        warning: policy `kept`: it never asks whose verification this is
          --> p.yaml:10:3
           |
        10 |   kept:
           |   ^^^^
           |
           = help: add `- identity: same_as_request`, and let callers send the badge's or account's
                   `identity_id`: without it, anybody's verification passes for anybody

        warning: policy `kept`: it can ALLOW a verification of any age: `verified_within` is only in
                 alternatives
          --> p.yaml:10:3
           |
        10 |   kept:
           |   ^^^^
           |
           = help: add a rule such as `- verified_within: 365d`: older verifications then no longer count

        warning: policy `kept`: `fresh_for: 5m` is longer than its tightest `verified_within: 1m`
          --> p.yaml:13:9
           |
        13 |       - any_of: [verified_within: 1m, scopes: [BADGE]]
           |         ^^^^^^
           |
           = help: write `fresh_for: 1m` or less in `evidence`: a new verification would go unnoticed for
                   longer than an old one counts

        ok: 3 policies, revision 64d66e56e6a4730c
    "#]]
    .assert_eq(&check_warned("human"));
}

#[test]
fn a_warning_has_its_position_in_json() {
    let report: serde_json::Value = serde_json::from_str(&check_warned("json")).unwrap();
    let warnings = report["sets"][0]["warnings"].as_array().unwrap();
    let places: Vec<(&str, u64, u64)> = warnings
        .iter()
        .map(|w| {
            (
                w["policy"].as_str().unwrap(),
                w["line"].as_u64().unwrap(),
                w["column"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        places,
        [
            ("hidden", 3, 3),
            ("hidden", 6, 9),
            ("never", 9, 15),
            ("kept", 10, 3),
            ("kept", 10, 3),
            ("kept", 13, 9)
        ]
    );
    assert_eq!(warnings[0]["path"], "p.yaml");
}

/// Runs the command in a folder with `p.yaml`, which has warnings, and `wrong.yaml`, which has a mistake.
fn run(arguments: &[&str]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("p.yaml"), WARNED).unwrap();
    fs::create_dir(folder.path().join("a, b")).unwrap();
    fs::write(
        folder.path().join("a, b/wrong.yaml"),
        "version: 1\npolicies: {p: {rules: []}}\n",
    )
    .unwrap();
    fs::create_dir(folder.path().join("set")).unwrap();
    fs::write(folder.path().join("set/p.yaml"), WARNED).unwrap();
    fs::write(folder.path().join("set/notes.txt"), "").unwrap();
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(env!("CARGO_BIN_EXE_verigate"))
        .current_dir(folder.path())
        .args(["policy", "check"])
        .args(arguments)
        .output()
        .unwrap();
    let text = String::from_utf8(stdout).unwrap() + &String::from_utf8(stderr).unwrap();
    (status.code(), text)
}

#[test]
fn a_warning_that_is_not_shown_fails_the_check_too_where_it_is_denied() {
    let folder = tempfile::tempdir().unwrap();
    let policy = |number| format!("  p{number}: {{require: [project: [x]]}}\n");
    let many: String = (0..600).map(policy).collect();
    let last = "  q: {require: [scopes: [name]]}\n";
    let file = folder.path().join("p.yaml");
    fs::write(&file, format!("version: 1\npolicies:\n{many}{last}")).unwrap();
    let file = file.display().to_string();
    assert_eq!(run(&["--deny", "unknown_scope", &file]).0, Some(1));
    assert_eq!(run(&["--deny", "unknown_status", &file]).0, Some(0));
}

#[test]
fn a_warning_fails_the_check_only_where_it_is_denied() {
    let code = |arguments: &[&str]| run(arguments).0;
    assert_eq!(code(&["p.yaml"]), Some(0));
    assert_eq!(code(&["--deny", "warnings", "p.yaml"]), Some(1));
    assert_eq!(code(&["--deny", "never_allow", "p.yaml"]), Some(1));
    assert_eq!(code(&["--deny", "unknown_scope", "p.yaml"]), Some(0));
    assert_eq!(code(&["--deny", "file_not_read", "set"]), Some(1));
    let all = [
        "no_identity_check",
        "no_age_limit",
        "rule_without_effect",
        "never_allow",
        "fresh_for_too_long",
    ];
    let allowed: Vec<&str> = all.iter().flat_map(|code| ["--allow", code]).collect();
    let with = |more: &[&'static str]| [&["--deny", "warnings"], allowed.as_slice(), more].concat();
    assert_eq!(code(&with(&["p.yaml"])), Some(0));
    assert_eq!(code(&with(&["set"])), Some(1), "a file is not read");
    assert_eq!(code(&with(&["--allow", "file_not_read", "set"])), Some(0));
    assert_eq!(
        code(&["--allow", "never_allow", "a, b/wrong.yaml"]),
        Some(1),
        "a mistake is not a warning"
    );
    for format in ["json", "sarif", "github"] {
        assert_eq!(
            code(&["--deny", "warnings", "--format", format, "p.yaml"]),
            Some(1),
            "{format}"
        );
        assert_eq!(code(&["--format", format, "p.yaml"]), Some(0), "{format}");
    }
    for wrong in [
        &["--deny", "errors", "p.yaml"],
        &["--allow", "warnings", "p.yaml"],
    ] {
        let (code, text) = run(wrong);
        assert_eq!(code, Some(2), "{text}");
    }
    let (_, text) = run(&["--deny", "warnings", "p.yaml"]);
    assert!(
        text.ends_with("failed: 6 warnings, which `--deny` does not permit\n"),
        "{text}"
    );
}

#[test]
fn each_finding_has_a_code_in_json() {
    let (code, text) = run(&["--format", "json", "set", "a, b/wrong.yaml"]);
    assert_eq!(code, Some(1));
    let report: Value = serde_json::from_str(&text).unwrap();
    let codes = |findings: &Value| -> Vec<String> {
        let findings = findings.as_array().unwrap().iter();
        findings
            .map(|finding| finding["code"].as_str().unwrap().to_owned())
            .collect()
    };
    let [set, wrong] = report["sets"].as_array().unwrap().as_slice() else {
        panic!("{report}");
    };
    assert_eq!(
        codes(&set["warnings"]),
        [
            "file_not_read",
            "no_identity_check",
            "rule_without_effect",
            "never_allow",
            "no_identity_check",
            "no_age_limit",
            "fresh_for_too_long"
        ]
    );
    assert_eq!(set["problems"], serde_json::json!([]));
    assert_eq!(set["warnings"][2]["related"][0]["line"], 7);
    assert_eq!(codes(&wrong["problems"]), ["missing_key", "unknown_key"]);
    assert_eq!(wrong["problems"][1]["line"], 2);
    assert_eq!(wrong["problems"][1]["hint"], "did you mean `require`?");
    assert_eq!(wrong["warnings"], serde_json::json!([]));
    assert_eq!(wrong["policies"], Value::Null);
}

#[test]
fn github_gets_a_command_for_each_finding() {
    let (_, text) = run(&["--format", "github", "set", "a, b/wrong.yaml"]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 9, "{text}");
    assert_eq!(
        lines[0],
        "::warning file=set/notes.txt,title=file_not_read::`set/notes.txt` is not read: it is not named *.yaml%0A%0Ahelp: name it as a file that is read, or move it elsewhere"
    );
    assert!(lines[2].starts_with("::warning file=set/p.yaml,line=6,col=9,endColumn=24,title=rule_without_effect::policy `hidden`: "), "{text}");
    assert_eq!(
        lines[8],
        "::error file=a%2C b/wrong.yaml,line=2,col=16,endColumn=21,title=unknown_key::unknown key `rules`%0A%0Ahelp: did you mean `require`?"
    );
}

/// What SARIF 2.1.0 requires of the parts that we write, and the words that it permits.
const SARIF_ESSENTIALS: &str = include_str!("sarif-2.1.0-essentials.schema.json");

fn sarif(arguments: &[&str]) -> Value {
    let (_, text) = run(&[&["--format", "sarif"], arguments].concat());
    let report: Value = serde_json::from_str(&text).expect(&text);
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    let schema = serde_json::from_str(SARIF_ESSENTIALS).unwrap();
    compiler
        .add_resource("http://localhost/sarif", schema)
        .unwrap();
    let index = compiler
        .compile("http://localhost/sarif", &mut schemas)
        .unwrap();
    let valid = schemas.validate(&report, index);
    assert!(valid.is_ok(), "{valid:#?}\n{text}");
    report
}

#[test]
fn sarif_is_as_its_schema_says_and_names_rules_that_it_describes() {
    let report = sarif(&["set", "a, b/wrong.yaml"]);
    let run = &report["runs"][0];
    let rules: Vec<&str> = run["tool"]["driver"]["rules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| rule["id"].as_str().unwrap())
        .collect();
    let distinct: BTreeSet<&&str> = rules.iter().collect();
    assert_eq!(distinct.len(), rules.len(), "a rule is described once");
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), 9);
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index], result["ruleId"].as_str().unwrap());
    }
    let named = |code: &str| {
        results
            .iter()
            .find(|result| result["ruleId"] == code)
            .unwrap()
    };
    let place = |code: &str| named(code)["locations"][0]["physicalLocation"].clone();
    assert_eq!(named("unknown_key")["level"], "error");
    assert_eq!(
        place("unknown_key")["artifactLocation"],
        serde_json::json!({"uri": "a,%20b/wrong.yaml", "uriBaseId": "%SRCROOT%"})
    );
    assert_eq!(
        place("unknown_key")["region"],
        serde_json::json!({"startLine": 2, "startColumn": 16, "endColumn": 21})
    );
    assert_eq!(named("never_allow")["level"], "warning");
    assert_eq!(
        named("rule_without_effect")["relatedLocations"][0]["physicalLocation"]["region"]["startLine"],
        7
    );
    assert!(place("file_not_read").get("region").is_none());
    // A report without findings is valid too.
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("policies")
        .display()
        .to_string();
    assert_eq!(
        sarif(&[&folder])["runs"][0]["results"],
        serde_json::json!([])
    );
}

#[test]
fn every_code_is_described_and_every_described_code_is_one() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/lint.md");
    let page = fs::read_to_string(page).unwrap();
    let headings = page
        .lines()
        .filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`'));
    let described: BTreeSet<&str> = headings.collect();
    let warnings = WarningCode::ALL.map(WarningCode::as_str);
    let problems = ProblemCode::ALL.map(ProblemCode::as_str);
    let files = LoadError::CODES.map(|(code, _)| code);
    let codes: Vec<&str> = [&warnings[..], &problems, &files, &["file_not_read"]].concat();
    let known: BTreeSet<&str> = codes.iter().copied().collect();
    assert_eq!(known.len(), codes.len(), "a code has one meaning");
    assert_eq!(described, known);
    for code in WarningCode::ALL {
        let section = page
            .split(&format!("### `{}`", code.as_str()))
            .nth(1)
            .unwrap();
        let section = section.split("\n### ").next().unwrap();
        assert!(
            section.contains("```yaml") && section.contains("Cure:"),
            "{}",
            code.as_str()
        );
    }
}
