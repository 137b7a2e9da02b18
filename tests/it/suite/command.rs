//! `verigate policy` as a person, a script or a build server runs it.

use std::{
    fs,
    process::{Command, Output},
};

use expect_test::expect;

use super::POLICY;

fn policy_test(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_verigate"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["policy", "test"])
        .args(arguments)
        .output()
        .unwrap()
}

#[test]
fn the_corpus_passes_by_the_command_too() {
    let output = policy_test(&["--policies", "tests/policies", "tests/cases"]);
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{stdout}");
    assert!(stdout.ends_with(" passed, 0 failed\n"), "{stdout}");
    assert_eq!(stdout.lines().count(), 6, "{stdout}");
}

#[test]
fn rules_that_no_case_has_tried_are_printed_on_request() {
    let folder = tempfile::tempdir().unwrap();
    let (policies, cases) = (folder.path().join("p.yaml"), folder.path().join("c.yaml"));
    fs::write(
        &policies,
        format!("{POLICY}  back-door: {{require: [verified_within: 1d]}}\n"),
    )
    .unwrap();
    fs::write(
        &cases,
        "cases:\n  - name: passes\n    policy: front-door\n    at: 2026-01-31T00:00:00Z\n    verification: {verified_at: 2026-01-01T00:00:00Z, scopes: [NAME, PHONE]}\n    expect: {decision: deny}\n",
    )
    .unwrap();
    let arguments = [
        "--policies",
        policies.to_str().unwrap(),
        cases.to_str().unwrap(),
    ];
    let coverage = |more: &[&str]| {
        String::from_utf8(policy_test(&[&arguments[..], more].concat()).stdout).unwrap()
    };
    expect![[r#"
        coverage
          0 of 6 rules met and unmet by some case
          0 of 3 edges in time tried from both sides
          (--coverage shows which are not)

        1 passed, 0 failed
    "#]]
    .assert_eq(&coverage(&[]));
    expect![[r#"
        coverage
          back-door: no case
          front-door
            never unmet           status: [VERIFIED]
            never met             verified_within: 30d
            not 1 ms before       verified_within: 30d ends
            never met             scopes: [NAME, PHONE]
            never met             age_at_least: 18
            neither before nor at age_at_least: 18 begins
          0 of 6 rules met and unmet by some case
          0 of 3 edges in time tried from both sides

        1 passed, 0 failed
    "#]]
    .assert_eq(&coverage(&["--coverage"]));
}

#[test]
fn generated_cases_are_a_case_file_on_stdout() {
    let output = policy_test(&["--policies", "policies", "--generate"]);
    assert_eq!(output.status.code(), Some(0));
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(
        stdout.starts_with("cases:\n  - name: \"age-restricted: 1 ms before `"),
        "{stdout}"
    );
}

#[test]
fn a_failure_is_printed_with_its_position_and_the_exit_code_is_1() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("policies/p.yaml", POLICY);
    write(
        "cases/deep/c.yaml",
        "cases:\n  - name: fails\n    policy: front-door\n    at: 2026-01-31T00:00:00Z\n    upstream: down\n    expect: { decision: allow }\n",
    );
    write("cases/.hidden.yaml", "not: cases");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (policies, cases) = (path("policies"), path("cases"));
    let output = policy_test(&["--policies", &policies, &cases]);
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stdout}");
    assert!(stdout.starts_with("FAIL "), "{stdout}");
    assert!(stdout.contains("c.yaml:2: fails"), "{stdout}");
    assert!(stdout.ends_with("0 passed, 1 failed\n"), "{stdout}");
    let nowhere = path("nowhere");
    assert_eq!(
        policy_test(&["--policies", &nowhere, &cases]).status.code(),
        Some(2)
    );
    let swapped = policy_test(&["--policies", &policies, &policies]);
    let stderr = String::from_utf8(swapped.stderr).unwrap();
    assert_eq!(swapped.status.code(), Some(1));
    assert_eq!(stderr.matches("error").count(), 1, "{stderr}");
    assert!(
        stderr.contains("this is a policy file, not a case file"),
        "{stderr}"
    );
    assert_eq!(
        policy_test(&["--policies", &policies, &nowhere])
            .status
            .code(),
        Some(2)
    );
    assert_eq!(
        policy_test(&["--policies", &cases, &cases]).status.code(),
        Some(1)
    );
}

#[test]
fn results_are_printed_as_json_and_as_junit_xml() {
    let folder = tempfile::tempdir().unwrap();
    let (policies, cases) = (folder.path().join("p.yaml"), folder.path().join("c.yaml"));
    fs::write(&policies, POLICY).unwrap();
    let text = "cases:\n  - name: \"a <b> & \\\"c\\\" \\u0007\"\n    policy: front-door\n    at: 2026-01-31T00:00:00Z\n    \
         upstream: down\n    expect: { decision: allow, next_change: never }\n";
    fs::write(&cases, text).unwrap();
    let (policies, cases) = (policies.display().to_string(), cases.display().to_string());
    let results = |format: &str| {
        let output = policy_test(&["--policies", &policies, &cases, "--format", format]);
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stdout).unwrap()
    };
    let report: serde_json::Value = serde_json::from_str(&results("json")).unwrap();
    assert_eq!(report["failed"], 1);
    assert_eq!(report["cases"][0]["decision"], "deny");
    assert_eq!(report["cases"][0]["line"], 2);
    assert_eq!(report["cases"][0]["differences"][0]["actual"], "deny");
    assert_eq!(report["coverage"][0]["rules"][0]["met"], false);
    let case = &report["cases"][0];
    assert_eq!(
        case["reasons"],
        serde_json::json!([{ "code": "EVIDENCE_UNAVAILABLE", "rule": "guard", "effect": "deny" }])
    );
    assert_eq!(case["valid_until"], serde_json::Value::Null);
    assert_eq!(case["remedies"], serde_json::json!([]));
    assert_eq!(case["alternatives"], serde_json::json!([]));
    assert_eq!(case["evidence"], "unavailable");
    let edge = |edge: &str, rule: &str| serde_json::json!({ "policy": "front-door", "rule": rule, "edge": edge });
    let edges = report["edges"].as_array().unwrap();
    for (found, wanted) in edges.iter().zip([
        edge("verified_within: 30d ends", "verified_within: 30d"),
        edge("age_at_least: 18 begins", "age_at_least: 18"),
    ]) {
        assert_eq!(found["state"], "untried");
        for key in ["policy", "rule", "edge"] {
            assert_eq!(found[key], wanted[key]);
        }
    }
    expect![[r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <testsuites name="verigate policy test" tests="1" failures="1">
          <testsuite name="c.yaml" tests="1" failures="1">
            <testcase name="a &lt;b&gt; &amp; &quot;c&quot; �" classname="front-door" file="c.yaml" line="2">
              <failure type="difference" message="decision not as expected">
        decision: expected allow, got deny
              </failure>
            </testcase>
          </testsuite>
        </testsuites>
    "#]].assert_eq(&results("junit").replace(&cases, "c.yaml"));
    fs::write(&cases, "cases: []\n").unwrap();
    let mistaken: serde_json::Value = serde_json::from_str(&results("json")).unwrap();
    assert_eq!(mistaken["problems"][0]["message"], "`cases` is empty");
}
