//! `verigate policy diff`, as a person and a pipeline call it.

use expect_test::expect;

use super::direction::{of_rules, texts};

fn diff(arguments: &[&str]) -> (i32, String, String) {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_verigate"))
        .args(["policy", "diff"])
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let code = output.status.code().unwrap();
    (code, text(output.stdout), text(output.stderr))
}

#[test]
fn the_command_prints_the_changes_and_its_exit_code_is_for_pipelines() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, rule: &str| {
        let path = folder.path().join(name);
        let text = format!(
            "version: 1\npolicies: {{p: {{require: [{rule}]}}, q: {{require: [scopes: [NAME]]}}}}"
        );
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (old, new) = (
        file("old.yaml", "verified_within: 90d"),
        file("new.yaml", "verified_within: 30d"),
    );
    let (code, stdout, _) = diff(&[&old, &new]);
    assert_eq!(code, 0);
    expect![[r#"
        policy p

          tightens: verified 30d to 90d ago, status VERIFIED: deny instead of allow

              - name: "verified 30d to 90d ago, status VERIFIED: deny instead of allow"
                policy: p
                at: 2026-01-31T00:00:00Z
                verification:
                  status: VERIFIED
                  verified_at: 2026-01-01T00:00:00Z
                  scopes: []
                expect:
                  decision: deny

        0 loosen, 1 tighten
    "#]]
    .assert_eq(&stdout);
    let (code, stdout, _) = diff(&[&old, &new, "--only-tightens"]);
    assert_eq!(
        (code, stdout.as_str()),
        (0, "no check is decided less strictly\n")
    );
    let (code, stdout, _) = diff(&[&old, &new, "--only-loosens"]);
    assert!(code == 1 && stdout.ends_with("\n1 tighten\n"), "{stdout}");
    assert_eq!(diff(&[&new, &old, "--only-tightens"]).0, 1);
    assert_eq!(
        diff(&[&old, &old, "--only-tightens", "--only-loosens"]).0,
        0
    );
    let (code, stdout, _) = diff(&[&old, &new, "--policy", "q"]);
    assert_eq!(
        (code, stdout.as_str()),
        (0, "no check is decided differently\n")
    );
    let (code, _, why) = diff(&[&old, &new, "--policy", "r"]);
    assert!(
        code == 2 && why.contains("neither has a policy `r`"),
        "{why}"
    );
    let (_, stdout, _) = diff(&[&old, &new, "--format", "json"]);
    let report: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(report["changed"][0]["cells"][0]["old"], "allow");
    assert_eq!(report["changed"][0]["cells"][0]["new"], "deny");
    assert_eq!(
        (&report["loosens"], &report["tightens"]),
        (&false.into(), &true.into())
    );
    let broken = file("broken.yaml", "verified_within: soon");
    assert_eq!(diff(&[&old, &broken]).0, 1);
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
    let (code, stdout, why) = diff(&[&old, &new]);
    assert_eq!((code, stdout.as_str()), (2, ""));
    assert!(why.contains("in more than 10000 ways"), "{why}");
    assert!(
        why.contains("`--only-tightens` shows whether any of them loosens"),
        "{why}"
    );

    let (code, stdout, _) = diff(&[&old, &new, "--only-tightens"]);
    assert_eq!(
        (code, stdout.as_str()),
        (0, "no check is decided less strictly\n")
    );
    let (code, stdout, _) = diff(&[&new, &old, "--only-tightens"]);
    assert_eq!(code, 1);
    let last = stdout.lines().last().unwrap();
    assert_eq!(last, "there are more: these are the first; 100 loosen");

    let (code, stdout, _) = diff(&[&new, &old, "--only-tightens", "--format", "json"]);
    let report: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, &report["loosens"]), (1, &true.into()));
    assert_eq!(report["tightens"], serde_json::Value::Null);
    assert_eq!(report["changed"][0]["more"], true);
}
