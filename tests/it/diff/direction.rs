//! A comparison in one direction succeeds where the differences of both are too many.

use verigate::policy::diff::{CompareError, Comparison, Direction};

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
fn nothing_loosens_where_all_of_too_many_cells_tighten() {
    let (old, new) = (policy(&of_rules("step_up")), policy(&of_rules("deny")));
    let error = compare(&old, &new).unwrap_err();
    assert_eq!(error.source, CompareError::TooManyCells);
    let found = Comparison::of(&old, &new, Direction::Loosening).unwrap();
    assert!(found.is_empty() && !found.loosens());
    let found = Comparison::of(&new, &old, Direction::Tightening).unwrap();
    assert!(found.is_empty() && !found.tightens());
}

#[test]
fn of_too_many_changes_the_first_are_reported_and_that_there_are_more() {
    let (old, new) = (policy(&of_rules("step_up")), policy(&of_rules("deny")));
    let found = Comparison::of(&old, &new, Direction::Tightening).unwrap();
    assert!(found.tightens() && !found.loosens());
    assert_eq!(found.cells().count(), 100);
    assert!(found.changed.values().all(|changes| changes.more));
}

#[test]
fn the_one_cell_that_loosens_is_found_among_too_many_that_tighten() {
    let loosened = of_rules("deny").replacen("[x]", "[x, y]", 1);
    let (old, new) = (policy(&of_rules("step_up")), policy(&loosened));
    let found = Comparison::of(&old, &new, Direction::Loosening).unwrap();
    assert!(found.loosens() && !found.tightens());
    assert!(
        found
            .cells()
            .all(|cell| cell.when.contains("attribute a0 y"))
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
    let error = compare(&policy(&rules("a")), &policy(&rules("b"))).unwrap_err();
    assert_eq!(error.source, CompareError::TooLarge);
}
