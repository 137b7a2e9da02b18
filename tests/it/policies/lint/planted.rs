//! Mistakes that people make, planted one by one into a policy that has none: each is named, where it stands and with its cure. Beside them,
//! what looks like a mistake and is none.

use verigate::policy::lint;

use super::read;

/// A policy that nothing is to be said of, with these rules and sections behind its own.
fn policy(rules: &str, sections: &str) -> String {
    let rules: String = rules
        .lines()
        .map(|rule| format!("      - {rule}\n"))
        .collect();
    let sections: String = sections
        .lines()
        .map(|line| format!("    {line}\n"))
        .collect();
    format!(
        "version: 1\npolicies:\n  p:\n    require:\n      - identity: same_as_request\n      - verified_within: 90d\n{rules}{sections}"
    )
}

/// Each mistake: the rules, the sections, the code, what the message names, what the cure names, and the text at which it stands.
type Mistake = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
);

const SCHEDULE: &str = "schedule: { days: [mon], from: \"07:00\", to: \"19:00\", zone: ";

const MISTAKES: &[Mistake] = &[
    (
        "scopes: [name]",
        "",
        "unknown_scope",
        "`name`",
        "`NAME`",
        "name]",
    ),
    (
        "scopes: [Date_Of_Birth]",
        "",
        "unknown_scope",
        "`Date_Of_Birth`",
        "`DATE_OF_BIRTH`",
        "Date_Of",
    ),
    (
        "scopes: [date-of-birth]",
        "",
        "unknown_scope",
        "`date-of-birth`",
        "`DATE_OF_BIRTH`",
        "date-of",
    ),
    (
        "scopes: [dateOfBirth]",
        "",
        "unknown_scope",
        "`dateOfBirth`",
        "`DATE_OF_BIRTH`",
        "dateOf",
    ),
    (
        "scopes: [NAME, PHNE]",
        "",
        "unknown_scope",
        "`PHNE`",
        "`PHONE`",
        "PHNE",
    ),
    (
        "scopes: [DOB]",
        "",
        "unknown_scope",
        "`DOB`",
        "`DATE_OF_BIRTH`",
        "DOB",
    ),
    (
        "scopes: [IDENTITYID]",
        "",
        "unknown_scope",
        "`IDENTITYID`",
        "`IDENTITY_ID`",
        "IDENTITYID",
    ),
    (
        "any_of: [all_of: [scopes: [Phone], age_at_least: 18], age_at_least: 65]",
        "",
        "unknown_scope",
        "`Phone`",
        "`PHONE`",
        "Phone",
    ),
    (
        "status: [verified]",
        "",
        "unknown_status",
        "`verified`",
        "`VERIFIED`",
        "verified]",
    ),
    (
        "status: [VERIFED]",
        "",
        "unknown_status",
        "`VERIFED`",
        "`VERIFIED`",
        "VERIFED",
    ),
    (
        "status: [VERIFIED, SUCESS]",
        "",
        "unknown_status",
        "`SUCESS`",
        "`SUCCESS`",
        "SUCESS",
    ),
    (
        "status: [APPROVED]",
        "",
        "unknown_status",
        "`APPROVED`",
        "`VERIFIED`",
        "APPROVED",
    ),
    (
        "authenticated: { within: 1h, amr_any: [webauthn] }",
        "",
        "unknown_amr",
        "`webauthn`",
        "`hwk`",
        "webauthn",
    ),
    (
        "authenticated: { within: 1h, amr_any: [WebAuthn] }",
        "",
        "unknown_amr",
        "`WebAuthn`",
        "`swk`",
        "WebAuthn",
    ),
    (
        "authenticated: { within: 1h, amr_any: [pwd, opt] }",
        "",
        "unknown_amr",
        "`opt`",
        "`otp`",
        "opt]",
    ),
    (
        "authenticated: { within: 1h, amr_any: [MFA] }",
        "",
        "unknown_amr",
        "`MFA`",
        "`mfa`",
        "MFA",
    ),
    (
        "authenticated: { within: 1h, amr_any: [password] }",
        "",
        "unknown_amr",
        "`password`",
        "`pwd`",
        "password",
    ),
    (
        "authenticated: { within: 1h, amr_any: [fingerprint] }",
        "",
        "unknown_amr",
        "`fingerprint`",
        "`fpt`",
        "fingerprint",
    ),
    (
        "authenticated: { within: 1h, acr_any: [PHR] }",
        "",
        "unknown_acr",
        "`PHR`",
        "`phr`",
        "PHR",
    ),
    (
        "authenticated: { within: 1h, acr_any: [\"https://refeds.org/profile/mfaa\"] }",
        "",
        "unknown_acr",
        "/mfaa`",
        "`https://refeds.org/profile/mfa`",
        "\"https",
    ),
    (
        "attribute: { name: site, in: [hq, h\u{43e}tel] }",
        "",
        "lookalike_letters",
        "`\u{43e}` (U+043E)",
        "`hotel`",
        "h\u{43e}tel",
    ),
    (
        "attribute: { name: s\u{456}te, in: [hq] }",
        "",
        "lookalike_letters",
        "`\u{456}` (U+0456)",
        "`site`",
        "s\u{456}te",
    ),
    (
        "scopes: [N\u{410}ME]",
        "",
        "lookalike_letters",
        "`\u{410}` (U+0410)",
        "`NAME`",
        "N\u{410}ME",
    ),
    (
        "status: [VERIFIED, V\u{395}RIFIED]",
        "",
        "lookalike_letters",
        "Greek",
        "`VERIFIED`",
        "V\u{395}RIFIED",
    ),
    (
        "project: [\u{ff50}-1]",
        "",
        "lookalike_letters",
        "full-width",
        "`p-1`",
        "\u{ff50}-1",
    ),
    (
        "attribute: { name: site, in: [\u{430}] }",
        "",
        "lookalike_letters",
        "Cyrillic",
        "`a`",
        "\u{430}]",
    ),
    (
        "identity_in: [id-\u{430}da, id-ben]",
        "",
        "lookalike_letters",
        "Cyrillic",
        "`id-ada`",
        "id-\u{430}da",
    ),
    (
        "attribute: { name: site, in: [\"hq \"] }",
        "",
        "invisible_characters",
        "a blank",
        "`hq`",
        "\"hq \"",
    ),
    (
        "attribute: { name: site, in: [\"h\\u200bq\"] }",
        "",
        "invisible_characters",
        "U+200B",
        "again without it",
        "\"h\\u200bq\"",
    ),
    (
        "schedule: { days: [mon], from: \"07:00\", to: \"19:00\", zone: EST }",
        "",
        "zone_without_summer_time",
        "`zone: EST`",
        "`America/New_York`",
        "EST",
    ),
    (
        "schedule: { days: [mon], from: \"07:00\", to: \"19:00\", zone: Etc/GMT+5 }",
        "",
        "zone_without_summer_time",
        "5 h behind UTC",
        "`America/New_York`",
        "Etc/GMT+5",
    ),
    (
        "schedule: { days: [mon], from: \"07:00\", to: \"19:00\", zone: GMT }",
        "",
        "zone_without_summer_time",
        "`zone: GMT`",
        "`Europe/London`",
        "GMT",
    ),
    (
        "{ identity_not_in: [id-eve], otherwise: step_up }",
        "",
        "block_list_steps_up",
        "`identity_not_in: [1 identity]`",
        "take `otherwise: step_up` out",
        "step_up",
    ),
    (
        "",
        "evidence: { unavailable: step_up }",
        "step_up_in_outage",
        "`unavailable: step_up`",
        "`unavailable: deny`",
        "step_up",
    ),
    (
        "",
        "evidence: { fresh_for: 300d }",
        "fresh_for_too_long",
        "`verified_within: 90d`",
        "`fresh_for: 90d`",
        "300d",
    ),
    (
        "",
        "evidence: { fresh_for: 30d }",
        "fresh_for_too_long",
        "`fresh_for: 30d`",
        "`fresh_for: 5m`",
        "30d }",
    ),
    (
        "",
        "evidence: { stale_for: 3000d }",
        "stale_for_too_long",
        "`verified_within: 90d`",
        "`stale_for: 90d`",
        "3000d",
    ),
    (
        "{ verified_within: 1h, otherwise: step_up }",
        "evidence: { stale_for: 30d }",
        "stale_for_too_long",
        "`verified_within: 1h`",
        "`stale_for: 1h`",
        "30d }",
    ),
    (
        "",
        "reuse: { allow: 3650d }",
        "reuse_too_long",
        "`reuse.allow: 3650d`",
        "`allow: 10m`",
        "3650d",
    ),
    (
        "verified_within: 120d",
        "",
        "rule_without_effect",
        "`verified_within: 120d`",
        "`verified_within: 90d` in line 6",
        "verified_within: 120d",
    ),
    (
        "age_at_least: 18\nage_at_least: 16",
        "",
        "rule_without_effect",
        "`age_at_least: 16`",
        "`age_at_least: 18`",
        "age_at_least: 16",
    ),
    (
        "any_of: [verified_within: 30d, verified_within: 7d, scopes: [NAME]]",
        "",
        "alternative_without_effect",
        "`verified_within: 7d`",
        "`verified_within: 30d` holds whenever it does",
        "verified_within: 7d",
    ),
    (
        "any_of: [scopes: [NAME], all_of: [age_at_least: 65, age_below: 18]]",
        "",
        "alternative_without_effect",
        "`all_of: [age_at_least: 65, age_below: 18]`",
        "`age_at_least: 65` and `age_below: 18` exclude each other",
        "all_of",
    ),
    (
        "age_below: 30\nany_of: [scopes: [NAME], age_at_least: 65]",
        "",
        "alternative_without_effect",
        "`age_at_least: 65`",
        "`age_below: 30`",
        "age_at_least",
    ),
    (
        "any_of: [scopes: [NAME], all_of: [authenticated: { within: 1h }, authenticated: { within: 2h }]]",
        "",
        "part_without_effect",
        "`authenticated: {within: 2h}`",
        "`authenticated: {within: 1h}` always asks for as much",
        "authenticated: { within: 2h }",
    ),
    (
        "any_of: [scopes: [NAME], all_of: [schedule: { days: [mon], from: \"07:00\", to: \"12:00\", zone: UTC }, schedule: { days: [mon], from: \"13:00\", to: \"17:00\", zone: UTC }]]",
        "",
        "alternative_without_effect",
        "`all_of: [schedule",
        "make the schedules alternatives",
        "all_of",
    ),
];

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
    assert!(
        found[0].message.contains("mon 07:00-19:00")
            && found[0].message.contains("tue 07:00-19:00")
    );
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
fn what_is_never_asked_is_named() {
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
fn a_class_that_the_other_policies_spell_otherwise_is_named() {
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
    // Levels that differ by a letter or a number are several levels.
    assert_eq!(of(&["level-a", "level-b", "level-b"]), [""; 0]);
    assert_eq!(of(&["loa1", "loa2", "loa2", "loa3"]), [""; 0]);
    assert_eq!(of(&["silver", "gold", "gold"]), [""; 0]);
}

#[test]
fn what_is_somebodys_own_or_right_is_left_alone() {
    for rules in [
        "scopes: [BADGE, EMAIL, ADDRESS, LICENCE_NUMBER]",
        "scopes: [NAME, PHONE, DATE_OF_BIRTH, IDENTITY_ID]",
        "status: [VERIFIED, SUCCESS]",
        "status: [VERIFIED, LEGACY_OK]",
        "authenticated: { within: 1h, amr_any: [hwk, swk, user, face, fpt, iris, retina, otp, pwd, pin, sms, tel, mfa, mca, sc, kba, geo, vbm, wia, rba, pop] }",
        "authenticated: { within: 1h, amr_any: [rsa, fido, ngcmfa, fed, okta_verify, duo, x509, kiosk-badge] }",
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
