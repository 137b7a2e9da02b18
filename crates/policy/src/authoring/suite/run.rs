//! Runs cases against policies, and compares each decision with what its case expects.

use super::{
    case::{Case, NextChange},
    coverage::Coverage,
};
use crate::{decision::Decision, reason::ReasonCode, set::PolicySet};

/// The result of every case, and what the cases have covered.
#[derive(Debug)]
pub struct Report<'c> {
    /// One for each case, in the same order.
    pub results: Vec<CaseResult<'c>>,
    /// What the cases have covered of the policies.
    pub coverage: Coverage,
}

/// The result of one case.
#[derive(Debug)]
pub struct CaseResult<'c> {
    /// The case.
    pub case: &'c Case,
    /// What the policy decides; `None` if the set has no such policy.
    pub decision: Option<Decision>,
    /// What is not as expected; empty if the case passes.
    pub mismatches: Vec<Mismatch>,
}

/// Something that is not as expected, in the words of a case file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// What it is: a key of `expect`, or `policy`.
    pub what: &'static str,
    /// The expected value.
    pub expected: String,
    /// The actual value.
    pub actual: String,
}

impl Report<'_> {
    /// How many cases failed.
    pub fn failed(&self) -> usize {
        self.results.iter().filter(|r| !r.passed()).count()
    }

    /// How many cases passed.
    pub fn passed(&self) -> usize {
        self.results.iter().filter(|r| r.passed()).count()
    }
}

impl CaseResult<'_> {
    /// Whether everything is as expected.
    pub fn passed(&self) -> bool {
        self.mismatches.is_empty()
    }
}

/// Runs these cases against these policies.
pub fn run<'c>(policies: &PolicySet, cases: &'c [Case]) -> Report<'c> {
    let mut coverage = Coverage::empty(policies);
    let results = cases
        .iter()
        .map(|case| match policies.find(&case.request.policy) {
            Some(policy) => {
                let decision = policy.decide(&case.facts());
                coverage.record(policy, case);
                CaseResult {
                    case,
                    mismatches: mismatches(case, &decision),
                    decision: Some(decision),
                }
            }
            None => without_policy(case),
        })
        .collect();
    Report { results, coverage }
}

/// The result of a case that was read for another set of policies.
fn without_policy(case: &Case) -> CaseResult<'_> {
    CaseResult {
        case,
        decision: None,
        mismatches: vec![Mismatch {
            what: "policy",
            expected: case.request.policy.to_string(),
            actual: "no such policy".to_owned(),
        }],
    }
}

fn mismatches(case: &Case, decision: &Decision) -> Vec<Mismatch> {
    let mut mismatches = Vec::new();
    let mut compare = |what, expected: String, actual: String| {
        if expected != actual {
            mismatches.push(Mismatch {
                what,
                expected,
                actual,
            });
        }
    };
    if let Some(expected) = case.expect.effect {
        let actual = decision.effect();
        compare("decision", expected.to_string(), actual.to_string());
    }
    if let Some(expected) = &case.expect.reasons {
        let actual = decision.reasons().iter().map(|reason| reason.code);
        let expected = sorted_codes(expected.iter().copied());
        compare("reasons", expected, sorted_codes(actual));
    }
    if let Some(expected) = case.expect.next_change {
        let actual = NextChange::from(decision.next_change());
        compare("next_change", expected.to_string(), actual.to_string());
    }
    mismatches
}

/// The codes in one order, because their order is not compared; how often each occurs is.
fn sorted_codes(codes: impl Iterator<Item = ReasonCode>) -> String {
    let mut names: Vec<&str> = codes.map(ReasonCode::as_str).collect();
    names.sort_unstable();
    format!("[{}]", names.join(", "))
}

#[cfg(test)]
mod tests;
