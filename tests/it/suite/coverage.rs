//! What the cases have tried, and the cases that are generated for the rest.

use verigate::policy::suite::EdgeState;

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
        let (file, written) = suite::write(&generated.cases);
        assert_eq!(written, generated.cases.len());
        let read_back = suite::read(&[source("generated.yaml", &file)], &policies).unwrap();
        let mut report = suite::run(&policies, &read_back);
        assert_eq!(report.failed(), 0);
        report.coverage.find_hidden_edges(&policies);
        assert_eq!(report.coverage.edges_in(EdgeState::Untried), 0);
        assert_eq!(report.coverage.edges_in(EdgeState::Unreachable), 0);
    }
}

/// The cases that are generated from these rules of the one policy `p`, read back from the file that is printed.
fn generated(rules: &str) -> (PolicySet, Vec<Case>) {
    let policies = set(&policy_of(rules));
    let generated = suite::generate(&policies, &[]).cases;
    if generated.is_empty() {
        return (policies, generated);
    }
    let file = suite::write(&generated).0;
    let cases = suite::read(&[source("generated.yaml", &file)], &policies).unwrap();
    assert_eq!(suite::run(&policies, &cases).failed(), 0);
    (policies, cases)
}

fn policy_of(rules: &str) -> String {
    format!("version: 1\npolicies: {{p: {{require: [{rules}]}}}}")
}

/// Each edge of these rules and its state, once the generated cases are run.
fn states(rules: &str) -> Vec<String> {
    let (policies, cases) = generated(rules);
    let mut coverage = suite::run(&policies, &cases).coverage;
    coverage.find_hidden_edges(&policies);
    let edges = coverage.all_edges();
    let states = edges.map(|(_, edge)| {
        let (requirement, turn) = (&edge.requirement, edge.turn);
        format!("{requirement} {turn}: {}", edge.state().as_str())
    });
    states.collect()
}

const SITES: &str = "any_of: [\
    {all_of: [{attribute: {name: site, in: [a]}}, {schedule: {days: [mon], from: '06:00', to: '18:00', zone: UTC}}]}, \
    {all_of: [{attribute: {name: site, in: [b]}}, {schedule: {days: [mon], from: '08:00', to: '20:00', zone: UTC}}]}]";

#[test]
fn each_alternative_has_cases_with_a_request_of_its_own() {
    let (_, cases) = generated(SITES);
    for site in ["a", "b"] {
        let of_site = |case: &&Case| {
            case.request
                .attributes
                .get("site")
                .is_some_and(|it| it == site)
        };
        assert!(cases.iter().filter(of_site).count() >= 6, "{site}");
    }
    for (from, to) in [
        ("'06:00'", "'00:00'"),
        ("'06:00'", "'07:00'"),
        ("'18:00'", "'18:01'"),
        ("'18:00'", "'17:59'"),
        ("'08:00'", "'07:59'"),
        ("'20:00'", "'21:00'"),
        (
            "in: [a]}}, {schedule: {days: [mon]",
            "in: [a]}}, {schedule: {days: [mon, tue]",
        ),
        (
            "in: [b]}}, {schedule: {days: [mon]",
            "in: [b]}}, {schedule: {days: [tue]",
        ),
    ] {
        let changed = SITES.replace(from, to);
        assert_ne!(changed, SITES);
        let report = suite::run(&set(&policy_of(&changed)), &cases);
        assert!(report.failed() > 0, "{from} to {to}");
    }
    assert!(states(SITES).iter().all(|state| state.ends_with(": tried")));
}

