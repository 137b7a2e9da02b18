//! Runs cases against policies, and compares each decision with what its case expects.

use super::{
    case::{Case, EvidenceUse, NextChange, ValidUntil},
    coverage::Coverage,
    remedies::{alternatives, remedies},
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
    /// The source of the evidence of the decision; `None` if there is no decision.
    pub evidence: Option<EvidenceUse>,
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
///
/// ```
/// use std::sync::Arc;
/// use verigate_policy::{SourceText, parse, suite};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let file = |path: &str, text: &str| {
///     [Arc::new(SourceText { path: path.to_owned(), text: text.to_owned() })]
/// };
/// let policies = "version: 1\npolicies: {door: {require: [verified_within: 30d]}}";
/// let policies = parse(&file("door.yaml", policies), &|_, _| Err("no list".to_owned()))?;
/// let cases = "
/// cases:
///   - name: a verification of 30 days is too old
///     policy: door
///     at: 2026-01-31T00:00:00Z
///     verification: { verified_at: 2026-01-01T00:00:00Z }
///     expect: { decision: deny, reasons: [VERIFICATION_TOO_OLD] }
/// ";
/// let cases = suite::read(&file("cases.yaml", cases), &policies)?;
/// assert_eq!(suite::run(&policies, &cases).failed(), 0);
/// # Ok(())
/// # }
/// ```
pub fn run<'c>(policies: &PolicySet, cases: &'c [Case]) -> Report<'c> {
    let mut coverage = Coverage::empty(policies);
    let results = cases
        .iter()
        .map(|case| match policies.find(&case.request.policy) {
            Some(policy) => {
                let (served, used) = case.as_served(policy);
                let decision = policy.decide(&served.facts());
                coverage.record(policy, &served);
                CaseResult {
                    case,
                    mismatches: mismatches(case, &decision, used),
                    decision: Some(decision),
                    evidence: Some(used),
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
        evidence: None,
        mismatches: vec![Mismatch {
            what: "policy",
            expected: case.request.policy.to_string(),
            actual: "no such policy".to_owned(),
        }],
    }
}

fn mismatches(case: &Case, decision: &Decision, used: EvidenceUse) -> Vec<Mismatch> {
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
    if let Some(expected) = case.expect.valid_until {
        let actual = ValidUntil::from(decision.valid_until());
        compare("valid_until", expected.to_string(), actual.to_string());
    }
    if let Some(expected) = &case.expect.remedies {
        compare(
            "remedies",
            remedies(expected),
            remedies(decision.remedies()),
        );
    }
    if let Some(expected) = &case.expect.alternatives {
        let actual = alternatives(decision.alternatives());
        compare("alternatives", alternatives(expected), actual);
    }
    if let Some(expected) = case.expect.evidence {
        compare(
            "evidence",
            expected.as_str().to_owned(),
            used.as_str().to_owned(),
        );
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
