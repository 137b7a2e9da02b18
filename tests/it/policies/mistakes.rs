//! Frequent mistakes in policy files: every refused value has a hint that fits.

use proptest::prelude::*;
use verigate::policy::{Diagnostic, parse, testing};

use super::lists;

fn problems(text: &str) -> Vec<Diagnostic> {
    let read = parse(&[testing::source("p.yaml", text)], &lists);
    read.err()
        .map(|error| error.iter().cloned().collect())
        .unwrap_or_default()
}

/// The hints of a policy with this rule.
fn of_rule(rule: &str) -> Vec<Diagnostic> {
    problems(&format!(
        "version: 1\npolicies:\n  p:\n    require:\n      - {rule}\n"
    ))
}

/// Checks that there is one problem, with this code, and that its hint names this.
fn check(written: &str, found: &[Diagnostic], code: &str, hint: &str) {
    assert_eq!(found.len(), 1, "{written}: {found:#?}");
    let problem = &found[0];
    assert_eq!(
        problem.code.as_str(),
        code,
        "{written}: {}",
        problem.message
    );
    let shown = problem.hint.as_deref().unwrap_or_default();
    assert!(shown.contains(hint), "{written}: {shown}");
}

#[test]
fn the_hint_for_a_refused_value_names_the_one_that_is_meant() {
    let schedule = |days: &str, from: &str, to: &str, zone: &str| {
        format!("schedule: {{ days: [{days}], from: {from}, to: {to}, zone: {zone} }}")
    };
    let day = |day: &str| schedule(day, "\"07:00\"", "\"19:00\"", "UTC");
    let from = |from: &str| schedule("mon", from, "\"19:00\"", "UTC");
    let zone = |zone: &str| schedule("mon", "\"07:00\"", "\"19:00\"", zone);
    for (rule, hint) in [
        ("age_at_least: 0x12".to_owned(), "`18`"),
        ("age_at_least: 18.0".to_owned(), "`18`"),
        ("age_at_least: 1.8e1".to_owned(), "`18`"),
        ("age_at_least: 18 years".to_owned(), "`18`"),
        ("age_at_least: 1_8".to_owned(), "`18`"),
        ("age_at_least: +18".to_owned(), "`18`"),
        ("age_at_least: 0o22".to_owned(), "`18`"),
        ("age_at_least: 200".to_owned(), "the maximum is `150`"),
        (
            "age_at_least: 99999999999".to_owned(),
            "the maximum is `150`",
        ),
        ("age_below: -1".to_owned(), "the minimum is `0`"),
        ("age_below: eighteen".to_owned(), "digits alone"),
        (day("monday"), "did you mean `mon`?"),
        (day("Mon"), "did you mean `mon`?"),
        (day("WEDNESDAY"), "did you mean `wed`?"),
        (day("thurs"), "did you mean `thu`?"),
        (day("mo"), "did you mean `mon`?"),
        (day("mon-fri"), "`days: [mon, tue, wed, thu, fri]`"),
        (day("sat-mon"), "`days: [sat, sun, mon]`"),
        (day("weekdays"), "`days: [mon, tue, wed, thu, fri]`"),
        (day("weekend"), "`days: [sat, sun]`"),
        (day("moon"), "did you mean `mon`?"),
        (day("1"), "`mon`, `tue`"),
        (from("7:00"), "`\"07:00\"`"),
        (from("07.00"), "`\"07:00\"`"),
        (from("7"), "`\"07:00\"`"),
        (from("0700"), "`\"07:00\"`"),
        (from("7pm"), "`\"19:00\"`"),
        (from("12am"), "`\"00:00\"`"),
        (from("07:00:00"), "`\"07:00\"`"),
        (from("25:00"), "two digits"),
        (from("noon"), "two digits"),
        (zone("Europe/Berln"), "`Europe/Berlin`"),
        (zone("Berlin"), "`Europe/Berlin`"),
        (zone("New York"), "`America/New_York`"),
        (zone("PST"), "`America/Los_Angeles`"),
        (zone("UTC+1"), "no summer time"),
        (zone("Mars/Base"), "IANA"),
    ] {
        check(&rule, &of_rule(&rule), "invalid_value", hint);
    }
}

