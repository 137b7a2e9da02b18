//! Generates cases that detect changes of a policy: at every edge one a millisecond before it, one at it and one a millisecond after;
//! cases in which a requirement alone decides, as near to its limit as possible; and cases at the limits of its settings. They expect
//! what the policies decide today, so they pass until somebody changes a limit, on purpose or not.

mod at_edge;
mod candidate;
mod dates;
mod near;
mod policy;
mod settings;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use self::policy::{PolicyCases, generate_for};
use super::case::Case;
use crate::{request::PolicyName, set::PolicySet, yaml::SourceText};

/// How many of the given cases of a policy are tried as a seed.
const GIVEN_SEEDS_MAX: usize = 16;
/// How many cases are generated at most: as many as are read.
const CASES_MAX: usize = 100_000;
/// The steps that the search for the cases of all policies may take, in equal parts: at most some minutes.
const STEPS_MAX: usize = 1_000_000_000;

/// Cases at the edges of policies.
#[derive(Debug)]
pub struct GeneratedCases {
    /// Three cases for each edge at which the decision or its reasons change, those in which a requirement alone decides, and those
    /// of the settings of each policy.
    pub cases: Vec<Case>,
    /// Edges without a case, each in words.
    pub unreached: Vec<String>,
    /// How many policies have no cases, because there are 100,000 cases already.
    pub policies_over_limit: usize,
}

/// Generates cases at every edge of every rule at which the decision of the policy or its reasons change. An exact search finds the
/// facts of each. If a given case, with one of its facts or its instant moved, is at the edge and its decision changes there, its facts
/// are used.
pub fn generate(policies: &PolicySet, given: &[Case]) -> GeneratedCases {
    let mut given_of: BTreeMap<&PolicyName, Vec<&Case>> = BTreeMap::new();
    for case in given {
        let of_policy = given_of.entry(&case.request.policy).or_default();
        if of_policy.len() < GIVEN_SEEDS_MAX {
            of_policy.push(case);
        }
    }
    let source = Arc::new(SourceText {
        path: "generated".to_owned(),
        text: String::new(),
    });
    let mut generated = GeneratedCases {
        cases: Vec::new(),
        unreached: Vec::new(),
        policies_over_limit: 0,
    };
    let mut names = BTreeSet::new();
    let steps = STEPS_MAX.checked_div(policies.len()).unwrap_or(STEPS_MAX);
    for (name, policy) in policies.iter() {
        let seeds = given_of.get(name).map_or(&[][..], Vec::as_slice);
        let PolicyCases { cases, unreached } = generate_for(name, policy, seeds, &source, steps);
        if generated.cases.len().saturating_add(cases.len()) > CASES_MAX {
            generated.policies_over_limit = generated.policies_over_limit.saturating_add(1);
            continue;
        }
        generated.unreached.extend(unreached);
        let named = cases.into_iter().map(|mut case| {
            case.name = unused(&case.name, &mut names);
            case
        });
        generated.cases.extend(named);
    }
    generated
}

/// The name, with a number after it if the name is in use already.
fn unused(name: &str, names: &mut BTreeSet<String>) -> String {
    let mut candidate = name.to_owned();
    let mut number = 2_u32;
    while !names.insert(candidate.clone()) {
        candidate = format!("{name} ({number})");
        number = number.saturating_add(1);
    }
    candidate
}

#[cfg(test)]
mod tests;
