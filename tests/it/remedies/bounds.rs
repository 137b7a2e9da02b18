//! For any number of alternatives, the search ends soon and lists at most eight sets, each of which suffices.

use std::fmt::Write as _;

use verigate::policy::{Remedy, Scope};

use super::{Situation, sets};

/// This number of rules, each with alternatives that all require something different.
fn wide(rules: usize, width: usize, part: impl Fn(usize, usize) -> String) -> String {
    let mut text = String::new();
    for rule in 0..rules {
        let parts: Vec<String> = (0..width).map(|n| part(rule, n)).collect();
        writeln!(text, "      - any_of: [{}]", parts.join(", ")).unwrap();
    }
    text
}

fn nothing_granted(situation: &mut Situation) {
    situation.verification.scopes.clear();
}

#[test]
fn very_many_alternatives_are_searched_in_bounded_work() {
    let methods = wide(64, 50, |rule, n| {
        format!(
            "authenticated: {{within: {}h, amr_any: [m{rule}x{n}]}}",
            n + 1
        )
    });
    let scopes = wide(64, 50, |rule, n| format!("scopes: [S{rule}x{n}]"));
    let classes = wide(64, 50, |rule, n| {
        let (one, other) = (n % 7, (n + rule) % 11);
        format!(
            "authenticated: {{within: {}h, acr_any: [c{one}, c{other}]}}",
            n + 1
        )
    });
    let hours = wide(64, 8, |rule, n| {
        format!(
            "schedule: {{days: [mon, wed], from: \"{:02}:{:02}\", to: \"{:02}:30\", zone: Europe/Berlin}}",
            n + 6,
            rule % 30,
            n + 6
        )
    });
    for (name, rules) in [
        ("methods", methods),
        ("scopes", scopes),
        ("classes", classes),
        ("hours", hours),
    ] {
        let sets = sets(&rules, 31, nothing_granted);
        assert!(
            !sets.is_empty() && sets.len() <= 8,
            "{name}: {}",
            sets.len()
        );
    }
}

#[test]
fn at_most_eight_sets_are_named() {
    let rules = wide(1, 20, |_, n| format!("scopes: [S{n:02}]"));
    let sets = sets(&rules, 1, nothing_granted);
    let expected: Vec<Vec<Remedy>> = (0..8)
        .map(|n| {
            vec![Remedy::GrantScopes(
                [Scope::from(format!("S{n:02}").as_str())].into(),
            )]
        })
        .collect();
    assert_eq!(sets, expected);
}
