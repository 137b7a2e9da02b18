//! Random policies and cases: as the naive evaluator decides them, and as they are generated.

use proptest::prelude::*;
use verigate::policy::{
    PolicySet, parse,
    suite::{self, EdgeState},
    testing::source,
};

use crate::naive::{
    eval::evaluate,
    model,
    render::{NamedCase, case_file, list_files, policy_file},
    strategy::scenario_with_files,
};

/// The policy of a scenario, compiled, and its text.
fn compiled(policy: &model::Policy) -> (PolicySet, String) {
    let files = list_files(policy);
    let lists = |_: &str, name: &str| {
        let found = files.iter().find(|(file, _)| file == name);
        found
            .map(|(_, ids)| ids.clone())
            .ok_or_else(|| "no file".to_owned())
    };
    let policy_text = policy_file(&[("p", policy)]);
    (
        parse(&[source("p.yaml", &policy_text)], &lists).unwrap(),
        policy_text,
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1_000) })]

    #[test]
    fn a_random_case_passes_with_what_the_naive_evaluator_says((policy, case) in scenario_with_files()) {
        let (set, policy_text) = compiled(&policy);
        let outcome = evaluate(&policy, &case);
        let named = NamedCase { name: "n", policy: "p", case: &case, expect: Some(&outcome) };
        let case_text = case_file(&[named]);
        let cases = suite::read(&[source("c.yaml", &case_text)], &set);
        let cases = cases.map_err(|problems| TestCaseError::fail(problems.to_string()))?;
        let report = suite::run(&set, &cases);
        prop_assert_eq!(report.passed(), 1, "{:?}\n{}{}", report.results, policy_text, case_text);
        // Written and read again, it is the same case.
        let again = suite::read(&[source("c.yaml", &suite::write(&cases).0)], &set).unwrap();
        prop_assert_eq!(suite::run(&set, &again).passed(), 1);
    }
}

proptest! {
    // Each makes dozens of cases.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn whatever_is_generated_passes_today_and_tries_its_edges((policy, case) in scenario_with_files()) {
        let (set, policy_text) = compiled(&policy);
        let named = NamedCase { name: "n", policy: "p", case: &case, expect: None };
        let cases = suite::read_situations(&[source("c.yaml", &case_file(&[named]))], &set).unwrap();
        let generated = suite::generate(&set, &cases);
        if generated.cases.is_empty() {
            return Ok(());
        }
        let read_back = suite::read(&[source("c.yaml", &suite::write(&generated.cases).0)], &set).unwrap();
        let report = suite::run(&set, &read_back);
        prop_assert_eq!(report.failed(), 0, "{:?}\n{}", report.results, policy_text);
        let mut coverage = report.coverage;
        coverage.find_hidden_edges(&set);
        // If two limits are a few milliseconds apart, one step of time crosses both.
        let apart = !policy_text.contains("ms");
        prop_assert!(!apart || coverage.edges_in(EdgeState::Untried) == 0, "{}", policy_text);
    }
}
