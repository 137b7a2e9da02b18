//! Generates cases at every edge of policies: one a millisecond before it, one at it, one a millisecond after. They expect what
//! the policies decide today, so that they pass until somebody changes a limit, on purpose or not.

mod candidate;
mod dates;
mod seeds;

use std::{collections::BTreeMap, sync::Arc};

use self::{
    candidate::{Candidate, Visibility},
    seeds::seeds,
};
use super::{
    case::Case,
    edge::{Edge, edges},
};
use crate::{
    request::PolicyName,
    set::{Policy, PolicySet},
    yaml::SourceText,
};

/// How many of the given cases of a policy are tried as a seed.
const GIVEN_SEEDS_MAX: usize = 16;

/// Cases at the edges of policies.
#[derive(Debug)]
pub struct GeneratedCases {
    /// Three for each edge that was reached.
    pub cases: Vec<Case>,
    /// Edges that no plausible verification reaches, each in words.
    pub unreached: Vec<String>,
}

/// Generates cases at every edge of every rule. Each is made from a seed, which is one of the given cases or a synthetic one: a
/// fact of the seed, or its instant, is moved so that the check is at the edge. Of several seeds the one is taken whose decision
/// the edge changes.
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
    };
    for (name, policy) in policies.iter() {
        let synthetic = seeds(name, policy, &source);
        let given = given_of.get(name).into_iter().flatten().copied();
        let seeds: Vec<&Case> = given.chain(&synthetic).collect();
        for edge in policy.rules().iter().flat_map(edges) {
            if let Some(candidate) = best_candidate(policy, &edge, &seeds) {
                let cases = candidate.cases(policy, &edge, &source);
                generated.cases.extend(cases);
            } else {
                let (requirement, turn) = (edge.requirement, edge.turn);
                let edge = format!("{name}: `{requirement}` {turn}");
                generated.unreached.push(edge);
            }
        }
    }
    generated
}

/// The first candidate whose decision changes at the edge; else the first whose reasons do; else any.
fn best_candidate(policy: &Policy, edge: &Edge<'_>, seeds: &[&Case]) -> Option<Candidate> {
    let mut best: Option<(Visibility, Candidate)> = None;
    for seed in seeds {
        for candidate in Candidate::of_seed(edge, seed) {
            let Some(visibility) = candidate.visibility(policy) else {
                continue;
            };
            if visibility == Visibility::DecisionChanges {
                return Some(candidate);
            }
            if best.as_ref().is_none_or(|(other, _)| visibility > *other) {
                best = Some((visibility, candidate));
            }
        }
    }
    best.map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests;
