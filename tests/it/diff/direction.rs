//! With any number of differences, the directions are exact and the cells are few.

use verigate::policy::diff::{ChangedCell, CompareError, Comparison};

use super::{compare, policy};

/// Twelve rules, each of which has two alternatives that no other rule has; the first denies, the others do this.
pub(super) fn of_rules(otherwise: &str) -> String {
    let rule = |n: usize| {
        let otherwise = if n == 0 { "deny" } else { otherwise };
        format!(
            "{{ any_of: [attribute: {{ name: a{n}, in: [x] }}, scopes: [S{n}]], otherwise: {otherwise} }}"
        )
    };
    (0..12).map(rule).collect::<Vec<_>>().join("\n")
}

/// A file of one policy with these rules, a line each.
pub(super) fn texts(rules: &str) -> String {
    let rules = rules.lines().map(|rule| format!("      - {rule}\n"));
    format!(
        "version: 1\npolicies:\n  p:\n    require:\n{}",
        rules.collect::<String>()
    )
}

#[test]
fn nothing_loosens_where_all_of_many_differences_tighten() {
    let (old, new) = (policy(&of_rules("step_up")), policy(&of_rules("deny")));
    let there = compare(&old, &new);
    assert!(there.tightens() && !there.loosens());
    let back = compare(&new, &old);
    assert!(back.loosens() && !back.tightens());
    for comparison in [there, back] {
        // One for each rule, and not one for each combination of rules.
        let changes = comparison.changed.values().next().unwrap();
        assert_eq!(changes.edits.len(), 11);
        assert_eq!(changes.cells.len(), 11);
    }
}

#[test]
fn the_one_edit_that_loosens_is_found_among_many_that_tighten() {
    let loosened = of_rules("deny").replacen("[x]", "[x, y]", 1);
    let (old, new) = (policy(&of_rules("step_up")), policy(&loosened));
    let found = compare(&old, &new);
    assert!(found.loosens() && found.tightens());
    let loosening = found.cells().filter(|cell| cell.loosens());
    let loosening: Vec<String> = loosening.map(ChangedCell::in_short).collect();
    assert!(!loosening.is_empty());
    assert!(
        loosening
            .iter()
            .all(|words| words.contains("attribute a0 y")),
        "{loosening:?}"
    );
}

#[test]
fn policies_that_are_too_large_are_an_error_and_not_a_part_of_the_answer() {
    // Each rule has 40 independent alternatives.
    let rules = |letter: &str| -> String {
        let parts = |n: usize| -> String {
            let part = |m: usize| {
                format!(
                    "all_of: [scopes: [{letter}{m}], attribute: {{ name: \"{}\", in: [x] }}]",
                    (n * 7 + m * 11) % 41
                )
            };
            (0..40).map(part).collect::<Vec<_>>().join(", ")
        };
        let rules = (0..20).map(|n| format!("any_of: [{}]", parts(n)));
        rules.collect::<Vec<_>>().join("\n")
    };
    let comparison = Comparison::of(&policy(&rules("a")), &policy(&rules("b")), None);
    let failed: Vec<_> = comparison
        .failed
        .iter()
        .map(|error| &error.source)
        .collect();
    assert_eq!(failed, [&CompareError::TooLarge]);
    // The edits are named, and nothing is said of what they change.
    let edits = comparison.changed.values().flat_map(|c| &c.edits);
    let directions: Vec<_> = edits.map(|edit| edit.directions).collect();
    assert!(directions.len() >= 20 && directions.iter().all(Option::is_none));
    assert!(comparison.cells().next().is_none() && !comparison.directions().is_some());
}
