//! Frequent mistakes, planted one by one into a policy without mistakes: each is reported with its place and its cure. Also policies
//! that look like mistakes and are correct.

mod table;

use verigate::policy::lint;

use self::table::MISTAKES;
use super::read;

/// A policy without warnings, with these rules and sections added after its own.
fn policy(rules: &str, sections: &str) -> String {
    let indented = |lines: &str, indent: &str| -> String {
        let lines = lines.lines().flat_map(|line| [indent, line, "\n"]);
        lines.collect()
    };
    let rules = indented(rules, "      - ");
    let sections = indented(sections, "    ");
    format!(
        "version: 1\npolicies:\n  p:\n    require:\n      - identity: same_as_request\n      - verified_within: 90d\n{rules}{sections}"
    )
}

const SCHEDULE: &str = "schedule: { days: [mon], from: \"07:00\", to: \"19:00\", zone: ";

/// The text of a file behind a position.
fn at(text: &str, line: usize, column: usize) -> String {
    let line = text.lines().nth(line - 1).unwrap();
    line.chars().skip(column - 1).collect()
}

#[test]
fn every_planted_mistake_is_named_with_its_place_and_its_cure() {
    assert!(MISTAKES.len() >= 20);
    for (rules, sections, code, message, hint, place) in MISTAKES {
        let text = policy(rules, sections);
        let found = lint(&read(&text).unwrap()).warnings;
        let [warning] = found.as_slice() else {
            panic!("{rules}{sections}: {found:#?}");
        };
        assert_eq!(warning.code.as_str(), *code, "{rules}{sections}");
        assert_eq!(warning.policy.as_str(), "p");
        assert!(
            warning.message.contains(message),
            "{rules}{sections}: {}",
            warning.message
        );
        assert!(
            warning.hint.contains(hint),
            "{rules}{sections}: {}",
            warning.hint
        );
        let position = warning.location.as_ref().unwrap().position;
        let rest = at(&text, position.line, position.column);
        assert!(rest.starts_with(place), "{rules}{sections}: {rest}");
    }
}

#[test]
fn two_schedules_that_never_meet_are_both_named() {
    let rules = format!("{SCHEDULE}UTC }}\n{}UTC }}", SCHEDULE.replace("mon", "tue"));
    let found = lint(&read(&policy(&rules, "")).unwrap()).warnings;
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].code.as_str(), "never_allow");
    assert!(found[0].message.contains("days: [mon]") && found[0].message.contains("days: [tue]"));
    assert!(
        found[0].hint.contains("alternatives of one `any_of`"),
        "{}",
        found[0].hint
    );
    assert_eq!(found[0].related.len(), 1);
}

/// The codes of the warnings of a policy of these rules alone.
fn codes(rules: &str) -> Vec<&'static str> {
    let text = format!("version: 1\npolicies: {{p: {{require: [{rules}]}}}}");
    let found = lint(&read(&text).unwrap()).warnings;
    found.iter().map(|warning| warning.code.as_str()).collect()
}

#[test]
fn a_missing_check_of_identity_or_age_is_named() {
    assert_eq!(codes("identity: same_as_request"), ["no_age_limit"]);
    assert_eq!(
        codes(
            "identity: same_as_request, {any_of: [verified_within: 1d, authenticated: {within: 1h}]}"
        ),
        ["no_age_limit"]
    );
    assert_eq!(
        codes(
            "identity: same_as_request, {any_of: [verified_within: 1d, all_of: [authenticated: {within: 1h}, verified_within: 2d]]}"
        ),
        [""; 0]
    );
    assert_eq!(codes("verified_within: 1d"), ["no_identity_check"]);
    let listed = "version: 1\npolicies: {p: {require: [verified_within: 1d, identity_in: [id-1]]}}";
    let found = lint(&read(listed).unwrap()).warnings;
    assert_eq!(found[0].code.as_str(), "no_identity_check");
    assert!(
        found[0].message.contains("`identity_in: [1 identity]`"),
        "{}",
        found[0].message
    );
    assert!(
        found[0].hint.contains("`- identity: same_as_request`"),
        "{}",
        found[0].hint
    );
    let position = found[0].location.as_ref().unwrap().position;
    assert!(at(listed, position.line, position.column).starts_with("identity_in"));
}

