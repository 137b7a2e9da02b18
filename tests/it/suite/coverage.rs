//! What the cases have tried, and the cases that are generated for the rest.

use super::*;

#[test]
fn rules_that_no_case_has_tried_are_reported() {
    let cases = read(
        "\
cases:
  - name: a millisecond before
    policy: front-door
    at: 2026-01-30T23:59:59.999Z
    verification: { verified_at: 2026-01-01T00:00:00Z, scopes: [NAME] }
  - name: a millisecond after
    policy: front-door
    at: 2026-01-31T00:00:00.001Z
    verification: { verified_at: 2026-01-01T00:00:00Z, scopes: [NAME] }
  - name: no rule is asked
    policy: front-door
    at: 2008-05-17T14:00:00Z
    upstream: down
",
    )
    .unwrap();
    let policies = policies();
    let report = suite::run(&policies, &cases);
    let front_door = report.coverage.policies.values().next().unwrap();
    assert_eq!(front_door.cases, 3);
    let rules: Vec<String> = front_door
        .rules
        .iter()
        .map(|r| {
            let edges = r.edges.iter();
            let edges: Vec<String> = edges
                .map(|e| format!("{} {} {} {}", e.requirement, e.turn, e.before, e.after))
                .collect();
            format!("{}: {} {} {edges:?}", r.rule, r.met, r.unmet)
        })
        .collect();
    expect![[r#"
        status: [VERIFIED]: true false []
        verified_within: 30d: true true ["verified_within: 30d ends true true"]
        scopes: [NAME, PHONE]: false true []
        age_at_least: 18: false true ["age_at_least: 18 begins false false"]"#]]
    .assert_eq(&rules.join("\n"));
    assert_eq!(report.coverage.rules(), (4, 1));
    assert_eq!(report.coverage.edges(), (2, 1));
}

#[test]
fn cases_are_generated_at_every_edge_and_pass_today() {
    let (policies, cases) = corpus();
    for seeds in [&cases[..], &[]] {
        let generated = suite::generate(&policies, seeds);
        assert_eq!(generated.unreached, [""; 0]);
        let (file, written) = suite::write(&generated.cases);
        assert_eq!(written, generated.cases.len());
        let read_back = suite::read(&[source("generated.yaml", &file)], &policies).unwrap();
        let report = suite::run(&policies, &read_back);
        assert_eq!(report.failed(), 0);
        let (edges, tried) = report.coverage.edges();
        assert_eq!(edges, tried);
    }
}
