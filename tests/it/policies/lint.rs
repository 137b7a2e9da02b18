//! What is warned of: rules and policies that are valid and useless.

use super::*;

/// The warnings of a policy of these rules.
fn warnings(rules: &str) -> Vec<String> {
    let text = format!(
        "version: 1\npolicies:\n  p:\n    require:\n      - identity: same_as_request\n{rules}"
    );
    warnings_of(&text)
}

fn warnings_of(text: &str) -> Vec<String> {
    let warnings = verigate::policy::lint(&read(text).unwrap());
    warnings
        .into_iter()
        .map(|warning| warning.message)
        .collect()
}

#[test]
fn a_rule_that_can_never_matter_is_warned_of() {
    let hidden = "      - verified_within: 30d\n      - verified_within: 90d\n";
    assert_eq!(
        warnings(hidden),
        ["the rule `verified_within: 90d` can never matter"]
    );
    let both =
        "      - verified_within: 30d\n        otherwise: step_up\n      - verified_within: 90d\n";
    assert_eq!(warnings(both), [""; 0]);
    let ages =
        "      - age_at_least: 18\n      - scopes: [DATE_OF_BIRTH]\n        otherwise: step_up\n";
    assert_eq!(
        warnings(ages),
        ["the rule `scopes: [DATE_OF_BIRTH]` can never matter"]
    );
}

#[test]
fn a_policy_that_can_never_allow_is_warned_of() {
    for never in [
        "      - age_at_least: 18\n      - age_below: 18\n",
        "      - identity_in: [a]\n      - identity_not_in: [a]\n",
        "      - schedule: {days: [mon], from: \"07:00\", to: \"08:00\", zone: UTC}\n      - schedule: {days: [tue], from: \"07:00\", to: \"08:00\", zone: UTC}\n",
    ] {
        assert_eq!(warnings(never), ["it can never ALLOW"], "{never}");
    }
}

#[test]
fn a_policy_that_lets_anybodys_verification_pass_is_warned_of() {
    let warnings = |rules: &str| {
        warnings_of(&format!(
            "version: 1\npolicies: {{p: {{require: [{rules}]}}}}"
        ))
    };
    for never in [
        "verified_within: 30d",
        "identity_in: [id-1]",
        "identity_not_in: [id-1]",
        "scopes: [IDENTITY_ID]",
        "any_of: [verified_within: 1d, all_of: [age_at_least: 18, authenticated: {within: 1h}]]",
    ] {
        let expected = "it never asks whose verification this is";
        assert_eq!(warnings(never), [expected], "{never}");
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
        "{identity: same_as_request, otherwise: step_up}, verified_within: 30d",
        "any_of: [all_of: [identity: same_as_request, verified_within: 1d], all_of: [identity: same_as_request, age_at_least: 18]]",
    ] {
        assert_eq!(warnings(always), [""; 0], "{always}");
    }
}

#[test]
fn evidence_that_is_kept_for_longer_than_a_verification_counts_is_warned_of() {
    let kept = "      - verified_within: 1m\n    evidence: {fresh_for: 5m}\n";
    assert_eq!(
        warnings(kept),
        ["`fresh_for: 5m` is longer than its tightest `verified_within: 1m`"]
    );
    let alike = "      - verified_within: 5m\n    evidence: {fresh_for: 5m}\n";
    assert_eq!(warnings(alike), [""; 0]);
    let inside = "      - any_of: [scopes: [NAME], all_of: [verified_within: 3m, verified_within: 2m]]\n    evidence: {fresh_for: 5m}\n";
    assert_eq!(
        warnings(inside),
        ["`fresh_for: 5m` is longer than its tightest `verified_within: 2m`"]
    );
}

#[test]
fn the_samples_have_nothing_to_warn_of() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let set = verigate::live::load(&folder).unwrap();
    assert!(verigate::policy::lint(&set).is_empty());
}
