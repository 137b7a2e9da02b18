//! Comparisons as a whole.

use super::*;
use crate::{PolicyName, PolicySet, testing::set_of};

fn compare(old: &PolicySet, new: &PolicySet) -> Comparison {
    let comparison = Comparison::of(old, new, None);
    assert_eq!(comparison.failed, []);
    comparison
}

#[test]
fn a_policy_that_is_added_removed_or_changed_is_a_difference_alone() {
    let name = PolicyName::parse("p").unwrap();
    let setting = ChangedSetting {
        name: "reuse.allow",
        old: "0s".to_owned(),
        new: "1s".to_owned(),
        directions: Directions::default(),
    };
    let changes = PolicyChanges {
        settings: vec![setting],
        ..PolicyChanges::default()
    };
    let nothing = Comparison::default;
    assert!(nothing().is_empty());
    let (mut removed, mut added, mut changed) = (nothing(), nothing(), nothing());
    removed.removed.push(name.clone());
    added.added.push(name.clone());
    changed.changed.insert(name, changes);
    for comparison in [removed, added, changed] {
        assert!(!comparison.is_empty(), "{comparison:?}");
        assert!(!comparison.loosens());
    }
}

#[test]
fn nobody_is_younger_than_0_or_as_old_as_150() {
    for (never, nor) in [
        ("age_below: 0", "age_at_least: 18"),
        ("age_at_least: 150", "age_below: 18"),
    ] {
        let (old, new) = (set_of(never), set_of(&format!("{never}, {nor}")));
        let nothing = compare(&old, &new);
        assert!(
            nothing.cells().next().is_none() && !nothing.directions().is_some(),
            "{never}"
        );
        let anybody = set_of("scopes: [DATE_OF_BIRTH]");
        assert!(compare(&old, &anybody).loosens(), "{never}");
    }
}

#[test]
fn policies_that_read_too_much_are_not_compared() {
    let scopes = |count: usize| {
        let scopes: Vec<String> = (0..count).map(|n| format!("s{n}")).collect();
        format!("scopes: [{}]", scopes.join(", "))
    };
    // Each value is in other lists, by the digits of its number.
    let values = |count: usize| {
        let list = |digit: usize| -> Vec<String> {
            let values = (0..count).filter(|n| n >> digit & 1 == 1);
            values.map(|n| format!("v{n}")).collect()
        };
        let lists = (0..13).map(list).filter(|list| !list.is_empty());
        let part = |list: Vec<String>| format!("attribute: {{name: a, in: [{}]}}", list.join(", "));
        format!(
            "any_of: [{}]",
            lists.map(part).collect::<Vec<_>>().join(", ")
        )
    };
    for (few, much) in [(scopes(9), scopes(600)), (values(9), values(4100))] {
        assert!(
            compare(&set_of(&few), &set_of("project: [p]"))
                .failed
                .is_empty()
        );
        let compared = Comparison::of(&set_of(&much), &set_of("project: [p]"), None);
        assert_eq!(errors(&compared), [&CompareError::TooLarge]);
        let same = Comparison::of(&set_of(&much), &set_of(&much), None);
        assert!(same.is_empty(), "the same rules need no comparison");
    }
}

fn errors(comparison: &Comparison) -> Vec<&CompareError> {
    let failed = comparison.failed.iter();
    failed.map(|error| &error.source).collect()
}

/// A policy whose rules read too many scopes, with one more rule and these settings.
fn too_large(rule: &str, settings: &str) -> PolicySet {
    let scopes: Vec<String> = (0..600).map(|n| format!("s{n}")).collect();
    crate::testing::set(&format!(
        "version: 1\npolicies: {{p: {{require: [{{scopes: [{}]}}, {{{rule}}}]{settings}}}}}\n",
        scopes.join(", ")
    ))
}

#[test]
fn the_edits_of_policies_that_are_too_large_are_named_without_a_direction() {
    let plain = too_large("age_at_least: 21", "");
    let compared = Comparison::of(&plain, &too_large("age_at_least: 18", ""), None);
    assert_eq!(errors(&compared), [&CompareError::TooLarge]);
    let edits = |compared: &Comparison| -> Vec<(String, Option<Directions>)> {
        let edits = compared.changed.values().flat_map(|changes| &changes.edits);
        let edits = edits.map(|edit| (edit.words.summary.clone(), edit.directions));
        edits.collect()
    };
    assert_eq!(
        edits(&compared),
        [("age_at_least: 21 -> 18".to_owned(), None)]
    );
    assert!(compared.cells().next().is_none() && !compared.directions().is_some());
    // What needs no walk is known: the settings, and what an outage leads to.
    let more = ", reuse: {allow: 1h}, evidence: {unavailable: step_up}";
    let compared = Comparison::of(&plain, &too_large("age_at_least: 18", more), None);
    assert_eq!(errors(&compared), [&CompareError::TooLarge]);
    assert_eq!(
        edits(&compared),
        [
            ("age_at_least: 21 -> 18".to_owned(), None),
            (
                "evidence.unavailable: deny -> step_up".to_owned(),
                Some(Directions::LOOSENS)
            )
        ]
    );
    assert!(compared.loosens());
    // Where no rule is edited, nothing is missing.
    let compared = Comparison::of(&plain, &too_large("age_at_least: 21", more), None);
    assert_eq!(errors(&compared), Vec::<&CompareError>::new());
    assert_eq!((edits(&compared).len(), compared.cells().count()), (1, 1));
    assert_eq!(
        compared.changed.values().next().map(|c| c.settings.len()),
        Some(1)
    );
}

#[test]
fn an_edit_that_was_not_tried_alone_has_no_known_direction() {
    let (old, new) = (
        set_of("age_at_least: 21, project: [p]"),
        set_of("age_at_least: 18, project: [q]"),
    );
    let name = PolicyName::parse("p").unwrap();
    let [old, new] = [&old, &new].map(|set| set.find(&name).unwrap());
    let edits = edits::Edits::of([old, new]);
    let directions = |steps: usize| -> Vec<Option<Directions>> {
        let mut budget = WorkBudget::new(steps);
        let edits = policies::rule_edits(&name, old, &edits, &[], &mut budget);
        edits.iter().map(|edit| edit.directions).collect()
    };
    let both = Directions::LOOSENS.or(Directions::TIGHTENS);
    assert_eq!(
        directions(1_000_000),
        [Some(Directions::LOOSENS), Some(both)]
    );
    assert_eq!(directions(0), [None, None]);
}
