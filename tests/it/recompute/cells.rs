//! The cells of `policy diff` in which decisions of a journal lie: never one in which the check is not, and mostly known.

use std::cell::Cell;

use proptest::prelude::*;
use verigate::policy::{
    Facts, Policy, PolicyName,
    diff::{ChangedCell, RecordedCells, testing::cells_of_checks},
};

use super::{Scene, count, facts_of, only, other_of, recorded, scene};
use crate::{
    differential::{asked, cases_or},
    naive::render::policy_file,
};

/// How many decisions would have been others, and of how many the cells were known.
#[derive(Debug, Default)]
struct Found {
    others: Cell<u32>,
    located: Cell<u32>,
}

fn shown(cell: &ChangedCell) -> (String, String) {
    (format!("{} -> {}", cell.old, cell.new), cell.when())
}

fn try_scene(scene: &Scene, found: &Found) -> Result<(), TestCaseError> {
    let Some(shadow) = &scene.shadow else {
        return Ok(());
    };
    let policies = [&scene.in_force, shadow].map(only);
    let [in_force, shadow_policy] = &policies;
    let (request, evidence) = asked(&scene.case);
    let evidence = super::kept(evidence, scene.kept);
    let facts = facts_of(&scene.case, &request, &evidence);
    let other = other_of(scene, facts.now);
    let effect = |policy: &Policy| match other {
        None => policy.decide(&facts).effect(),
        Some(other) => policy.decide_for_both(&facts, other).effect(),
    };
    let (old, new) = (effect(in_force), effect(shadow_policy));
    // Of evidence that has not kept what the shadow reads, nobody says what it would have decided.
    if old == new || !scene.kept.include(shadow_policy.reads()) {
        return Ok(());
    }
    let name = PolicyName::parse("p").unwrap();
    let cells = RecordedCells::of(&name, in_force, shadow_policy).unwrap();
    let journal = recorded(&[in_force, shadow_policy], &facts, other, &scene.attributes);
    let located = cells.locate(&journal, old, new);
    let instants = std::iter::once(facts.now).chain(other);
    let checks: Vec<Facts<'_>> = instants.map(|now| Facts { now, ..facts }).collect();
    let expected = cells_of_checks(&name, [in_force, shadow_policy], &checks).unwrap();
    for number in &located {
        let cell = cells.cells().nth(*number).unwrap();
        prop_assert_eq!((cell.old, cell.new), (old, new));
        for expected in &expected {
            prop_assert!(
                expected.iter().any(|one| shown(one) == shown(cell)),
                "{:?} is not among {:?}\n{:?}\n{}\n{}",
                shown(cell),
                expected.iter().map(shown).collect::<Vec<_>>(),
                journal,
                policy_file(&[("p", &scene.in_force)]),
                policy_file(&[("p", shadow)])
            );
        }
    }
    count(&found.others, true);
    count(&found.located, !located.is_empty());
    Ok(())
}

#[test]
fn a_recorded_decision_is_located_only_in_cells_that_it_lies_in() {
    let found = Found::default();
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(cases_or(2_000))
    };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let run = runner.run(&scene(), |scene| try_scene(&scene, &found));
    assert!(run.is_ok(), "{}", run.unwrap_err());
    let (others, located) = (found.others.get(), found.located.get());
    assert!(others > 100, "{found:?}");
    // Not by saying nothing. A quarter of the scenes have two clocks, and two thirds evidence of which not all was kept.
    assert!(located * 2 > others, "{found:?}");
}
