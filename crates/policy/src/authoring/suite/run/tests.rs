//! Results of cases.

use super::*;
use crate::{
    suite,
    testing::{set, source},
};

#[test]
fn a_case_that_comes_out_otherwise_fails_and_no_other_does() {
    let policies = "version: 1\npolicies: {p: {require: [verified_within: 1d]}}";
    let with = set(policies);
    let case = |(number, decision): (u8, &str)| {
        format!(
            "{{name: n{number}, policy: p, at: \"2026-01-31T00:00:00Z\", upstream: absent, expect: {{decision: {decision}}}}}"
        )
    };
    let cases = [(1, "deny"), (2, "allow"), (3, "deny")]
        .map(case)
        .join(", ");
    let cases = format!("cases: [{cases}]");
    let cases = suite::read(&[source("c.yaml", &cases)], &with).unwrap();
    let report = run(&with, &cases);
    let passed: Vec<bool> = report.results.iter().map(CaseResult::passed).collect();
    assert_eq!(passed, [true, false, true]);
    assert_eq!((report.passed(), report.failed()), (2, 1));
    let without = set(&policies.replace("p:", "q:"));
    assert_eq!(run(&without, &cases).failed(), 3);
}
