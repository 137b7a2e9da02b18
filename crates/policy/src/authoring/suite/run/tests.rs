//! Results of cases.

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
    let passed: Vec<bool> = report.results.iter().map(CaseResult::passed).collect();
    assert_eq!(passed, [true, false, true]);
    assert_eq!((report.passed(), report.failed()), (2, 1));
    let without = parse(&source(&policies.replace("p:", "q:")), &|_, _| {
        Err("no file".to_owned())
    });
    assert_eq!(run(&without.unwrap(), &cases).failed(), 3);
}
