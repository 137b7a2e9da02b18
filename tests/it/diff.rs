//! Two policies compared: reports are short and true, both policies decide every witness differently, and every random check
//! that they decide differently is in a cell.

mod command;
mod too_large;
mod direction;
mod random;

use expect_test::{Expect, expect};
use verigate::policy::{
    PolicySet,
    diff::{ChangedCell, Comparison},
    testing::set,
};

fn compare(old: &PolicySet, new: &PolicySet) -> Comparison {
    let comparison = Comparison::of(old, new, None);
    assert_eq!(comparison.failed, []);
    comparison
}

/// A set of one policy with these rules, a line each.
fn policy(rules: &str) -> PolicySet {
    let rules: Vec<String> = rules
        .lines()
        .map(|rule| format!("      - {rule}\n"))
        .collect();
    let rules = rules.concat();
    set(&format!(
        "version: 1\npolicies:\n  p:\n    require:\n{rules}"
    ))
}

/// The changed settings: their names, old values and new values.
fn settings(comparison: &Comparison) -> Vec<(&str, &str, &str)> {
    let settings = comparison.changed.values().flat_map(|c| &c.settings);
    settings.map(|s| (s.name, &*s.old, &*s.new)).collect()
}

fn cells(comparison: &Comparison) -> String {
    let lines = comparison
        .cells()
        .map(|cell| format!("{}: {} instead of {}\n", cell.when(), cell.new, cell.old));
    lines.collect()
}

fn check(old: &str, new: &str, expected: &Expect) {
    let comparison = compare(&policy(old), &policy(new));
    expected.assert_eq(&cells(&comparison));
}

