//! How much work the search does at most.

use std::fmt::Write as _;

use super::{goal::Goals, search::Search, set::Set};
use crate::{
    evidence::Verification,
    limits::YEARS_AHEAD,
    reason::ReasonCode,
    request::{PolicyName, Request, VerificationId},
    rule::{Given, Rule},
    testing,
    time::{Timestamp, anniversary},
    when::When,
};

/// The steps of the search, and how many sets were found, for a verification that has nothing.
fn search(rules: &str) -> (usize, usize) {
    let set = testing::set(&format!(
        "version: 1\npolicies:\n  p:\n    require:\n{rules}"
    ));
    let (_, policy) = set.iter().next().unwrap();
    let name = PolicyName::parse("p").unwrap();
    let request = Request::bare(name, VerificationId::parse("v-1").unwrap());
    let verification = Verification::default();
    assert_eq!(
        verification.readable(&"PHONE".into()).unwrap_err(),
        ReasonCode::ScopeNotGranted
    );
    let given = Given {
        request: &request,
        verification: &verification,
    };
    let now: Timestamp = "2026-01-31T12:00:00Z".parse().unwrap();
    let mut goals = Goals::new(given, now, anniversary(now, YEARS_AHEAD));
    let goal = goals.of_rules(policy.rules().iter().map(Rule::requirement));
    let credible = goals.kept(When::ALWAYS);
    let moments = goals.moments();
    let mut search = Search::new(&goal, credible, &moments);
    let sets: Vec<Set<'_>> = search.sets();
    (search.steps(), sets.len())
}

fn rules(count: usize, rule: impl Fn(usize) -> String) -> String {
    (0..count).fold(String::new(), |mut text, n| {
        writeln!(text, "      - {}", rule(n)).unwrap();
        text
    })
}

fn methods(names: &str) -> String {
    format!("authenticated: {{within: 1h, amr_any: [{names}]}}")
}

/// Eight rules that leave a choice of two methods, and this number of rules that name one.
fn pairs_and(singles: usize) -> String {
    let pairs = rules(8, |n| methods(&format!("x{n}, y{n}")));
    pairs + &rules(singles, |n| methods(&format!("m{n}")))
}

fn prefixes(step: usize) -> String {
    let prefixes: Vec<String> = (0..20_000)
        .map(|n| format!("\"+{}\"", 1_000_000 + n * step))
        .collect();
    format!("phone_prefix: [{}]", prefixes.join(", "))
}

/// One alternative of each sort, another one for each two numbers.
fn sort(rule: usize, n: usize) -> String {
    match n % 5 {
        0 => format!(
            "authenticated: {{within: {}h, amr_any: [p{rule}x{n}, q{n}], acr_any: [z{rule}]}}",
            n + 1
        ),
        1 => format!(
            "all_of: [scopes: [S{rule}x{n}, T{n}], authenticated: {{within: 1h, acr_any: [y{rule}]}}]"
        ),
        2 => format!(
            "all_of: [verified_within: {}h, authenticated: {{within: 1h, acr_any: [w{rule}]}}]",
            n + 1
        ),
        3 => format!(
            "all_of: [identity: same_as_request, age_at_least: {}]",
            n + 1
        ),
        _ => format!(
            "all_of: [schedule: {{days: [mon], from: \"{:02}:{:02}\", to: \"23:59\", zone: UTC}}, authenticated: {{within: 1h, acr_any: [v{rule}]}}]",
            n % 20,
            rule % 60
        ),
    }
}

fn any_of(rule: usize, width: usize) -> String {
    let parts: Vec<String> = (0..width).map(|n| sort(rule, n)).collect();
    format!("any_of: [{}]", parts.join(", "))
}

#[test]
fn no_policy_makes_the_search_long() {
    let choices = rules(3, |n| {
        format!(
            "any_of: [{}, {}]",
            methods(&format!("a{n}")),
            methods(&format!("b{n}"))
        )
    });
    let mixed = "      - any_of: [verified_within: 5d, scopes: [PHONE], identity: same_as_request, schedule: {days: [mon], from: \"07:00\", to: \"08:00\", zone: UTC}]\n";
    let many_groups: Vec<String> = (0..5_000)
        .map(|n| methods(&format!("g{n}, h{n}")))
        .collect();
    let all_lengths = rules(60, |n| any_of(n, 32));
    let nested = rules(8, |n| {
        let all = |m: usize| {
            format!(
                "all_of: [{}, {}]",
                any_of(n * 9 + m, 10),
                any_of(n * 9 + m + 500, 10)
            )
        };
        format!("any_of: [{}, {}, {}]", all(0), all(1), all(2))
    });
    for (name, rules, least) in [
        ("one method", rules(64, |n| methods(&format!("m{n}"))), 1),
        ("pairs", pairs_and(56), 1),
        ("pairs and choices", pairs_and(40) + &choices, 1),
        ("pairs and other kinds", pairs_and(40) + mixed, 1),
        ("wide", all_lengths, 0),
        ("nested", nested, 0),
        (
            "prefixes",
            rules(1, |_| prefixes(3)) + &rules(1, |_| prefixes(2)),
            1,
        ),
        (
            "groups",
            format!("      - all_of: [{}]\n", many_groups.join(", ")),
            0,
        ),
    ] {
        let (steps, sets) = search(&rules);
        assert!(steps < 1_000_000, "{name}: {steps}");
        assert!(sets >= least, "{name}: {sets}");
    }
}
