//! Random policies and edits of them: every difference is reported, and nothing else.

use proptest::prelude::*;
use verigate::policy::{
    Facts,
    diff::{Comparison, testing::cells_of_checks},
    from_millis,
};

use crate::{
    differential::{asked, cases_or, compiled},
    naive::{
        model::{self, Case, Otherwise},
        render::policy_file,
        strategy::{case_near, near, policy_near},
    },
};

/// An edit of a policy: with a rule of a second one, or with all of it.
#[derive(Debug, Clone, Copy)]
enum Edit {
    Replace,
    Remove,
    Add,
    Flip,
    Unavailable,
    Whole,
}

fn edited(policy: &model::Policy, other: &model::Policy, edit: Edit, at: usize) -> model::Policy {
    let mut edited = policy.clone();
    let index = at % policy.rules.len();
    let another = other.rules[0].clone();
    let flipped = |otherwise: Option<Otherwise>| match otherwise {
        Some(Otherwise::StepUp) => Some(Otherwise::Deny),
        _ => Some(Otherwise::StepUp),
    };
    match edit {
        Edit::Replace => edited.rules[index] = another,
        Edit::Remove if policy.rules.len() > 1 => drop(edited.rules.remove(index)),
        Edit::Remove | Edit::Add => edited.rules.insert(index, another),
        Edit::Flip => edited.rules[index].otherwise = flipped(edited.rules[index].otherwise),
        Edit::Unavailable => edited.unavailable = flipped(edited.unavailable),
        Edit::Whole => edited = other.clone(),
    }
    edited
}

/// A policy, an edit of it, and cases that lie near the edges of both.
fn edits() -> impl Strategy<Value = (model::Policy, model::Policy, Vec<Case>)> {
    use crate::naive::model::IdList;
    let ids = proptest::sample::subsequence(vec!["id-1", "id-2", "id-3", "ID-1"], 1..=4);
    let lists = ids
        .prop_map(|ids| IdList::Inline(ids.into_iter().map(str::to_owned).collect()))
        .boxed();
    let edit = proptest::sample::select(vec![
        Edit::Replace,
        Edit::Replace,
        Edit::Remove,
        Edit::Add,
        Edit::Flip,
        Edit::Unavailable,
        Edit::Whole,
    ]);
    (near(), edit, 0_usize..8).prop_flat_map(move |(near, edit, at)| {
        let policies = (
            policy_near(&near, lists.clone()),
            policy_near(&near, lists.clone()),
        );
        let cases = prop::collection::vec(case_near(&near), 24);
        (policies, cases).prop_map(move |((old, other), cases)| {
            let new = edited(&old, &other, edit, at);
            (old, new, cases)
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases_or(500)) })]

    #[test]
    fn nothing_is_missed_and_nothing_invented((old, new, cases) in edits()) {
        let (olds, news) = (compiled(&old), compiled(&new));
        let texts = || format!("{}\n{}", policy_file(&[("p", &old)]), policy_file(&[("p", &new)]));
        let (name, old_policy) = olds.iter().next().unwrap();
        let new_policy = news.find(name).unwrap();
        let decided = |facts: &Facts<'_>| {
            (old_policy.decide(facts).effect(), new_policy.decide(facts).effect())
        };
        let all = Comparison::of(&olds, &news, None);
        prop_assert!(all.failed.is_empty(), "{:?}\n{}", all.failed, texts());
        for cell in all.cells() {
            prop_assert_ne!(cell.old, cell.new);
            prop_assert_eq!(decided(&cell.witness.facts()), (cell.old, cell.new));
        }
        let asked_cases: Vec<_> = cases.iter().map(asked).collect();
        let checks: Vec<_> = asked_cases
            .iter()
            .zip(&cases)
            .map(|((request, evidence), case)| Facts { request, evidence, now: from_millis(case.at) })
            .collect();
        let cells_of = cells_of_checks(name, [old_policy, new_policy], &checks).unwrap();
        for ((case, facts), cells) in cases.iter().zip(&checks).zip(cells_of) {
            let (old, new) = decided(facts);
            let is_reported = cells.iter().any(|cell| (cell.old, cell.new) == (old, new));
            prop_assert_eq!(is_reported, old != new, "{:?}\n{}", case, texts());
            // A cell without a condition on other rules contains no other check.
            let whole = cells.iter().filter(|cell| cell.is_whole);
            for cell in whole {
                prop_assert_eq!((cell.old, cell.new), (old, new), "{}\n{:?}\n{}", cell.when(), case, texts());
            }
        }
        prop_assert!(Comparison::of(&olds, &olds, None).is_empty());
        let back = Comparison::of(&news, &olds, None);
        prop_assert_eq!((all.loosens(), all.tightens()), (back.tightens(), back.loosens()), "{}", texts());
    }
}
