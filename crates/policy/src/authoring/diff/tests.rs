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
        let failed = Comparison::of(&set_of(&much), &set_of("project: [p]"), None).failed;
        let errors: Vec<CompareError> = failed.into_iter().map(|error| error.source).collect();
        assert_eq!(errors, [CompareError::TooLarge]);
    }
}