#[test]
fn a_class_that_the_other_policies_spell_differently_is_named() {
    let policy = |name: &str, class: &str| {
        format!(
            "  {name}: {{require: [identity: same_as_request, verified_within: 1d, authenticated: {{within: 1h, acr_any: ['{class}']}}]}}\n"
        )
    };
    let of = |classes: &[&str]| {
        let policies = classes
            .iter()
            .zip('a'..)
            .map(|(class, name)| policy(&name.to_string(), class));
        let text = format!("version: 1\npolicies:\n{}", policies.collect::<String>());
        let found = lint(&read(&text).unwrap()).warnings;
        found
            .iter()
            .map(|w| format!("{}: {}", w.policy, w.hint))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        of(&["urn:x:gold", "urn:x:gold", "urn:x:glod"]),
        ["c: write `urn:x:gold`, if that is meant"]
    );
    assert_eq!(
        of(&["Gold", "gold", "gold"]),
        ["a: write `gold`, if that is meant"]
    );
    // Levels that differ by a letter or a number are different levels.
    assert_eq!(of(&["level-a", "level-b", "level-b"]), [""; 0]);
    assert_eq!(of(&["loa1", "loa2", "loa2", "loa3"]), [""; 0]);
    assert_eq!(of(&["silver", "gold", "gold"]), [""; 0]);
}

#[test]
fn own_names_and_correct_names_are_not_reported() {
    for rules in [
        "scopes: [BADGE, EMAIL, ADDRESS, LICENCE_NUMBER]",
        "scopes: [NAME, PHONE, DATE_OF_BIRTH, IDENTITY_ID]",
        "status: [VERIFIED, SUCCESS]",
        "status: [VERIFIED, LEGACY_OK]",
        "authenticated: { within: 1h, amr_any: [hwk, swk, user, face, fpt, iris, retina, otp, pwd, pin, sms, tel, mfa, mca, sc, kba, geo, vbm, wia, rba, pop] }",
        "authenticated: { within: 1h, amr_any: [rsa, fido, ngcmfa, fed, okta_verify, duo, x509, kiosk-badge, sfa, cba, sca] }",
        "authenticated: { within: 1h, amr_any: [mfa, MFA] }",
        "authenticated: { within: 1h, acr_any: [\"0\", \"1\", a, b, c, level-1, urn:example:gold, bronze] }",
        "attribute: { name: site, in: [hq, lab, Z\u{fc}rich, \u{5c71}\u{7530}, caf\u{e9}, Kap\u{131}] }",
        "attribute: { name: site, in: [\u{41c}\u{43e}\u{441}\u{43a}\u{432}\u{430}, \u{420}\u{43e}\u{441}\u{442}\u{43e}\u{432}, \u{43e}\u{441}\u{430}, \u{413}\u{43b}\u{430}\u{432}\u{43d}\u{44b}\u{439}-A] }",
        "schedule: { days: [mon], from: \"07:00\", to: \"19:00\", zone: UTC }",
        "schedule: { days: [mon], from: \"07:00\", to: \"19:00\", zone: Asia/Kolkata }",
        "schedule: { days: [mon], from: \"07:00\", to: \"19:00\", zone: CET }",
        "identity_not_in: [id-eve]",
        "{ verified_within: 30d, otherwise: step_up }",
        "any_of: [verified_within: 30d, authenticated: { within: 12h, amr_any: [hwk] }]",
    ] {
        let found = lint(
            &read(&policy(
                rules,
                "evidence: { fresh_for: 24h, stale_for: 7d }\nreuse: { allow: 24h }",
            ))
            .unwrap(),
        )
        .warnings;
        assert!(found.is_empty(), "{rules}: {found:#?}");
    }
}

#[test]
fn a_long_list_is_not_warned_of_line_by_line() {
    let ids: Vec<String> = (0..50).map(|n| format!("id-\u{430}da-{n}")).collect();
    let rules = format!("identity_in: [{}]", ids.join(", "));
    let found = lint(&read(&policy(&rules, "")).unwrap()).warnings;
    assert_eq!(found.len(), 5);
    assert!(
        found.iter().any(|w| w.message.contains("45 more texts")),
        "{found:#?}"
    );
}
