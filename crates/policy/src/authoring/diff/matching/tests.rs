//! Pairs by their likeness.

use super::*;
use crate::testing::policy;

fn paired(old: &str, new: &str) -> Vec<String> {
    let [old, new] = [old, new].map(policy);
    let [olds, news] = [&old, &new].map(|p| p.rules().iter().skip(1).collect::<Vec<_>>());
    let text = |rule: &Rule| rule.text().to_string();
    let pairs = pairs(&olds, &news, likeness_of_rules).into_iter();
    pairs
        .map(|pair| match pair {
            Pair::Both(old, new) => format!("{} = {}", text(old), text(new)),
            Pair::Old(old) => format!("-{}", text(old)),
            Pair::New(new) => format!("+{}", text(new)),
        })
        .collect()
}

#[test]
fn what_means_the_same_is_paired_before_what_is_alike() {
    assert_eq!(
        paired(
            "verified_within: 90d, verified_within: 30d",
            "verified_within: 30d, verified_within: 60d"
        ),
        [
            "verified_within: 90d = verified_within: 60d",
            "verified_within: 30d = verified_within: 30d"
        ]
    );
    assert_eq!(
        paired(
            "age_at_least: 18, project: [a]",
            "scopes: [NAME], project: [b]"
        ),
        [
            "-age_at_least: 18",
            "project: [a] = project: [b]",
            "+scopes: [NAME]"
        ]
    );
}

#[test]
fn a_requirement_is_paired_with_the_alternatives_that_it_became() {
    assert_eq!(
        paired(
            "verified_within: 30d",
            "any_of: [verified_within: 30d, scopes: [NAME]]"
        ),
        ["verified_within: 30d = any_of: [verified_within: 30d, scopes: [NAME]]"]
    );
    let [one, other] = ["any_of: [project: [a]]", "project: [a]"].map(policy);
    let requirement = |p: &crate::Policy| p.rules()[1].requirement().clone();
    assert!(mean_the_same(&requirement(&one), &requirement(&other)));
}
