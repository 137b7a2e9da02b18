//! Messages lead to the position of a mistake and to what can be done, and are bounded.

use super::{check, read};
use expect_test::expect;

#[test]
fn a_list_that_must_be_there_is_not_to_be_left_out() {
    check(
        "version: 1\npolicies: {p: {require: []}}",
        &expect![[r#"
            error: `require` is empty
             --> p.yaml:2:25
              |
            2 | policies: {p: {require: []}}
              |                         ^
              |
              = help: write at least one"#]],
    );
}

#[test]
fn a_file_without_policies_is_reported_with_its_position() {
    let error = read("version: 1\npolicies: {}").unwrap_err();
    assert!(
        error.starts_with("error: `policies` is empty\n --> p.yaml:2:11"),
        "{error}"
    );
}

#[test]
fn a_key_that_is_no_text_is_reported_once() {
    let error =
        read("version: 1\npolicies: {? [a, b] : {require: [age_at_least: 3]}}").unwrap_err();
    assert!(error.contains("a key is a text"), "{error}");
    assert!(!error.contains("cannot name a policy"), "{error}");
}

#[test]
fn the_character_that_stands_for_what_is_no_text_is_named() {
    let error = read("version: 1\npolicies: {p: {description: \u{fffd}}}").unwrap_err();
    assert!(error.contains("or the character U+FFFD"), "{error}");
}

#[test]
fn a_key_of_any_length_is_quoted_shortly_and_is_no_misspelling() {
    let key = "x".repeat(900_000);
    let error = read(&format!("version: 1\npolicies: {{}}\n? {key}\n: 1\n")).unwrap_err();
    let shown = format!("unknown key `{}…`", "x".repeat(64));
    assert!(error.contains(&shown) && error.len() < 1000, "{error}");

    let error = read(&format!("version: 1\npolicies: {{}}\n? \"`{key}\"\n: 1\n")).unwrap_err();
    assert!(error.len() < 3000);
}

#[test]
fn warnings_come_in_the_order_of_the_text() {
    let policy =
        "{require: [verified_within: 1h, identity: same_as_request], evidence: {fresh_for: 2h}}";
    let set = read(&format!(
        "version: 1\npolicies:\n  z: {policy}\n  a: {policy}\n"
    ))
    .unwrap();
    let warnings = verigate::policy::lint(&set).warnings;
    let names: Vec<&str> = warnings.iter().map(|w| w.policy.as_str()).collect();
    assert_eq!(names, ["z", "a"]);
}