#[test]
fn an_edge_that_something_else_hides_is_hidden_and_not_tried() {
    expect![[r#"
        verified_within: 30d ends: hidden
        verified_within: 90d ends: tried"#]]
    .assert_eq(&states("any_of: [verified_within: 30d, verified_within: 90d]").join("\n"));
    // Both fail, and for one reason.
    expect![[r#"
        verified_within: 30d ends: hidden
        verified_within: 1h ends: tried"#]]
    .assert_eq(&states("all_of: [verified_within: 30d, verified_within: 1h]").join("\n"));
    expect![[r#"
        age_at_least: 18 begins: hidden
        age_at_least: 65 begins: tried"#]]
    .assert_eq(&states("all_of: [age_at_least: 18, age_at_least: 65]").join("\n"));
    expect![[r#"
        age_at_least: 0 begins: hidden
        age_below: 65 ends: tried
        age_at_least: 1 begins: tried"#]]
    .assert_eq(&states("all_of: [age_at_least: 0, age_below: 65, age_at_least: 1]").join("\n"));
    let hidden_by_hours = "any_of: [\
        {schedule: {days: [mon], from: '06:00', to: '18:00', zone: UTC}}, \
        {schedule: {days: [mon], from: '08:00', to: '10:00', zone: Europe/Berlin}}]";
    expect![[r#"
        schedule: {days: [mon], from: "06:00", to: "18:00", zone: UTC} begins: tried
        schedule: {days: [mon], from: "06:00", to: "18:00", zone: UTC} ends: tried
        schedule: {days: [mon], from: "08:00", to: "10:00", zone: Europe/Berlin} begins: tried
        schedule: {days: [mon], from: "08:00", to: "10:00", zone: Europe/Berlin} ends: hidden"#]]
    .assert_eq(&states(hidden_by_hours).join("\n"));
    expect![[r#"
        verified_within: 10000000d ends: unreachable"#]]
    .assert_eq(&states("verified_within: 10000000d").join("\n"));
    // A case that is at a hidden edge does not try it.
    let policies = set(&policy_of(
        "any_of: [verified_within: 30d, verified_within: 90d]",
    ));
    let at_30_days = "at: 2026-01-31T00:00:00Z
cases: [{name: n, policy: p, verification: {verified_ago: 30d}, expect: {decision: allow}}]";
    let cases = suite::read(&[source("c.yaml", at_30_days)], &policies).unwrap();
    let coverage = suite::run(&policies, &cases).coverage;
    let edges = coverage.all_edges();
    let sides: Vec<(bool, bool)> = edges.map(|(_, edge)| (edge.before, edge.after)).collect();
    assert_eq!(sides, [(false, false), (false, false)]);
}

#[test]
fn a_second_list_of_classes_and_an_age_beside_a_late_schedule_are_reached() {
    for rules in [
        "authenticated: {within: 1h, acr_any: [gold]}, {any_of: [{authenticated: {within: 12h, acr_any: [silver]}}, {verified_within: 1d}]}",
        "authenticated: {within: 1h, acr_any: [gold, silver]}, authenticated: {within: 30m, acr_any: [silver, bronze]}",
        "any_of: [{authenticated: {within: 1s, acr_any: [b]}}, {authenticated: {within: 1s}}, {authenticated: {within: 1h, acr_any: [c]}}]",
        "age_at_least: 18, schedule: {days: [mon], from: '15:00', to: '16:00', zone: UTC}",
        "age_below: 65, schedule: {days: [tue], from: '22:07', to: '22:31', zone: Asia/Kathmandu}",
        "any_of: [{all_of: [{age_at_least: 18}, {schedule: {days: [mon], from: '23:00', to: '24:00', zone: UTC}}]}, {project: [p-1]}]",
    ] {
        let states = states(rules);
        assert!(
            !states.is_empty() && states.iter().all(|state| state.ends_with(": tried")),
            "{rules}: {states:?}"
        );
    }
}

#[test]
fn a_schedule_that_is_open_the_whole_week_has_cases_but_no_edge() {
    let all = "days: [mon, tue, wed, thu, fri, sat, sun], from: '00:00', to: '24:00'";
    for rules in [
        "schedule: {ALL, zone: Asia/Kathmandu}",
        "verified_within: 1h, {any_of: [{scopes: [NAME]}, {schedule: {ALL, zone: America/New_York}}]}",
        "schedule: {ALL, zone: Europe/Berlin}, schedule: {days: [mon, tue, sat], from: '00:00', to: '24:00', zone: UTC}",
    ] {
        let rules = rules.replace("ALL", all);
        let (_, cases) = generated(&rules);
        for (from, to) in [
            ("'24:00'", "'23:00'"),
            ("'24:00'", "'23:59'"),
            ("'00:00'", "'00:01'"),
            ("mon, ", ""),
            ("tue, ", ""),
            ("sat, sun", "sun"),
        ] {
            let changed = rules.replacen(from, to, 1);
            assert_ne!(changed, rules);
            let report = suite::run(&set(&policy_of(&changed)), &cases);
            assert!(report.failed() > 0, "{rules}: {from} to {to}");
        }
        let of_open = states(&rules)
            .into_iter()
            .filter(|state| state.contains("[mon, tue, wed"));
        assert_eq!(of_open.count(), 0);
    }
}
