//! Which seeds are taken, and what is generated from them.

mod clocks;
mod made_up;
mod strength;

use super::*;
use crate::{
    Effect, Finding, Identity,
    suite::{self, EdgeState},
    testing::{set_of, source},
    yaml::Position,
};

/// A case of the policy whose verification is so.
fn case(verification: &str, rest: &str) -> String {
    format!(
        "{{name: mine, policy: p, at: \"2026-01-31T12:00:00Z\", verification: {{{verification}}}{rest}}}"
    )
}

fn read(set: &PolicySet, cases: &[String]) -> Vec<Case> {
    // No two have the same name.
    let cases = cases.iter().zip(1..);
    let cases: Vec<String> = cases
        .map(|(case, number)| case.replace("name: mine", &format!("name: mine {number}")))
        .collect();
    let text = format!("cases: [{}]", cases.join(", "));
    suite::read_situations(&[source("c.yaml", &text)], set).unwrap()
}

#[test]
fn a_generated_case_is_named_after_its_edge_and_keeps_the_facts_of_its_seed() {
    let set = set_of("verified_within: 30d");
    let mine = case(
        "verified_at: 2026-01-30T00:00:00Z, identity_id: ada",
        ", expect: {decision: step_up}",
    );
    let generated = generate(&set, &read(&set, &[mine])).cases;
    // The verification is moved, and not the case.
    assert_eq!(generated[1].now.to_string(), "2026-01-31T12:00:00Z");
    let named = generated[..3].iter().map(|case| {
        let expected = case.expect.effect.unwrap();
        assert_eq!(case.source.path, "generated");
        assert_eq!(case.position, Position::START);
        assert!(case.expect.reasons.is_some() && case.expect.next_change.is_some());
        let Finding::Present(verification) = &case.evidence.finding else {
            panic!("nothing is known");
        };
        assert_eq!(verification.identity().map(Identity::as_str), Ok("ada"));
        assert_eq!(case.evidence.seen_at, case.now);
        (case.name.as_str(), expected)
    });
    assert_eq!(
        named.collect::<Vec<_>>(),
        [
            ("p: 1 ms before `verified_within: 30d` ends", Effect::Allow),
            ("p: when `verified_within: 30d` ends", Effect::Deny),
            ("p: 1 ms after `verified_within: 30d` ends", Effect::Deny),
        ]
    );
}

#[test]
fn of_several_seeds_the_one_whose_decision_changes_is_taken() {
    let set = set_of("verified_within: 30d, {age_at_least: 18, otherwise: deny}");
    let at = "verified_at: 2026-01-30T00:00:00Z, scopes: [DATE_OF_BIRTH]";
    let young = case(
        &format!("{at}, date_of_birth: 2020-01-01, identity_id: young"),
        "",
    );
    let old = case(
        &format!("{at}, date_of_birth: 1990-01-01, identity_id: old"),
        "",
    );
    for seeds in [[young.clone(), old.clone()], [old, young]] {
        let generated = generate(&set, &read(&set, &seeds)).cases;
        for case in &generated[..3] {
            let Finding::Present(verification) = &case.evidence.finding else {
                panic!("nothing is known");
            };
            assert_eq!(
                verification.identity().map(Identity::as_str),
                Ok("old"),
                "{}",
                case.name
            );
        }
    }
}

#[test]
fn where_no_decision_changes_the_case_whose_reasons_do_is_taken() {
    let set =
        set_of("{any_of: [verified_within: 30d, scopes: [NAME]]}, age_at_least: 18, age_below: 18");
    let at = "verified_at: 2026-01-30T00:00:00Z";
    let hidden = case(
        &format!("{at}, scopes: [NAME], full_name: Ada, identity_id: hidden"),
        "",
    );
    let shown = case(&format!("{at}, identity_id: shown"), "");
    for seeds in [[hidden.clone(), shown.clone()], [shown, hidden]] {
        let generated = generate(&set, &read(&set, &seeds)).cases;
        for case in &generated[..3] {
            let Finding::Present(verification) = &case.evidence.finding else {
                panic!("nothing is known");
            };
            assert_eq!(
                verification.identity().map(Identity::as_str),
                Ok("shown"),
                "{}",
                case.name
            );
        }
        // The verification is moved, and not the case.
        assert_eq!(generated[1].now.to_string(), "2026-01-31T12:00:00Z");
    }
}

#[test]
fn an_edge_that_no_plausible_verification_reaches_is_reported() {
    let set = set_of("verified_within: 10000000d");
    let generated = generate(&set, &[]);
    assert_eq!(
        generated.unreached,
        ["p: `verified_within: 10000000d` ends"]
    );
    let names = generated.cases.iter().map(|case| case.name.as_str());
    assert_eq!(
        names.collect::<Vec<_>>(),
        [
            "p: 1 ms before `fresh_for: 5m` ends",
            "p: when `fresh_for: 5m` ends",
            "p: when `stale_for: 0s` ends",
            "p: `unavailable: deny` decides",
            "p: `reuse.allow: 0s` decides",
        ]
    );
}

/// How many edges of a policy are tried by what is generated for it, how many cannot be, and how many are neither.
fn edges_tried(policy: &str) -> [usize; 3] {
    let set = set_of(policy);
    let generated = generate(&set, &[]);
    let written = suite::write(&generated.cases).0;
    let read_back = suite::read(&[source("c.yaml", &written)], &set).unwrap();
    let report = suite::run(&set, &read_back);
    assert_eq!(report.failed(), 0, "{policy}");
    let mut coverage = report.coverage;
    coverage.find_hidden_edges(&set);
    let states = [EdgeState::Tried, EdgeState::Hidden, EdgeState::Untried];
    states.map(|state| coverage.edges_in(state))
}

#[test]
fn a_birthday_is_reached_while_a_schedule_is_closed_if_there_is_a_quarter_of_an_hour_in_it() {
    let all_days = "[mon, tue, wed, thu, fri, sat, sun]";
    for zone in ["Pacific/Apia", "UTC", "Asia/Kolkata", "America/New_York"] {
        // Each schedule is closed from its end to its beginning.
        for (from, to, is_reached) in [
            ("02:01", "01:59", true),
            ("01:59", "01:30", true),
            ("02:20", "02:00", true),
            ("02:16", "02:14", true),
            ("02:30", "02:01", true),
            ("00:01", "24:00", false),
            ("02:00", "01:59", false),
            ("02:15", "02:00", false),
            ("02:14", "02:01", false),
            ("03:01", "03:00", false),
        ] {
            let found = edges_tried(&format!(
                "any_of: [{{age_at_least: 65}}, {{schedule: {{days: {all_days}, from: \"{from}\", to: \"{to}\", zone: {zone}}}}}], age_below: 65"
            ));
            // The beginning and the end of the schedule and the end of the other age are tried in any case.
            let expected = if is_reached { [4, 0, 0] } else { [3, 1, 0] };
            assert_eq!(found, expected, "{zone} {from} {to}");
        }
    }
}
