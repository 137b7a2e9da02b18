//! The command on policies that are too large to be compared.

use expect_test::expect;

use super::command::{diff, gate};

#[test]
fn the_edits_of_policies_that_are_too_large_to_compare_are_shown() {
    let scopes: Vec<String> = (0..600).map(|n| format!("s{n}")).collect();
    let policy = |years: u32, more: &str| {
        let scopes = scopes.join(", ");
        format!("  p: {{require: [scopes: [{scopes}], age_at_least: {years}]{more}}}\n")
    };
    let (code, report) = gate(&policy(21, ""), &policy(18, ", reuse: {allow: 1h}"), &[]);
    assert_eq!(code, 2, "{report}");
    assert_eq!(report["failed"][0]["policy"], "p");
    let changed = &report["changed"][0];
    assert_eq!(changed["edits"][0]["summary"], "age_at_least: 21 -> 18");
    assert!(changed["edits"][0].as_object().unwrap()["direction"].is_null());
    assert_eq!(changed["settings"][0]["direction"], "loosens");
    assert_eq!(
        (&report["loosens"], &report["tightens"]),
        (&true.into(), &serde_json::Value::Null)
    );
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, policy: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, format!("version: 1\npolicies:\n{policy}")).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (old, new) = (
        file("old.yaml", &policy(21, "")),
        file("new.yaml", &policy(18, "")),
    );
    let (code, stdout, _) = diff(&[&old, &new]);
    assert_eq!(code, 2);
    expect![[r#"
        the comparison is incomplete: 1 edit and 0 settings in 1 policy, 1 not compared
          failed   p: the two policies are too large to be compared

        p
          age_at_least: 21 -> 18, in an unknown direction, because it was not compared
    "#]]
    .assert_eq(&stdout);
    // The same policy differs in nothing, however large it is.
    assert_eq!(diff(&[&old, &old, "--fail-on", "any"]).0, 0);
}
