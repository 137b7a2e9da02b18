//! Tests of policies as their authors write them: the corpus, which documents the language by example, and what is reported
//! where a case has a mistake or fails.

mod command;
mod coverage;
mod random;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use expect_test::{Expect, expect};
use verigate::{
    live,
    policy::{
        PolicySet, SourceText,
        suite::{self, Case},
        testing::{set, source},
    },
};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn corpus() -> (PolicySet, Vec<Case>) {
    read_all("tests/policies", "tests/cases")
}

/// The policies of a folder, and the cases of another.
fn read_all(policies: &str, cases: &str) -> (PolicySet, Vec<Case>) {
    let policies = live::load(&folder(policies)).unwrap();
    let mut files: Vec<PathBuf> = fs::read_dir(folder(cases))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let texts: Vec<Arc<SourceText>> = files
        .iter()
        .map(|file| {
            source(
                &file.display().to_string(),
                &fs::read_to_string(file).unwrap(),
            )
        })
        .collect();
    let cases = suite::read(&texts, &policies).unwrap();
    (policies, cases)
}

#[test]
fn the_corpus_says_what_the_language_means() {
    let (policies, cases) = corpus();
    assert!(cases.len() >= 180);
    all_pass(&policies, &cases);
}

#[test]
fn the_samples_decide_as_their_comments_say() {
    let (policies, cases) = read_all("policies", "tests/samples");
    assert!(cases.len() >= 20);
    all_pass(&policies, &cases);
}

fn all_pass(policies: &PolicySet, cases: &[Case]) {
    let report = suite::run(policies, cases);
    for result in &report.results {
        let (case, mismatches) = (result.case, &result.mismatches);
        assert!(
            result.passed(),
            "{}:{}: {}: {mismatches:#?}",
            case.source.path,
            case.position.line,
            case.name
        );
    }
}

const POLICY: &str = "\
version: 1
policies:
  front-door:
    require:
      - verified_within: 30d
        otherwise: step_up
      - scopes: [NAME, PHONE]
      - age_at_least: 18
";

fn policies() -> PolicySet {
    set(POLICY)
}

fn read(cases: &str) -> Result<Vec<Case>, String> {
    suite::read_situations(&[source("c.yaml", cases)], &policies())
        .map_err(|problems| problems.to_string())
}

fn check_mistakes(cases: &str, expected: &Expect) {
    expected.assert_eq(&read(cases).unwrap_err());
}

