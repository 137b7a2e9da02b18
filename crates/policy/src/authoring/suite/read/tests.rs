//! Problems of case files.

use super::{case::NAMES_SHOWN_MAX, *};
use crate::parse;

#[test]
fn a_hint_names_the_policies_of_the_set_if_they_are_few() {
    let source = |text: String| {
        let path = "f.yaml".to_owned();
        [Arc::new(SourceText { path, text })]
    };
    let problems = |count: usize| {
        let policies: Vec<String> = (0..count)
            .map(|n| format!("  a-policy-{n:02}: {{require: [verified_within: 1d]}}\n"))
            .collect();
        let text = format!("version: 1\npolicies:\n{}", policies.concat());
        let set = parse(&source(text), &|_, _| Err("no file".to_owned())).unwrap();
        let case = "cases: [{name: n, policy: nothing-like-it, at: \"2026-01-31T00:00:00Z\", upstream: down}]";
        read(&source(case.to_owned()), &set)
            .unwrap_err()
            .to_string()
    };
    let few = problems(NAMES_SHOWN_MAX);
    assert!(
        few.contains("there are: a-policy-00, ") && few.contains("a-policy-11"),
        "{few}"
    );
    let many = problems(NAMES_SHOWN_MAX + 1);
    assert!(!many.contains("there are"), "{many}");
}
