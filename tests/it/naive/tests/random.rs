//! Random policies and cases: the next change is a change, nothing changes before it, and the inputs are worth having.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use super::super::clock::years_after;
use super::super::eval::{Doors, Facts, decide};
use super::super::horizon::{next_change, next_change_plainly};
use super::super::render::{NamedCase, case_file, policy_file};
use super::super::strategy;
use super::*;

fn decided(policy: &Policy, case: &Case, now: i64) -> Decision {
    evaluate_at(policy, case, now).unwrap_or(DENY)
}

fn evaluate_at(policy: &Policy, case: &Case, now: i64) -> Option<Decision> {
    let Upstream::Answered(verification) = &case.upstream else {
        return None;
    };
    Some(
        decide(
            policy,
            &Facts {
                verification,
                request: &case.request,
                now,
                doors: Doors::ByTheClock,
            },
        )
        .0,
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn at_the_next_change_the_decision_differs_and_at_no_sampled_instant_before_it(
        (policy, case) in strategy::scenario(),
        samples in prop::collection::vec(0.0..1.0f64, 40),
    ) {
        let outcome = evaluate(&policy, &case);
        prop_assume!(matches!(case.upstream, Upstream::Answered(_)));
        let last = years_after(case.at, 10).expect("a date");
        if let Some((change, to)) = outcome.next_change {
            prop_assert!(case.at < change && change <= last);
            prop_assert_ne!(to, outcome.decision);
            prop_assert_eq!(decided(&policy, &case, change), to);
            prop_assert_eq!(decided(&policy, &case, change - 1), outcome.decision);
        }
        let end = outcome.next_change.map_or(last + 1, |change| change.0);
        let span = (end - case.at) as f64;
        for sample in samples {
            // Many near now, some near the end.
            for part in [sample, sample.powi(12), 1.0 - sample.powi(12)] {
                let instant = (case.at + (span * part) as i64).min(end - 1);
                prop_assert_eq!(decided(&policy, &case, instant), outcome.decision, "at {}", instant);
            }
        }
    }

    #[test]
    fn an_answer_is_as_strict_as_its_first_reason_and_reasons_are_in_order(
        (policy, case) in strategy::scenario(),
    ) {
        let outcome = evaluate(&policy, &case);
        prop_assert!(outcome.reasons.is_sorted_by(|left, right| left.1 >= right.1));
        prop_assert_eq!(outcome.reasons.first().map_or(ALLOW, |reason| reason.1), outcome.decision);
        prop_assert_eq!(outcome.valid_until.is_some(), outcome.decision == ALLOW && policy.reuse_allow.unwrap_or(0) > 0);
    }

    #[test]
    fn whatever_is_made_can_be_written((policy, case) in strategy::scenario_with_files()) {
        let named = NamedCase { name: "n", policy: "p", case: &case, expect: Some(&evaluate(&policy, &case)) };
        prop_assert!(policy_file(&[("p", &policy)]).lines().count() >= 5);
        prop_assert!(case_file(&[named]).lines().count() >= 5);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_shortcut_over_schedules_changes_nothing((policy, case) in strategy::scenario()) {
        prop_assume!(matches!(case.upstream, Upstream::Answered(_)));
        if let Upstream::Answered(verification) = &case.upstream {
            let facts = Facts { verification, request: &case.request, now: case.at, doors: Doors::ByTheClock };
            let decision = decide(&policy, &facts).0;
            prop_assert_eq!(next_change(&policy, &facts, decision), next_change_plainly(&policy, &facts, decision));
        }
    }
}

#[test]
fn random_inputs_reach_every_decision_every_reason_and_many_changes() {
    let mut runner = TestRunner::deterministic();
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    let total = 3_000;
    let inputs = strategy::scenario();
    for _ in 0..total {
        let pair = inputs.new_tree(&mut runner).expect("an input").current();
        let outcome = evaluate(&pair.0, &pair.1);
        let change = outcome
            .next_change
            .map_or("never".to_owned(), |change| format!("to {:?}", change.1));
        let near = outcome
            .next_change
            .is_some_and(|change| change.0 - pair.1.at <= 2);
        let mut names = vec![format!("{:?}", outcome.decision), change];
        names.extend(near.then(|| "within 2 ms".to_owned()));
        names.extend(outcome.reasons.iter().map(|reason| reason.0.to_owned()));
        for name in names {
            *seen.entry(name).or_default() += 1;
        }
    }
    let least = [
        ("Allow", 15),
        ("StepUp", 15),
        ("Deny", 15),
        ("to Allow", 5),
        ("to StepUp", 5),
        ("to Deny", 5),
        ("within 2 ms", 2),
    ];
    for (name, percent) in least {
        assert!(
            seen.get(name).copied().unwrap_or(0) * 100 > total * percent,
            "{name}: {seen:#?}"
        );
    }
    // All but UNSPECIFIED.
    let codes = seen.keys().filter(|name| {
        name.chars()
            .all(|letter| letter.is_ascii_uppercase() || letter == '_')
    });
    assert_eq!(codes.count(), 22, "{seen:#?}");
}