#[test]
#[expect(
    clippy::too_many_lines,
    reason = "the expected output is long, because every problem is reported"
)]
fn every_mistake_in_a_case_is_reported_at_once() {
    check_mistakes(
        "\
cases:
  - name: mistaken
    policy: frontdoor
    at: 2026-01-31
    verification: { verified_at: yesterday, scopes: NAME, date_of_birth: 17.5.1990, fullname: Ada }
    request: { authentication: { amr: hwk } }
    expect:
      decision: permit
      reasons: [VERIFICATION_TO_OLD]
      next_change: { at: never }
  - policy: front-door
    at: 2026-01-31T00:00:00Z
    upstream: up
  - name: two sources
    policy: front-door
    at: 2026-01-31T00:00:00Z
    upstream: down
    verification: {}
  - name: none
    policy: front-door
    at: 2026-01-31T00:00:00Z
    expect: { next_change: soon }
",
        &expect![[r#"
            error: there is no policy `frontdoor`
             --> c.yaml:3:13
              |
            3 |     policy: frontdoor
              |             ^^^^^^^^^
              |
              = help: did you mean `front-door`?

            error: `at`: `2026-01-31` is not an instant
             --> c.yaml:4:9
              |
            4 |     at: 2026-01-31
              |         ^^^^^^^^^^
              |
              = help: an instant is written as RFC 3339 does, such as `2026-01-31T00:00:00Z`

            error: `verified_at`: `yesterday` is not an instant
             --> c.yaml:5:34
              |
            5 |     verification: { verified_at: yesterday, scopes: NAME, date_of_birth: 17.5.1990, fullname: Ada }
              |                                  ^^^^^^^^^
              |
              = help: an instant is written as RFC 3339 does, such as `2026-01-31T00:00:00Z`

            error: `scopes` is a list
             --> c.yaml:5:53
              |
            5 |     verification: { verified_at: yesterday, scopes: NAME, date_of_birth: 17.5.1990, fullname: Ada }
              |                                                     ^^^^
              |
              = help: write a list: `[NAME]`

            error: `date_of_birth`: `17.5.1990` is not a date
             --> c.yaml:5:74
              |
            5 |     verification: { verified_at: yesterday, scopes: NAME, date_of_birth: 17.5.1990, fullname: Ada }
              |                                                                          ^^^^^^^^^
              |
              = help: a date such as `1990-05-17` (midnight UTC), an instant such as `1990-05-17T00:00:00Z`, or milliseconds since 1970

            error: unknown key `fullname`
             --> c.yaml:5:85
              |
            5 |     verification: { verified_at: yesterday, scopes: NAME, date_of_birth: 17.5.1990, fullname: Ada }
              |                                                                                     ^^^^^^^^
              |
              = help: did you mean `full_name`?

            error: `amr` is a list
             --> c.yaml:6:39
              |
            6 |     request: { authentication: { amr: hwk } }
              |                                       ^^^
              |
              = help: write a list: `[hwk]`

            error: `decision` is `allow` or `step_up` or `deny`, not `permit`
             --> c.yaml:8:17
              |
            8 |       decision: permit
              |                 ^^^^^^
              |
              = help: write one of `allow`, `step_up`, `deny`

            error: there is no reason `VERIFICATION_TO_OLD`
             --> c.yaml:9:17
              |
            9 |       reasons: [VERIFICATION_TO_OLD]
              |                 ^^^^^^^^^^^^^^^^^^^
              |
              = help: did you mean `VERIFICATION_TOO_OLD`?

            error: `to` is missing
              --> c.yaml:10:20
               |
            10 |       next_change: { at: never }
               |                    ^^
               |
               = help: add `to:` with its value

            error: `at`: `never` is not an instant
              --> c.yaml:10:26
               |
            10 |       next_change: { at: never }
               |                          ^^^^^
               |
               = help: an instant is written as RFC 3339 does, such as `2026-01-31T00:00:00Z`

            error: `name` is missing
              --> c.yaml:11:5
               |
            11 |   - policy: front-door
               |     ^
               |
               = help: add `name:` with its value

            error: `upstream` is `down` or `absent`, not `up`
              --> c.yaml:13:15
               |
            13 |     upstream: up
               |               ^^
               |
               = help: write one of `down`, `absent`

            error: both `verification` and `upstream` in one case
              --> c.yaml:17:15
               |
            17 |     upstream: down
               |               ^^^^
               |
               = help: `upstream: down` and `upstream: absent` stand in the place of a `verification`; with `evidence: { seen_ago: 10m }` the verification is a copy from before the outage

            error: the case does not say what is known
              --> c.yaml:19:5
               |
            19 |   - name: none
               |     ^
               |
               = help: write `verification:`, or `upstream: down` or `upstream: absent` in its place

            error: `next_change`: `soon` is no change
              --> c.yaml:22:28
               |
            22 |     expect: { next_change: soon }
               |                            ^^^^
               |
               = help: write `never`, or such as `{ at: 2026-04-01T00:00:00Z, to: deny }`"#]],
    );
    check_mistakes(
        "# nothing\n",
        &expect![[r#"
        error: the file is empty
         --> c.yaml:1:1
          |
        1 | # nothing
          | ^
          |
          = help: a policy file has `version: 1` and `policies:`, a case file `cases:`"#]],
    );
}

/// Runs one case with this verification or request, and returns the mismatches.
fn differences(case: &str) -> String {
    let head = "cases:\n  - name: one\n    policy: front-door\n    at: 2026-01-31T00:00:00.0009Z\n";
    let cases = read(&format!("{head}{case}")).unwrap();
    let policies = policies();
    let report = suite::run(&policies, &cases);
    let mismatches = report.results.iter().flat_map(|r| &r.mismatches);
    mismatches
        .map(|d| format!("{}: expected {}, got {}", d.what, d.expected, d.actual))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn every_mismatch_with_the_expectation_is_reported() {
    let verification = "    verification: { verified_at: 2026-01-01T00:00:00Z, scopes: [NAME, PHONE, DATE_OF_BIRTH], \
         full_name: Ada Example, phone: \"+12025550101\", date_of_birth: 1990-05-17 }\n";
    let check = |expectation: &str, expected: Expect| {
        expected.assert_eq(&differences(&format!("{verification}{expectation}")));
    };
    check("", expect![[r#""#]]);
    check(
        "    expect: { decision: allow, reasons: [], next_change: never }\n",
        expect![[r#"
            decision: expected allow, got step_up
            reasons: expected [], got [VERIFICATION_TOO_OLD]"#]],
    );
    check(
        "    expect: { reasons: [VERIFICATION_TOO_OLD, VERIFICATION_TOO_OLD], next_change: { at: 2026-01-31T00:00:00Z, to: deny } }\n",
        expect![[r#"
            reasons: expected [VERIFICATION_TOO_OLD, VERIFICATION_TOO_OLD], got [VERIFICATION_TOO_OLD]
            next_change: expected { at: 2026-01-31T00:00:00Z, to: deny }, got never"#]],
    );
}

#[test]
fn data_of_a_case_is_judged_as_data_of_the_vendor_is() {
    let reasons = |data: &str| {
        let facts = "verified_at: 2026-01-30T00:00:00Z, scopes: [NAME, PHONE, DATE_OF_BIRTH]";
        let mismatches = differences(&format!(
            "    verification: {{ {facts}, {data} }}\n    expect: {{ reasons: [] }}\n"
        ));
        mismatches
            .trim_start_matches("reasons: expected [], got ")
            .trim_end()
            .to_owned()
    };
    let rest = "phone: \"+12025550101\", date_of_birth: 1990-05-17";
    assert_eq!(reasons(&format!("full_name: Ada Example, {rest}")), "");
    assert_eq!(
        reasons(&format!(
            "full_name: ~, first_name: Ada, last_name: Example, {rest}"
        )),
        ""
    );
    assert_eq!(
        reasons(&format!("first_name: Ada, {rest}")),
        "[DATA_MISSING]"
    );
    assert_eq!(
        reasons(&format!("full_name: \"  \", {rest}")),
        "[DATA_MISSING]"
    );
    for (phone, reason) in [
        ("\"(202) 555-0101\"", "[DATA_INVALID]"),
        ("\"\"", "[DATA_MISSING]"),
    ] {
        let data = format!("full_name: Ada Example, phone: {phone}, date_of_birth: 1990-05-17");
        assert_eq!(reasons(&data), reason);
    }
    for born in [
        "1990-05-17",
        "1990-05-17T02:00:00+02:00",
        "642902400000",
        "\"642902400000\"",
    ] {
        let data =
            format!("full_name: Ada Example, phone: \"+12025550101\", date_of_birth: {born}");
        assert_eq!(reasons(&data), "", "{born}");
    }
    let data = "full_name: Ada Example, phone: \"+12025550101\", date_of_birth: \"\"";
    assert_eq!(reasons(data), "[DATA_MISSING]");
    let long = "x".repeat(257);
    assert_eq!(
        reasons(&format!("status: {long}, {rest}")),
        "[EVIDENCE_INVALID]"
    );
}

#[test]
fn every_attribute_that_is_not_text_is_reported() {
    let problems = read(
        "cases: [{name: n, policy: front-door, at: \"2026-01-31T00:00:00Z\", upstream: down, request: {attributes: {a: [], b: {}}}}]",
    )
    .unwrap_err();
    assert_eq!(
        problems.matches("error: the attribute").count(),
        2,
        "{problems}"
    );
}

#[test]
fn a_year_or_a_date_without_dashes_is_not_taken_for_milliseconds() {
    let born = |born: &str| {
        read(&format!(
            "cases: [{{name: n, policy: front-door, at: \"2026-01-31T00:00:00Z\", verification: {{date_of_birth: {born}}}}}]"
        ))
    };
    for mistaken in ["1990", "19900517", "'19900517'"] {
        let problems = born(mistaken).unwrap_err();
        assert!(problems.contains("is not a date"), "{mistaken}: {problems}");
    }
    for mistaken in [
        "0",
        "-86400000",
        "18000000",
        "1425600000",
        "642902400001",
        "1970-01-05",
        "1990-05-17T00:00:01Z",
    ] {
        let reported = born(mistaken).unwrap_err();
        assert!(
            reported.contains("is no local midnight"),
            "{mistaken}: {reported}"
        );
        assert!(
            reported.contains("26 January 1970"),
            "{mistaken}: {reported}"
        );
    }
    for right in [
        "-2200500000",
        "642902400000",
        "1990-05-17T00:15:00Z",
        "9999-12-30",
    ] {
        assert!(born(right).is_ok(), "{right}");
    }
}

#[test]
fn a_birth_before_the_first_year_is_written_so_that_it_can_be_read() {
    let cases = read(
        "cases: [{name: n, policy: front-door, at: \"2026-01-31T00:00:00Z\", verification: {date_of_birth: -62198755200000}}]",
    )
    .unwrap();
    let (file, _) = suite::write(&cases);
    assert!(read(&file).is_ok(), "{file}");
}

#[test]
fn mistakes_in_a_verification_are_reported_where_there_is_an_upstream_too() {
    let mistakes = read(
        "cases: [{name: a, policy: p, at: 2026-01-31T00:00:00Z, upstream: down, verification: {verified_at: soon}}]",
    )
    .unwrap_err();
    assert!(mistakes.contains("both `verification` and `upstream` in one case"));
    assert!(mistakes.contains("`verified_at`: `soon` is not an instant"));
}

#[test]
fn a_case_file_without_cases_is_refused_with_a_hint() {
    let mistakes = read("cases: []").unwrap_err();
    assert!(
        mistakes.contains("= help: write at least one"),
        "{mistakes}"
    );
}