#[test]
fn the_hint_for_an_effect_a_duration_or_a_prefix_names_the_one_that_is_meant() {
    for (rule, hint) in [
        (
            "{ age_at_least: 18, otherwise: DENY }",
            "did you mean `deny`?",
        ),
        (
            "{ age_at_least: 18, otherwise: Step-Up }",
            "did you mean `step_up`?",
        ),
        (
            "{ age_at_least: 18, otherwise: stepup }",
            "did you mean `step_up`?",
        ),
        (
            "{ age_at_least: 18, otherwise: reject }",
            "did you mean `deny`?",
        ),
        ("{ age_at_least: 18, otherwise: allow }", "`any_of`"),
        ("{ age_at_least: 18, otherwise: ALLOW }", "`any_of`"),
        ("verified_within: 90", "`90d` for days"),
        ("verified_within: 30 days", "`30d`"),
        ("verified_within: 1y", "`365d`"),
        ("verified_within: P30D", "`30d`"),
        ("verified_within: 1.5h", "`1h30m`"),
        ("verified_within: -5m", "not negative"),
        ("verified_within: soon", "a sum of whole numbers"),
        ("phone_prefix: [1]", "`\"+1\"`"),
        ("phone_prefix: [\"0049\"]", "`\"+49\"`"),
        ("phone_prefix: [\"+1-202\"]", "`\"+1202\"`"),
        ("phone_prefix: [US]", "`\"+1\"`"),
        ("identity: Same-As-Request", "`same_as_request`"),
        ("identity: required", "`same_as_request`"),
        (
            "identity_in: { file: gone.txt }",
            "relative to the policy file",
        ),
    ] {
        let found = of_rule(rule);
        let code = if rule.contains("gone.txt") {
            "unreadable_file"
        } else {
            "invalid_value"
        };
        check(rule, &found, code, hint);
    }
}

#[test]
fn the_hint_for_a_key_of_another_product_or_place_names_the_one_that_is_meant() {
    for (rule, hint) in [
        ("verified_witin: 30d", "`verified_within`"),
        ("verifiedWithin: 30d", "`verified_within`"),
        ("max_age: 30d", "`verified_within` or `age_below`"),
        ("min_age: 18", "`age_at_least`"),
        ("older_than: 18", "`age_at_least`"),
        ("deny_if: { age_below: 18 }", "`otherwise`"),
        ("rule: x", "belongs in a policy"),
        ("mfa: true", "`authenticated`"),
        ("anyOf: []", "`any_of`"),
        ("or: []", "`any_of`"),
        ("blocklist: [a]", "`identity_not_in`"),
        ("whitelist: [a]", "`identity_in`"),
        ("hours: x", "`schedule`"),
        ("fresh_for: 5m", "belongs in the policy's `evidence`"),
        ("zone: UTC", "belongs in a `schedule`"),
        ("{ age_at_least: 18, else: deny }", "`otherwise`"),
        ("{ age_at_least: 18, effect: deny }", "`otherwise`"),
        ("authenticated: { within: 1h, amr: [hwk] }", "`amr_any`"),
        ("attribute: { name: site, in: [a], values: [b] }", "`in`"),
        (
            "schedule: { days: [mon], from: \"07:00\", to: \"19:00\", zone: UTC, timezone: UTC }",
            "`zone`",
        ),
        ("frobnicate: 1", "known here: status"),
    ] {
        check(rule, &of_rule(rule), "unknown_key", hint);
    }
    let require = "require: [verified_within: 1d]";
    for (lines, hint) in [
        ("rules: []", "`require`"),
        ("deny_if: x", "`require`"),
        ("max_age: 5m", "belongs in"),
        ("fresh_for: 5m", "belongs in the policy's `evidence`"),
        ("verified_within: 1d", "belongs in an item of `require`"),
        ("evidence: { max_age: 5m }", "`fresh_for`"),
        ("evidence: { on_error: deny }", "`unavailable`"),
        ("evidence: { staleFor: 5m }", "`stale_for`"),
        ("reuse: { ttl: 5m }", "`allow`"),
        (
            "step_up: { redirect: \"https://sso.example.com/\", url: x }",
            "`redirect`",
        ),
        ("Evidence: {}", "`evidence`"),
    ] {
        let text = format!("version: 1\npolicies:\n  p:\n    {require}\n    {lines}\n");
        check(lines, &problems(&text), "unknown_key", hint);
    }
    for (line, hint) in [
        ("rules: []", "`policies`"),
        ("policy: {}", "`policies`"),
        ("require: []", "belongs in a policy"),
    ] {
        let text = format!("version: 1\npolicies: {{p: {{{require}}}}}\n{line}\n");
        check(line, &problems(&text), "unknown_key", hint);
    }
}

#[test]
fn a_missing_value_is_reported_with_what_to_write() {
    for (rule, kind) in [
        ("age_at_least:", "a whole number"),
        ("verified_within: ~", "a duration"),
        ("status:", "a list"),
        ("status: [null]", "a text"),
        ("identity:", "`same_as_request`"),
        ("{ age_at_least: 18, otherwise: }", "`step_up` or `deny`"),
        ("schedule:", "a map"),
        ("attribute: { name: , in: [a] }", "a text"),
        ("any_of:", "a list"),
    ] {
        let found = of_rule(rule);
        check(rule, &found, "nothing_written", kind);
        assert!(
            found[0].message.starts_with("nothing is written here"),
            "{}",
            found[0].message
        );
    }
    let text = "version: 1\npolicies:\n  p:\n    require:\n";
    check(
        "require:",
        &problems(text),
        "nothing_written",
        "`require: [verified_within: 30d]`",
    );
}