#[test]
fn a_limit_that_moves_changes_what_lies_between() {
    check(
        "{ verified_within: 90d, otherwise: step_up }\nscopes: [NAME]",
        "{ verified_within: 30d, otherwise: step_up }\nscopes: [NAME]",
        &expect![[r#"
            verified 30d to 90d ago, status VERIFIED, NAME readable: step_up instead of allow
        "#]],
    );
}

#[test]
fn lists_change_for_what_only_one_of_them_names() {
    check(
        "status: [VERIFIED, SUCCESS]\nidentity_not_in: [eve]\nphone_prefix: [\"+1\", \"+49\"]",
        "status: [VERIFIED]\nidentity_not_in: [eve, mallory]\nphone_prefix: [\"+1202\", \"+49\"]",
        &expect![[r#"
            status SUCCESS, PHONE beginning with +1 or +49, identity known and none of eve: deny instead of allow
            identity mallory, status SUCCESS or VERIFIED, PHONE beginning with +1 or +49: deny instead of allow
            PHONE beginning with +1, not with +1202, status SUCCESS or VERIFIED, identity known and none of eve: deny instead of allow
        "#]],
    );
}

#[test]
fn a_rule_of_another_strictness_changes_where_it_is_unmet() {
    check(
        "age_at_least: 18\n{ project: [a], otherwise: step_up }",
        "{ age_at_least: 18, otherwise: step_up }\n{ project: [a], otherwise: step_up }",
        &expect![[r#"
            under 18 (or over by less than 14h), or DATE_OF_BIRTH not granted or not readable, status VERIFIED: step_up instead of deny
        "#]],
    );
}

#[test]
fn alternatives_change_where_none_of_the_others_holds() {
    check(
        "{ any_of: [verified_within: 30d, authenticated: { within: 12h, amr_any: [hwk, face] }], otherwise: step_up }",
        "{ any_of: [verified_within: 30d, authenticated: { within: 1h, amr_any: [hwk] }], otherwise: step_up }",
        &expect![[r#"
            authenticated less than 1h ago, with amr face, without amr hwk, status VERIFIED, verified 30d ago or more or at no known time: step_up instead of allow
            authenticated 1h to 12h ago, with amr face, status VERIFIED, verified 30d ago or more or at no known time: step_up instead of allow
            authenticated 1h to 12h ago, without amr face, with amr hwk, status VERIFIED, verified 30d ago or more or at no known time: step_up instead of allow
        "#]],
    );
}

#[test]
fn hours_change_by_the_times_of_the_week() {
    check(
        "schedule: { days: [mon, tue, wed, thu, fri], from: \"07:00\", to: \"19:00\", zone: Europe/Berlin }",
        "schedule: { days: [mon, tue, wed, thu, fri, sat], from: \"08:00\", to: \"19:00\", zone: Europe/Berlin }",
        &expect![[r#"
            on sat 08:00-19:00 Europe/Berlin, status VERIFIED: allow instead of deny
            on mon-fri 07:00-08:00 Europe/Berlin, status VERIFIED: deny instead of allow
        "#]],
    );
}

#[test]
fn hours_of_two_zones_change_as_their_clocks_meet() {
    let new_york =
        "schedule: { days: [mon, tue], from: \"09:00\", to: \"17:00\", zone: America/New_York }";
    let berlin = |to: &str| {
        format!(
            "schedule: {{ days: [mon, tue], from: \"09:00\", to: \"{to}\", zone: Europe/Berlin }}"
        )
    };
    check(
        &format!("{new_york}\n{}", berlin("17:00")),
        &format!("{new_york}\n{}", berlin("18:00")),
        &expect![[r#"
            on mon and tue 17:00-18:00 Europe/Berlin, status VERIFIED: allow instead of deny
        "#]],
    );
}

#[test]
fn an_identity_that_is_asked_for_changes_where_the_request_names_another() {
    check(
        "attribute: { name: site, in: [hq, lab] }",
        "identity: same_as_request\nattribute: { name: site, in: [hq] }",
        &expect![[r#"
            attribute site lab, status VERIFIED: deny instead of allow
            identity known, the request names another identity or none, status VERIFIED, attribute site lab or hq: deny instead of allow
            identity missing or not readable, status VERIFIED, attribute site lab or hq: deny instead of allow
        "#]],
    );
}

#[test]
fn ages_change_by_the_birthday_in_every_zone() {
    check(
        "age_at_least: 18",
        "age_at_least: 16\nage_below: 18",
        &expect![[r#"
            aged 16 or more and under 18, status VERIFIED: allow instead of deny
            aged 18 or more, status VERIFIED: deny instead of allow
        "#]],
    );
}

#[test]
fn what_only_reads_otherwise_is_no_change() {
    for (old, new) in [
        (
            "scopes: [NAME]\nverified_within: 1d",
            "verified_within: 24h\nscopes: [NAME]",
        ),
        (
            "verified_within: 1d",
            "verified_within: 1d\n{ verified_within: 2d, otherwise: step_up }",
        ),
        (
            "scopes: [NAME, BADGE]",
            "any_of: [all_of: [scopes: [BADGE], scopes: [NAME]]]",
        ),
        (
            "age_at_least: 18",
            "age_at_least: 18\nscopes: [DATE_OF_BIRTH]\nage_at_least: 16",
        ),
        (
            "phone_prefix: [\"+1\"]",
            "phone_prefix: [\"+1\", \"+1202\"]\nscopes: [PHONE]",
        ),
        (
            "identity_in: [a, b]\nidentity_not_in: [b]",
            "identity_in: [a]",
        ),
        (
            "authenticated: { within: 1h, amr_any: [hwk] }",
            "authenticated: { within: 1h, amr_any: [hwk] }\nauthenticated: { within: 2h }",
        ),
        // Another reason, but the same decision.
        (
            "identity_in: [a]\nidentity: same_as_request",
            "identity: same_as_request\nidentity_in: [a]",
        ),
        (
            "schedule: { days: [mon], from: \"22:00\", to: \"06:00\", zone: UTC }",
            "any_of: [schedule: { days: [mon], from: \"22:00\", to: \"24:00\", zone: UTC }, schedule: { days: [tue], from: \"00:00\", to: \"06:00\", zone: UTC }]",
        ),
        // No verification is older than 2015, and checks are compared to the end of the century.
        ("verified_within: 100000d", "verified_within: 200000d"),
    ] {
        check(old, new, &expect![[""]]);
    }
}

#[test]
fn a_witness_is_a_case_to_be_pasted() {
    let (old, new) = (
        policy(
            "verified_within: 90d\nscopes: [NAME, PHONE, DATE_OF_BIRTH]\nage_at_least: 18\n{ authenticated: { within: 1h, amr_any: [hwk] }, otherwise: step_up }\nidentity: same_as_request",
        ),
        policy(
            "verified_within: 90d\nscopes: [NAME, PHONE, DATE_OF_BIRTH]\nage_at_least: 21\n{ authenticated: { within: 1h, amr_any: [hwk] }, otherwise: step_up }\nidentity: same_as_request\nattribute: { name: site, in: [\"1\"] }",
        ),
    );
    let comparison = compare(&old, &new);
    let cases: Vec<String> = comparison.cells().map(ChangedCell::as_case).collect();
    expect![[r#"
        - name: "aged 18 or more and under 21 (or over by less than 14h), status VERIFIED, verified less than 90d ago, NAME readable, PHONE readable, identity known, the request names that identity, authenticated less than 1h ago, with amr hwk: deny instead of allow"
          policy: p
          at: 2026-01-31T00:00:00Z
          verification:
            status: VERIFIED
            verified_at: 2026-01-30T23:00:00Z
            scopes: [NAME, DATE_OF_BIRTH, PHONE]
            identity_id: id-1
            full_name: Ada Example
            phone: "+12025550123"
            date_of_birth: 2008-01-30
          request:
            identity_id: id-1
            attributes: { site: "1" }
            authentication: { amr: [hwk], auth_time: 2026-01-31T00:00:00Z }
          expect:
            decision: deny
        - name: "attribute site missing or none of 1, status VERIFIED, verified less than 90d ago, NAME readable, aged 18 or more, PHONE readable, identity known, the request names that identity, authenticated less than 1h ago, with amr hwk: deny instead of allow"
          policy: p
          at: 2026-01-31T00:00:00Z
          verification:
            status: VERIFIED
            verified_at: 2026-01-30T23:00:00Z
            scopes: [NAME, DATE_OF_BIRTH, PHONE]
            identity_id: id-1
            full_name: Ada Example
            phone: "+12025550123"
            date_of_birth: 2008-01-30
          request:
            identity_id: id-1
            authentication: { amr: [hwk], auth_time: 2026-01-31T00:00:00Z }
          expect:
            decision: deny
    "#]].assert_eq(&cases[..2].concat());
}

#[test]
fn sets_are_compared_by_the_names_of_their_policies() {
    let old = set(
        "version: 1\npolicies: {a: {require: [verified_within: 1d]}, b: {require: [verified_within: 1d]}, c: {require: [verified_within: 1d]}}",
    );
    let new = set(
        "version: 1\npolicies: {a: {require: [verified_within: 24h]}, c: {require: [verified_within: 1d], evidence: {unavailable: step_up, fresh_for: 1h}}, d: {require: [age_at_least: 18]}}",
    );
    let comparison = compare(&old, &new);
    let names = |names: &[verigate::policy::PolicyName]| -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    };
    assert_eq!(names(&comparison.removed), ["b"]);
    assert_eq!(names(&comparison.added), ["d"]);
    expect![[r#"
        nothing is known of the verification: step_up instead of deny
    "#]]
    .assert_eq(&cells(&comparison));
    assert_eq!(settings(&comparison), [("evidence.fresh_for", "5m", "1h")]);
    // A policy that is removed tightens.
    assert!(comparison.loosens() && comparison.tightens());
}

#[test]
fn where_a_step_up_sends_to_is_a_setting() {
    let file = |redirect: &str| {
        set(&format!(
            "version: 1\npolicies: {{p: {{require: [verified_within: 1d]{redirect}}}}}"
        ))
    };
    let (old, new) = (
        file(""),
        file(", step_up: {redirect: \"https://sso.example.com/x\"}"),
    );
    let comparison = compare(&old, &new);
    assert_eq!(
        settings(&comparison),
        [("step_up.redirect", "none", "https://sso.example.com/x")]
    );
    assert!(!comparison.loosens() && !comparison.tightens());
}
