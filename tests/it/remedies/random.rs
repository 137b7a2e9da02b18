//! Random policies and cases, compared with an exhaustive naive search: every set leads to ALLOW, no slightly weaker one does, no set
//! is missing among the first eight, and where none is listed nothing helps.
//!
//! A hundred thousand cases: `PROPTEST_CASES=100000 cargo test --release --test it remedies::random`.

use std::collections::BTreeSet;

use proptest::prelude::*;
use verigate::policy::{Effect, Facts, Remedy, from_millis};

use crate::{
    differential::{asked, cases_or, compiled},
    naive::{
        eval::EARLIEST_VERIFIED_AT,
        model::{Case, Policy, Upstream},
        remedies::{Age, Session, Set, ages, is_needed, is_too_much, minimal_sets, suffices},
        render::policy_file,
        strategy::scenario_with_files,
    },
};

/// The sets of the service in the form of the naive search; `None` for an ALLOW.
fn named(policy: &Policy, case: &Case) -> Option<Vec<Set>> {
    let set = compiled(policy);
    let (request, evidence) = asked(case);
    let decision = set.find(&request.policy).unwrap().decide(&Facts {
        request: &request,
        evidence: &evidence,
        now: from_millis(case.at),
    });
    let alternatives = decision.alternatives();
    assert_eq!(
        decision.remedies(),
        alternatives.first().map_or(&[][..], |set| set)
    );
    (decision.effect() > Effect::Allow).then(|| alternatives.iter().map(|set| naive(set)).collect())
}

fn naive(remedies: &[Remedy]) -> Set {
    let mut set = Set::default();
    let texts = |texts: &BTreeSet<Box<str>>| texts.iter().map(ToString::to_string).collect();
    for remedy in remedies {
        match remedy {
            Remedy::Wait(until) => set.wait = Some(until.as_millisecond()),
            Remedy::Identify => set.identify = true,
            Remedy::Reverify { max_age } => {
                let millis = |age: &std::time::Duration| u64::try_from(age.as_millis()).unwrap();
                set.reverify = Some(max_age.as_ref().map(millis));
            }
            Remedy::GrantScopes(scopes) => {
                set.scopes = scopes
                    .iter()
                    .map(|scope| scope.as_str().to_owned())
                    .collect();
            }
            Remedy::Authenticate(session) => {
                set.session = Some(Session {
                    within: u64::try_from(session.max_age.as_millis()).unwrap(),
                    acr: texts(&session.acr_any),
                    groups: session.amr_all_of.iter().map(texts).collect(),
                });
            }
        }
    }
    set
}

/// The sets with each session that they permit, without those of which another one is a part.
fn least(sets: &[Set]) -> BTreeSet<Set> {
    let all: BTreeSet<Set> = sets.iter().flat_map(Set::with_one_session).collect();
    let is_least = |set: &&Set| {
        let mut others = all.iter().filter(|other| other != set);
        !others.any(|other| other.is_no_stricter(set))
    };
    all.iter().filter(is_least).cloned().collect()
}

/// Checks one case. Returns whether it was conclusive.
fn check(policy: &Policy, case: &Case) -> Result<bool, TestCaseError> {
    let Upstream::Answered(_) = &case.upstream else {
        return Ok(false);
    };
    let Some(named) = named(policy, case) else {
        return Ok(false);
    };
    // No verification is older than the vendor, so that a greater age is the same as any.
    let known_ages = u64::try_from(case.at - EARLIEST_VERIFIED_AT).unwrap_or(0);
    if is_too_much(policy) || ages(policy).iter().any(|age| *age > known_ages) {
        return Ok(false);
    }
    let text = || policy_file(&[("p", policy)]);
    let older: Vec<u64> = ages(policy)
        .into_iter()
        .flat_map(|age| [age, age + 1])
        .collect();
    for set in &named {
        for age in [Age::Greatest, Age::New] {
            let lets_in = suffices(policy, case, set, age);
            prop_assert!(lets_in, "{set:?} does not let in\n{}", text());
        }
        let older = set.older(case.at, &older).into_iter();
        for less in older.chain(set.earlier(case.at)) {
            let lets_in = suffices(policy, case, &less, Age::Greatest);
            prop_assert!(!lets_in, "{less:?} lets in, not only {set:?}\n{}", text());
        }
        for less in set.with_fewer_demands() {
            let lets_in = suffices(policy, case, &less, Age::Greatest);
            prop_assert!(!lets_in, "{less:?} lets in, not only {set:?}\n{}", text());
        }
        let is_needed = is_needed(policy, case, set);
        prop_assert!(is_needed, "less than {set:?} lets in\n{}", text());
    }
    let Some(minimal) = minimal_sets(policy, case) else {
        return Ok(false);
    };
    let ranks = |sets: &[Set]| -> Vec<_> { sets.iter().map(Set::rank).collect() };
    prop_assert!(ranks(&named).is_sorted(), "{named:?}\n{}", text());
    for (index, set) in named.iter().enumerate() {
        prop_assert!(!named[..index].contains(set), "{set:?} is named twice");
    }
    let first = &minimal[..minimal.len().min(8)];
    let is_same = ranks(&named) == ranks(first) && named.iter().all(|set| minimal.contains(set));
    // Groups may be cut in another way, so that the same sessions are in other sets: "by a key; by a password or a code" or "by a key or
    // a code; by a password or a code".
    if !is_same {
        let (mut listed, mut there) = (least(&named), least(&minimal));
        if named.len() == 8 {
            // What comes behind the eighth is not listed, and of the last rank not all is.
            let last = named.last().map(Set::rank);
            there.retain(|set| Some(set.rank()) < last);
            listed.retain(|set| Some(set.rank()) < last);
        }
        let why = || format!("named {named:?}\nthere are {minimal:?}\n{}", text());
        prop_assert_eq!(listed, there, "{}", why());
    }
    Ok(true)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, max_shrink_iters: 300, ..ProptestConfig::with_cases(cases_or(1_000)) })]

    #[test]
    fn the_sets_are_those_that_a_naive_search_finds((policy, case) in scenario_with_files()) {
        check(&policy, &case)?;
    }
}