#[test]
fn a_value_of_another_kind_is_answered_with_how_it_is_written() {
    for (rule, hint) in [
        ("scopes: NAME", "`[NAME]`"),
        ("scopes: { NAME: true }", "`scopes: [NAME]`"),
        ("age_at_least: [18]", "`age_at_least: 18`"),
        ("verified_within: { days: 30 }", "`verified_within: 30d`"),
        ("authenticated: 1h", "`authenticated: { within: 15m"),
        ("schedule: mon-fri", "`schedule: { days:"),
        ("attribute: site", "`attribute: { name: site"),
        ("any_of: { age_at_least: 18 }", "`any_of: ["),
        ("verified_within", "`verified_within: …`"),
        ("\"verified_within: 30d\"", "`verified_within: 30d`"),
        ("verified_within:30d", "`verified_within: 30d`"),
        (
            "any_of: [age_at_least: 18, \"scopes: [NAME]\"]",
            "`scopes: [NAME]`",
        ),
    ] {
        check(rule, &of_rule(rule), "wrong_type", hint);
    }
    let text = "version: 1\npolicies: {p: {require: [verified_within: 1d], reuse: 10m}}";
    check(
        "reuse: 10m",
        &problems(text),
        "wrong_type",
        "`reuse: { allow: 10m }`",
    );
}

#[test]
fn a_missing_key_is_shown_with_an_example() {
    let found = of_rule("schedule: { days: [mon] }");
    let hints: Vec<&str> = found.iter().filter_map(|d| d.hint.as_deref()).collect();
    assert_eq!(
        hints,
        [
            "add it, such as `from: \"07:00\"`",
            "add it, such as `to: \"19:00\"`",
            "add it, such as `zone: Europe/Berlin`"
        ]
    );
    check(
        "no rules",
        &problems("version: 1\npolicies: {p: {}}"),
        "missing_key",
        "`require: [verified_within: 30d]`",
    );
    check(
        "no version",
        &problems("policies: {p: {require: [verified_within: 1d]}}"),
        "missing_key",
        "`version: 1`",
    );
}

#[test]
fn a_text_that_is_not_yaml_is_answered_with_what_to_look_at() {
    for (text, hint) in [
        ("version: 1\npolicies:\n\tp: {}\n", "not with tabs"),
        (
            "version: 1\npolicies: {p: {description: @home}}",
            "quote the whole value",
        ),
        ("version: 1\npolicies: {p: {require: [", "brackets"),
    ] {
        let found = problems(text);
        assert_eq!(found[0].code.as_str(), "not_yaml", "{text}");
        let shown = found[0].hint.as_deref().unwrap_or_default();
        assert!(shown.contains(hint), "{text}: {shown}");
    }
}

/// A file with every section, into which mistakes are planted.
const WHOLE: &str = "version: 1
policies:
  p:
    description: Main entrance
    require:
      - identity: same_as_request
      - verified_within: 90d
        otherwise: step_up
      - age_at_least: 18
      - phone_prefix: [\"+1\"]
      - identity_not_in: { file: people.txt }
      - attribute: { name: site, in: [hq] }
      - authenticated: { within: 1h, amr_any: [hwk], acr_any: [a] }
      - schedule: { days: [mon], from: \"07:00\", to: \"19:00\", zone: UTC }
      - any_of: [status: [VERIFIED], all_of: [scopes: [NAME], project: [x]]]
    evidence: { fresh_for: 5m, stale_for: 1h, unavailable: deny }
    reuse: { allow: 1m }
    step_up: { redirect: \"https://sso.example.com/\" }
";

/// Words that stand in place of one of the file.
const WRONG: [&str; 14] = [
    "~", "[]", "{}", "[a]", "{a: b}", "\"\"", "-1", "x", "DENY", "0x12", "\"a b\"", "&a b", "!t c",
    "\u{200b}",
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1500) })]

    #[test]
    fn whatever_is_refused_has_a_hint(at in 0..1000_usize, wrong in 0..WRONG.len(), cut in proptest::bool::ANY) {
        let words: Vec<(usize, &str)> = WHOLE.match_indices(|c: char| c.is_alphanumeric() || c == '_').collect();
        // The word that begins at or before this place.
        let (index, _) = words[at % words.len()];
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let begins = WHOLE[..index].rfind(|c| !is_word(c)).map_or(0, |before| before + 1);
        let ends = WHOLE[index..].find(|c| !is_word(c)).map_or(WHOLE.len(), |length| index + length);
        let rest = if cut { "" } else { &WHOLE[ends..] };
        let text = format!("{}{}{rest}", &WHOLE[..begins], WRONG[wrong]);
        for problem in problems(&text) {
            let hint = problem.hint.as_deref().unwrap_or_default();
            prop_assert!(!hint.is_empty(), "{}\n{}", problem, text);
            prop_assert!(!problem.message.is_empty());
        }
    }
}
