//! What is warned of: rules and policies that are valid and useless.

use super::*;

/// The warnings of a policy of these rules.
fn warnings(rules: &str) -> Vec<String> {
    let text = format!("version: 1\npolicies:\n  p:\n    require:\n{rules}");
    let warnings = verigate::policy::lint(&read(&text).unwrap());
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
