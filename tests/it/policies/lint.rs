//! Warnings about policies that are valid but very probably mistakes.

mod brute;
mod planted;

use super::*;

/// A policy with these rules, whose other parts have no warnings.
fn warnings(rules: &str) -> Vec<String> {
    let text = format!(
        "version: 1\npolicies:\n  p:\n    require:\n      - identity: same_as_request\n      - verified_within: 365d\n{rules}"
    );
    warnings_of(&text)
}

fn warnings_of(text: &str) -> Vec<String> {
    let lint = verigate::policy::lint(&read(text).unwrap());
    let warnings = lint.warnings.into_iter();
    warnings.map(|warning| warning.message).collect()
}

#[test]
fn a_rule_that_can_never_matter_is_warned_of() {
    let hidden = "      - verified_within: 30d\n      - verified_within: 90d\n";
    assert_eq!(
        warnings(hidden),
        [
            "the rule `verified_within: 365d` can never matter",
            "the rule `verified_within: 90d` can never matter"
        ]
    );
    let both = "      - verified_within: 30d\n        otherwise: step_up\n      - verified_within: 90d\n        otherwise: step_up\n";
    assert_eq!(
        warnings(both),
        ["the rule `verified_within: 90d` can never matter"]
    );
    let ages =
        "      - age_at_least: 18\n      - scopes: [DATE_OF_BIRTH]\n        otherwise: step_up\n";
    assert_eq!(
        warnings(ages),
        ["the rule `scopes: [DATE_OF_BIRTH]` can never matter"]
    );
}

#[test]
fn a_rule_about_the_status_that_repeats_the_default_is_not_a_mistake() {
    assert_eq!(warnings("      - status: [VERIFIED]\n"), [""; 0]);
    assert_eq!(
        warnings("      - status: [VERIFIED]\n      - status: [VERIFIED, SUCCESS]\n"),
        ["the rule `status: [SUCCESS, VERIFIED]` can never matter"]
    );
}

/// The message and the related lines of the one warning that a policy of these rules has.
fn never(rules: &str) -> (String, Vec<usize>) {
    let text = format!("version: 1\npolicies:\n  p:\n    require:\n{rules}");
    let mut lint = verigate::policy::lint(&read(&text).unwrap());
    assert_eq!(lint.warnings.len(), 1, "{:?}", lint.warnings);
    let warning = lint.warnings.remove(0);
    assert_eq!(warning.code.as_str(), "never_allow");
    let own = warning.location.iter().map(|l| l.position.line);
    let related = warning.related.iter().map(|l| l.position.line);
    (warning.message, own.chain(related).collect())
}

#[test]
fn a_policy_that_can_never_allow_names_the_rules_that_exclude_each_other_and_no_others() {
    let ages = "      - identity: same_as_request\n      - age_at_least: 18\n      - scopes: [NAME]\n      - age_below: 18\n";
    assert_eq!(
        never(ages),
        (
            "it can never ALLOW: `age_at_least: 18` and `age_below: 18` exclude each other"
                .to_owned(),
            vec![6, 8]
        )
    );
    let lists = "      - identity_in: [a]\n        otherwise: step_up\n      - verified_within: 1d\n      - identity_not_in: [a]\n";
    assert_eq!(
        never(lists),
        (
            "it can never ALLOW: `identity_in: [1 identity]` and `identity_not_in: [1 identity]` exclude each other".to_owned(),
            vec![5, 8]
        )
    );
    let three = "      - any_of: [age_at_least: 65, scopes: [NAME]]\n      - age_below: 65\n      - verified_within: 1d\n      - any_of: [age_at_least: 66, age_at_least: 67]\n";
    assert_eq!(never(three).1, [6, 8]);
    let alone = "      - scopes: [NAME]\n      - all_of: [age_at_least: 18, verified_within: 1d, age_below: 18]\n";
    assert_eq!(
        never(alone),
        (
            "it can never ALLOW: `all_of: [age_at_least: 18, verified_within: 1d, age_below: 18]` can never hold, because `age_at_least: 18` and `age_below: 18` exclude each other".to_owned(),
            vec![6]
        )
    );
    let default = "      - scopes: [NAME]\n      - any_of: [status: [PENDING], status: [FAILED]]\n";
    assert_eq!(
        never(default),
        (
            "it can never ALLOW: `status: [VERIFIED]` (the default) and `any_of: [status: [PENDING], status: [FAILED]]` exclude each other".to_owned(),
            vec![6]
        )
    );
}

