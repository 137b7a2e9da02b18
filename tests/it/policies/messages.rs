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
fn a_check_ends_soon_however_many_alternatives_there_are() {
    let alternative = |rule: usize, n: usize| {
        let attribute = (rule * 7 + n * 11) % 397;
        format!("attribute: {{name: a{attribute}, in: [v{n}]}}")
    };
    let rule = |rule: usize| {
        let parts: Vec<String> = (0..180).map(|n| alternative(rule, n)).collect();
        format!("      - any_of: [{}]\n", parts.join(", "))
    };
    let rules: String = (0..60).map(rule).collect();
    let set = read(&format!(
        "version: 1\npolicies:\n  p:\n    require:\n      - identity: same_as_request\n{rules}"
    ))
    .unwrap();
    // What is too large to be compared is not warned of.
    assert!(verigate::policy::lint(&set).is_empty());
}

#[test]
fn warnings_come_in_the_order_of_the_text() {
    let policy =
        "{require: [verified_within: 1h, identity: same_as_request], evidence: {fresh_for: 2h}}";
    let set = read(&format!(
        "version: 1\npolicies:\n  z: {policy}\n  a: {policy}\n"
    ))
    .unwrap();
    let warnings = verigate::policy::lint(&set);
    let names: Vec<&str> = warnings.iter().map(|w| w.policy.as_str()).collect();
    assert_eq!(names, ["z", "a"]);
}

#[test]
fn a_rule_that_can_never_hold_is_not_said_to_contradict_others() {
    let set =
        read("version: 1\npolicies: {p: {require: [all_of: [age_at_least: 18, age_below: 18]]}}")
            .unwrap();
    let warnings = verigate::policy::lint(&set);
    let hints: Vec<&str> = warnings.iter().map(|w| w.hint).collect();
    assert_eq!(hints, ["its one rule can never hold"]);
}
