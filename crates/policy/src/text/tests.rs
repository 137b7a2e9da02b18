//! Requirements as policies write them, and shown again.

use super::*;
use crate::{parse::parse, testing::source};

/// The requirement as answers show it, and with all that it means.
fn shown(rule: &str) -> (String, String) {
    let text = format!("version: 1\npolicies: {{p: {{require: [{rule}]}}}}");
    let list = |_: &str, _: &str| Ok("eve\nmallory\n".to_owned());
    let set = parse(&[source("p.yaml", &text)], &list).unwrap();
    let (_, policy) = set.iter().next().unwrap();
    // Another one, about the status, may stand before it.
    let requirement = policy.rules().last().unwrap().requirement();
    (requirement.to_string(), Whole(requirement).to_string())
}

#[test]
fn a_requirement_shows_in_one_way() {
    for (rule, expected) in [
        (
            "authenticated: {within: 12h}",
            "authenticated: {within: 12h}",
        ),
        (
            "authenticated: {acr_any: [high], amr_any: [hwk, face], within: 90m}",
            "authenticated: {within: 1h30m, amr_any: [face, hwk], acr_any: [high]}",
        ),
        (
            "any_of: [verified_within: 30d, all_of: [age_below: 18, project: [p]]]",
            "any_of: [verified_within: 30d, all_of: [age_below: 18, project: [p]]]",
        ),
        (
            "all_of: [project: [p], identity: same_as_request]",
            "all_of: [project: [p], identity: same_as_request]",
        ),
        (
            "attribute: {name: \"a b\", in: [x, \"\\\"\"]}",
            "attribute: {name: \"a b\", in: [\"\\\"\", x]}",
        ),
        (
            "attribute: {if_absent: fails, not_in: [z, x], name: a}",
            "attribute: {name: a, not_in: [x, z]}",
        ),
        (
            "attribute: {if_absent: holds, not_in: [z, x], name: a}",
            "attribute: {name: a, not_in: [x, z], if_absent: holds}",
        ),
    ] {
        let (short, whole) = shown(rule);
        assert_eq!((short.as_str(), whole.as_str()), (expected, expected));
    }
}

#[test]
fn a_rule_that_is_shown_can_be_pasted_back() {
    for rule in [
        r#"attribute: {name: "a\u200bb", in: ["x\ty", "\e"]}"#,
        r#"attribute: {name: "a\u200bb", not_in: ["x\ty", "\e"], if_absent: holds}"#,
        r#"project: ["null", "~", "yes", "007", "1e5", "2026-01-31", "-", "---", "- x", "a: b", "a #b"]"#,
        r#"status: ["\U0001F600", "\u2028", "\ufeff", "\0", "\ufffd", "'", "\"", "\\"]"#,
        r#"schedule: {zone: Europe/Berlin, days: [sun, fri], from: "22:00", to: "06:00"}"#,
        r#"any_of: [schedule: {days: [mon], from: "00:00", to: "24:00", zone: UTC}, age_below: 3]"#,
    ] {
        let (short, whole) = shown(rule);
        let (again, whole_again) = shown(&short);
        assert_eq!((&short, &whole), (&again, &whole_again), "{rule}");
    }
}

#[test]
fn a_schedule_shows_as_it_is_written_and_counts_by_its_times() {
    for (days, from, to, expected) in [
        (
            "tue, mon",
            "07:00",
            "19:05",
            "mon 07:00-19:05, tue 07:00-19:05",
        ),
        ("tue", "22:00", "06:30", "tue 22:00-wed 06:30"),
        ("wed", "00:00", "24:00", "wed 00:00-24:00"),
        ("mon, tue", "00:00", "24:00", "mon 00:00-tue 24:00"),
        ("sun", "22:00", "06:00", "mon 00:00-06:00, sun 22:00-24:00"),
    ] {
        let rule =
            format!("schedule: {{days: [{days}], from: \"{from}\", to: \"{to}\", zone: UTC}}");
        let (short, whole) = shown(&rule);
        assert_eq!(short, rule);
        assert_eq!(whole, format!("schedule: {{{expected}, zone: UTC}}"));
    }
}

#[test]
fn identities_on_a_list_are_not_shown_and_are_in_the_digest() {
    for (rule, expected) in [
        ("identity_in: [eve]", "identity_in: [1 identity]"),
        ("identity_in: [eve, ada]", "identity_in: [2 identities]"),
        (
            "identity_not_in: {file: a.txt}",
            "identity_not_in: {file: a.txt}",
        ),
    ] {
        let (short, whole) = shown(rule);
        assert_eq!(short, expected);
        assert!(whole.contains("eve"), "{whole}");
    }
}
