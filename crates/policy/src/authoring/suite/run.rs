//! Runs cases, and tells of each what came out otherwise than expected.

use super::{Case, Next, coverage::Coverage};
use crate::{decide::Facts, decision::Decision, reason::ReasonCode, set::PolicySet};

/// What came of every case, in their order.
#[derive(Debug)]
pub struct Report<'c> {
    /// One for each case.
    pub outcomes: Vec<Outcome<'c>>,
    /// What they have tried of the policies.
    pub coverage: Coverage,
}

/// What came of one case.
#[derive(Debug)]
pub struct Outcome<'c> {
    /// The case.
    pub case: &'c Case,
    /// What the policy decides; nothing if the set has no such policy.
    pub decision: Option<Decision>,
    /// What is otherwise than expected; nothing if the case passes.
    pub differences: Vec<Difference>,
}

/// One thing that is otherwise than expected, in the words of a case file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// What: a key of `expect`, or `policy`.
    pub what: &'static str,
    /// What was expected.
    pub expected: String,
    /// What came out.
    pub actual: String,
}

impl Report<'_> {
    /// How many cases failed.
    pub fn failed(&self) -> usize {
        self.outcomes.iter().filter(|o| !o.passed()).count()
    }

    /// How many cases passed.
    pub fn passed(&self) -> usize {
        self.outcomes.iter().filter(|o| o.passed()).count()
    }
}

impl Outcome<'_> {
    /// Whether everything that was expected came out.
    pub fn passed(&self) -> bool {
        self.differences.is_empty()
    }
}

/// Runs these cases against this set.
pub fn run<'c>(policies: &PolicySet, cases: &'c [Case]) -> Report<'c> {
    let mut coverage = Coverage::none(policies);
    let outcomes = cases
        .iter()
        .map(|case| match policies.find(&case.request.policy) {
            Some(policy) => {
                let decision = policy.decide(&case.facts());
                coverage.note(policy, case);
                Outcome {
                    case,
                    differences: differences(case, &decision),
                    decision: Some(decision),
                }
            }
            None => without_policy(case),
        })
        .collect();
    Report { outcomes, coverage }
}

/// What comes of a case that was read for another set.
fn without_policy(case: &Case) -> Outcome<'_> {
    Outcome {
        case,
        decision: None,
        differences: vec![Difference {
            what: "policy",
            expected: case.request.policy.to_string(),
            actual: "no such policy".to_owned(),
        }],
    }
}

impl Case {
    /// What a policy decides by.
    pub fn facts(&self) -> Facts<'_> {
        Facts {
            request: &self.request,
            evidence: &self.evidence,
            now: self.now,
        }
    }
}

fn differences(case: &Case, decision: &Decision) -> Vec<Difference> {
    let mut differences = Vec::new();
    let mut compare = |what, expected: String, actual: String| {
        if expected != actual {
            differences.push(Difference {
                what,
                expected,
                actual,
            });
        }
    };
    if let Some(expected) = case.expect.effect {
        compare(
            "decision",
            expected.to_string(),
            decision.effect().to_string(),
        );
    }
    if let Some(expected) = &case.expect.reasons {
        let actual = decision.reasons().iter().map(|reason| reason.code);
        compare(
            "reasons",
            reasons(expected.iter().copied()),
            reasons(actual),
        );
    }
    if let Some(expected) = case.expect.next_change {
        let actual = Next::from(decision.next_change());
        compare("next_change", expected.to_string(), actual.to_string());
    }
    differences
}

/// The reasons in one order, because theirs is not compared; but how often each comes is.
fn reasons(codes: impl Iterator<Item = ReasonCode>) -> String {
    let mut names: Vec<&str> = codes.map(ReasonCode::as_str).collect();
    names.sort_unstable();
    format!("[{}]", names.join(", "))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{SourceText, parse, suite};

    #[test]
    fn a_case_that_comes_out_otherwise_fails_and_no_other_does() {
        let source = |text: &str| {
            let (path, text) = ("f.yaml".to_owned(), text.to_owned());
            [Arc::new(SourceText { path, text })]
        };
        let policies = "version: 1\npolicies: {p: {require: [verified_within: 1d]}}";
        let set = parse(&source(policies), &|_, _| Err("no file".to_owned())).unwrap();
        let case = |decision: &str| {
            format!(
                "{{name: n, policy: p, at: \"2026-01-31T00:00:00Z\", upstream: absent, expect: {{decision: {decision}}}}}"
            )
        };
        let cases = ["deny", "allow", "deny"].map(case).join(", ");
        let cases = suite::read(&source(&format!("cases: [{cases}]")), &set).unwrap();
        let report = run(&set, &cases);
        let passed: Vec<bool> = report.outcomes.iter().map(Outcome::passed).collect();
        assert_eq!(passed, [true, false, true]);
        assert_eq!((report.passed(), report.failed()), (2, 1));
        let without = parse(&source(&policies.replace("p:", "q:")), &|_, _| {
            Err("no file".to_owned())
        });
        assert_eq!(run(&without.unwrap(), &cases).failed(), 3);
    }
}