#[test]
fn a_policy_that_lets_anybodys_verification_pass_is_warned_of() {
    let warnings = |rules: &str| {
        warnings_of(&format!(
            "version: 1\npolicies: {{p: {{require: [verified_within: 365d, {rules}]}}}}"
        ))
    };
    for never in [
        "verified_within: 30d",
        "identity_not_in: [id-1]",
        "scopes: [IDENTITY_ID]",
        "any_of: [verified_within: 1d, all_of: [age_at_least: 18, authenticated: {within: 1h}]]",
    ] {
        let expected = "it never asks whose verification this is";
        assert!(warnings(never).contains(&expected.to_owned()), "{never}");
    }
    for sometimes in [
        "any_of: [identity: same_as_request, verified_within: 1d]",
        "any_of: [all_of: [identity: same_as_request, age_at_least: 18], identity_in: [id-1]]",
    ] {
        let expected = "it can ALLOW without asking whose verification this is";
        assert_eq!(warnings(sometimes), [expected], "{sometimes}");
    }
    for always in [
        "identity: same_as_request",
        "{identity: same_as_request, otherwise: step_up}",
        "any_of: [all_of: [identity: same_as_request, verified_within: 1d], all_of: [identity: same_as_request, age_at_least: 18]]",
    ] {
        assert_eq!(warnings(always), [""; 0], "{always}");
    }
}

#[test]
fn evidence_that_is_kept_for_longer_than_a_verification_counts_is_warned_of() {
    let kept =
        "      - verified_within: 1m\n        otherwise: step_up\n    evidence: {fresh_for: 5m}\n";
    assert_eq!(
        warnings(kept),
        ["`fresh_for: 5m` is longer than its tightest `verified_within: 1m`"]
    );
    let alike =
        "      - verified_within: 5m\n        otherwise: step_up\n    evidence: {fresh_for: 5m}\n";
    assert_eq!(warnings(alike), [""; 0]);
    let inside = "      - any_of: [scopes: [NAME], all_of: [verified_within: 3m, age_below: 5]]\n    evidence: {fresh_for: 5m}\n";
    assert_eq!(
        warnings(inside),
        ["`fresh_for: 5m` is longer than its tightest `verified_within: 3m`"]
    );
}

#[test]
fn stale_evidence_is_useful_until_the_age_that_every_allow_needs() {
    let stale = |rules: &str, stale_for: &str| {
        warnings(&format!(
            "{rules}    evidence: {{stale_for: {stale_for}}}\n"
        ))
    };
    let hour = "      - verified_within: 1h\n        otherwise: step_up\n";
    let expected = "`stale_for: 1h1m` is longer than `verified_within: 1h`, which every ALLOW needs: older evidence cannot lead to ALLOW";
    assert_eq!(stale(hour, "61m"), [expected]);
    assert_eq!(stale(hour, "60m"), [""; 0]);
    // Somebody with a session passes in an outage.
    let or_session = "      - any_of: [verified_within: 1h, authenticated: {within: 1h}]\n        otherwise: step_up\n";
    assert_eq!(stale(or_session, "4h"), [""; 0]);
    assert_eq!(stale(or_session, "3000d").len(), 1);
}

#[test]
fn a_policy_that_is_too_large_is_named_and_no_warning_is_guessed() {
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
    let lint = verigate::policy::lint(&set);
    assert!(lint.warnings.is_empty(), "{:?}", lint.warnings);
    assert_eq!(lint.unfinished.len(), 1);
}

#[test]
fn the_samples_have_nothing_to_warn_of() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let set = verigate::live::load(&folder).unwrap();
    let lint = verigate::policy::lint(&set);
    assert!(lint.warnings.is_empty(), "{:?}", lint.warnings);
    assert!(lint.unfinished.is_empty());
}
