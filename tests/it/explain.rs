//! `verigate policy explain`: a case of a file, or given by flags.

use std::process::{Command, Output};

use expect_test::{Expect, expect};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Runs it with these arguments. A part with spaces is several arguments.
fn explain(arguments: &[&str]) -> Output {
    let arguments = arguments.iter().flat_map(|part| part.split(' '));
    Command::new(env!("CARGO_BIN_EXE_verigate"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["policy", "explain", "--policies", "policies"])
        .args(arguments)
        .output()
        .unwrap()
}

fn check(arguments: &[&str], expected: &Expect) {
    let output = explain(arguments);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    expected.assert_eq(&String::from_utf8(output.stdout).unwrap());
}

/// The error without the usage and the pointer to the help, which `clap` adds.
fn check_mistake(arguments: &[&str], expected: &Expect) {
    let output = explain(arguments);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    let stderr = String::from_utf8(output.stderr).unwrap();
    expected.assert_eq(stderr.split("\n\nUsage:").next().unwrap());
}

/// A file with a case of a month-old verification.
fn month_old() -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let cases = folder.path().join("case.yaml");
    std::fs::write(
        &cases,
        "cases:\n  - name: a month-old verification\n    policy: front-door\n    at: 2026-01-31T00:00:00Z\n    verification: {verified_at: 2026-01-01T00:00:00Z, scopes: [NAME, DATE_OF_BIRTH], identity_id: id-ada, full_name: Ada Example, date_of_birth: 1990-05-17}\n    request: {identity_id: id-ada}\n",
    )
    .unwrap();
    let cases = cases.to_str().unwrap().to_owned();
    (folder, cases)
}

#[test]
fn a_case_of_a_file_is_explained_with_each_rule_and_its_changes_over_time() {
    let (_folder, cases) = month_old();
    let cases = cases.as_str();
    check(
        &[cases],
        &expect![[r#"
            a month-old verification
            STEP_UP by `front-door` at 2026-01-31T00:00:00Z

              met       status: [VERIFIED]
              met       identity: same_as_request
              met       verified_within: 90d, until 2026-04-01T00:00:00Z
              STEP_UP   verified_within: 30d (VERIFICATION_TOO_OLD)
              met       scopes: [NAME]
              met       age_at_least: 16
              needed    verify again, younger than 30d

              ●  STEP_UP   now
              ●  DENY      2026-04-01T00:00:00Z, in 60d
              │            verified_within: 90d no longer holds
              ▼            no further change within ten years
        "#]],
    );
    let none = explain(&[cases, "--case", "nobody"]);
    assert_eq!(none.status.code(), Some(2));
    let mistaken = explain(&["policies/front-door.yaml"]);
    assert_eq!(mistaken.status.code(), Some(1));
}

#[test]
fn flags_describe_the_same_case_as_a_file() {
    let at = "--policy front-door --at 2026-01-31T00:00:00Z --verified-at 2026-01-01T00:00:00Z";
    let person = "--scope NAME --scope DATE_OF_BIRTH --full-name Ada --date-of-birth 1990-05-17 --verified-identity id-ada --identity id-ada";
    let by_flags = explain(&[at, person]);
    assert_eq!(by_flags.status.code(), Some(0));
    let (_folder, cases) = month_old();
    let by_file = explain(&[&cases]);
    let by_file = String::from_utf8(by_file.stdout).unwrap();
    assert_eq!(
        String::from_utf8(by_flags.stdout).unwrap(),
        by_file.replace("a month-old verification", "as the flags say")
    );
}

#[test]
fn every_flag_is_a_fact_and_what_no_flag_gives_is_unknown() {
    let explained = |more: &str| {
        let output = explain(&["--at 2026-01-31T00:00:00Z", more]);
        let text = String::from_utf8(output.stdout).unwrap();
        let why = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{more:?}: {why}");
        text.lines()
            .skip(1)
            .take_while(|line| !line.contains('●'))
            .collect::<Vec<_>>()
            .join("\n")
    };
    expect![[r#"
        DENY by `front-door` at 2026-01-31T00:00:00Z

          met       status: [VERIFIED]
          DENY      identity: same_as_request (IDENTITY_NOT_GIVEN)
          DENY      verified_within: 90d (VERIFIED_AT_MISSING)
          STEP_UP   verified_within: 30d (VERIFIED_AT_MISSING)
          STEP_UP   scopes: [NAME] (SCOPE_NOT_GRANTED)
          DENY      age_at_least: 16 (SCOPE_NOT_GRANTED)
          needed    all of these:
                    - name the identity in the request
                    - verify again, younger than 30d
                    - let the verification carry NAME and DATE_OF_BIRTH
    "#]]
    .assert_eq(&explained("--policy front-door --verified-identity id-ada"));
    expect![[r#"
        DENY by `front-door` at 2026-01-31T00:00:00Z

          guard     EVIDENCE_UNAVAILABLE: the verification could not be looked up
          needed    nothing helps
    "#]]
    .assert_eq(&explained("--policy front-door --upstream down"));
    expect![[r#"
        DENY by `front-door` at 2026-01-31T00:00:00Z

          guard     VERIFICATION_NOT_FOUND: no such verification is known
          needed    nothing helps
    "#]]
    .assert_eq(&explained("--policy front-door --upstream absent"));
    expect![[r#"
        DENY by `contractor` at 2026-01-31T00:00:00Z (Sat 01:00 Europe/Berlin)

          met       status: [VERIFIED]
          DENY      identity: same_as_request (IDENTITY_MISMATCH)
          DENY      identity_in: {file: contractors.txt} (IDENTITY_NOT_LISTED)
          met       verified_within: 30d, until 2026-02-25T00:00:00Z (Wed 01:00 Europe/Berlin)
          met       verified_within: 7d, until 2026-02-02T00:00:00Z (Mon 01:00 Europe/Berlin)
          STEP_UP   scopes: [NAME] (SCOPE_NOT_GRANTED)
          DENY      schedule: {days: [mon, tue, wed, thu, fri], from: "07:00", to: "17:00", zone:
                    Europe/Berlin} (OUTSIDE_SCHEDULE),
                    until 2026-02-02T06:00:00Z (Mon 07:00 Europe/Berlin)
          needed    nothing helps
    "#]]
    .assert_eq(&explained(
        "--policy contractor --verified-ago 5d --verified-identity id-ben --identity id-eve",
    ));
    expect![[r#"
        DENY by `sso-admin` at 2026-01-31T00:00:00Z

          DENY      status: [VERIFIED] (STATUS_NOT_ACCEPTED)
          met       identity: same_as_request
          met       verified_within: 90d, until 2026-04-26T00:00:00Z
          met       any_of: [verified_within: 12h, authenticated: {within: 15m, amr_any: [hwk]}],
                    until 2026-01-31T00:10:00Z
          STEP_UP   scopes: [NAME, PHONE] (SCOPE_NOT_GRANTED)
          needed    all of these:
                    - verify again, younger than 90d
                    - let the verification carry PHONE
    "#]].assert_eq(&explained(
        "--policy sso-admin --verified-ago 5d --status PENDING --acr phr --amr hwk --amr face --auth-ago 5m --attribute app=x \
         --project-id p --first-name Ada --last-name Example --scope NAME --phone +12025550101 --verified-identity id-ada --identity id-ada",
    ));
}

#[test]
fn a_check_is_now_if_no_flag_gives_its_instant() {
    let output = explain(&["--policy", "front-door", "--verified-ago", "40d"]);
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(
        stdout.contains("STEP_UP   verified_within: 30d"),
        "{stdout}"
    );
    assert!(
        stdout.contains("met       verified_within: 90d"),
        "{stdout}"
    );
}

#[test]
fn a_mistake_in_a_flag_is_reported_as_it_is_in_a_file() {
    check_mistake(
        &[
            "--policy frontdoor --at today --verified-ago 1d --date-of-birth 17.5.1990 --attribute a=1 --attribute a=2",
        ],
        &expect![[r#"
            error: there is no policy `frontdoor`
             --> the flags:3:13
              |
            3 |     policy: frontdoor
              |             ^^^^^^^^^
              |
              = help: did you mean `front-door`?

            error: `at`: `today` is not an instant
             --> the flags:4:9
              |
            4 |     at: today
              |         ^^^^^
              |
              = help: an instant is written as RFC 3339 does, such as `2026-01-31T00:00:00Z`

            error: `date_of_birth`: `17.5.1990` is not a date
             --> the flags:6:22
              |
            6 |       date_of_birth: "17.5.1990"
              |                      ^^^^^^^^^^^
              |
              = help: a date such as `1990-05-17` (midnight UTC), an instant such as `1990-05-17T00:00:00Z`, or milliseconds since 1970

            error: the key `a` is here twice
              --> the flags:10:9
               |
            10 |         a: "2"
               |         ^
               |
               = help: keep one of the two
        "#]],
    );
}

#[test]
fn flags_that_contradict_one_another_are_reported() {
    check_mistake(
        &[],
        &expect![[r#"
        error: the following required arguments were not provided:
          <CASES|--policy <NAME>>"#]],
    );
    check_mistake(
        &["tests/samples --policy front-door"],
        &expect!["error: the argument '[CASES]' cannot be used with '--policy <NAME>'"],
    );
    check_mistake(
        &["tests/samples --status VERIFIED"],
        &expect![[r#"
            verigate: flags describe another case than the case file: give them with --policy
        "#]],
    );
    check_mistake(
        &["--status VERIFIED"],
        &expect![[r#"
        error: the following required arguments were not provided:
          <CASES|--policy <NAME>>"#]],
    );
    check_mistake(
        &["--policy front-door --case ada"],
        &expect!["error: the argument '--policy <NAME>' cannot be used with '--case <NAME>'"],
    );
    check_mistake(
        &["--policy front-door --verified-at 2026-01-31T00:00:00Z --verified-ago 1d"],
        &expect![
            "error: the argument '--verified-at <TIME>' cannot be used with '--verified-ago <DURATION>'"
        ],
    );
    check_mistake(
        &["--policy front-door --verified-ago 30"],
        &expect![[r#"
            error: invalid value '30' for '--verified-ago <DURATION>': not a duration such as 30d, 12h or 1d12h

            For more information, try '--help'.
        "#]],
    );
    check_mistake(
        &["--policy front-door --upstream down --status VERIFIED"],
        &expect![[r#"
            error: both `verification` and `upstream` in one case
             --> the flags:5:15
              |
            5 |     upstream: down
              |               ^^^^
              |
              = help: `upstream: down` and `upstream: absent` stand in the place of a `verification`; with `evidence: { seen_ago: 10m }` the verification is a copy from before the outage
        "#]],
    );
}

#[test]
fn what_a_guard_refuses_has_no_verdicts() {
    let output = explain(&[
        "--policy front-door --at 2026-01-31T00:00:00Z --verified-at 2026-01-31T00:01:00.001Z",
    ]);
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(
        stdout.contains("guard     VERIFIED_AT_IN_FUTURE"),
        "{stdout}"
    );
    assert!(!stdout.contains("met"), "{stdout}");
}

#[test]
fn an_explanation_as_json_has_every_field_of_the_contract() {
    let (_folder, cases) = month_old();
    let output = explain(&[&cases, "--format", "json"]);
    let explained: Value = serde_json::from_slice(&output.stdout).unwrap();
    let expected = json!([{
        "case": "a month-old verification",
        "policy": "front-door",
        "at": "2026-01-31T00:00:00Z",
        "local": [],
        "decision": "step_up",
        "guard": null,
        "rules": [
            {"rule": "status: [VERIFIED]", "effect": "deny", "met": true, "reason": null, "until": null},
            {"rule": "identity: same_as_request", "effect": "deny", "met": true, "reason": null, "until": null},
            {"rule": "verified_within: 90d", "effect": "deny", "met": true, "reason": null, "until": "2026-04-01T00:00:00Z"},
            {"rule": "verified_within: 30d", "effect": "step_up", "met": false, "reason": "VERIFICATION_TOO_OLD", "until": null},
            {"rule": "scopes: [NAME]", "effect": "step_up", "met": true, "reason": null, "until": null},
            {"rule": "age_at_least: 16", "effect": "deny", "met": true, "reason": null, "until": null},
        ],
        "remedies": [{"reverify": {"maxAge": "2592000s"}}],
        "alternatives": [{"remedies": [{"reverify": {"maxAge": "2592000s"}}]}],
        "reusable_until": null,
        "next_change": {"at": "2026-04-01T00:00:00Z", "to": "deny"},
        "timeline": [{
            "at": "2026-04-01T00:00:00Z",
            "local": [],
            "decision": "deny",
            "cause": "verified_within: 90d no longer holds",
        }],
        "more": false,
        "schedules": null,
        "ended": null,
    }]);
    assert_eq!(explained, expected);
    let down = explain(&["--policy front-door --upstream down --format json"]);
    let down: Value = serde_json::from_slice(&down.stdout).unwrap();
    let down = &down[0];
    assert_eq!(
        (&down["guard"], &down["rules"], &down["timeline"]),
        (&json!("EVIDENCE_UNAVAILABLE"), &json!([]), &json!([]))
    );
}

#[test]
fn a_timeline_begins_with_what_runs_out_and_shows_a_schedule_once_in_its_zone() {
    let contractor = "--policy contractor --verified-ago 5d --verified-identity id-dan --identity id-dan --scope NAME --full-name Dan \
         --at 2026-01-30T12:00:00Z";
    check(
        &[contractor],
        &expect![[r#"
            as the flags say
            ALLOW by `contractor` at 2026-01-30T12:00:00Z (Fri 13:00 Europe/Berlin)

              met       status: [VERIFIED]
              met       identity: same_as_request
              met       identity_in: {file: contractors.txt}
              met       verified_within: 30d, until 2026-02-24T12:00:00Z (Tue 13:00 Europe/Berlin)
              met       verified_within: 7d, until 2026-02-01T12:00:00Z (Sun 13:00 Europe/Berlin)
              met       scopes: [NAME]
              met       schedule: {days: [mon, tue, wed, thu, fri], from: "07:00", to: "17:00", zone:
                        Europe/Berlin},
                        until 2026-01-30T16:00:00Z (Fri 17:00 Europe/Berlin)
              reusable  until 2026-01-30T12:05:00Z (Fri 13:05 Europe/Berlin) (5m)

              ●  ALLOW     now
              ●  STEP_UP   2026-02-02T06:00:00Z (Mon 07:00 Europe/Berlin), in 2d18h
              │            schedule mon-fri 07:00-17:00 Europe/Berlin opens
              │            verified_within: 7d no longer holds from 2026-02-01T12:00:00Z (Sun 13:00
                           Europe/Berlin) on
              ●  DENY      2026-02-24T12:00:00Z (Tue 13:00 Europe/Berlin), in 25d
              │            verified_within: 30d no longer holds
              ▼            and every week by schedule:

              schedule  mon-fri 07:00-17:00 Europe/Berlin
                        now ALLOW inside, DENY outside
              DENY      2026-01-30T16:00:00Z (Fri 17:00 Europe/Berlin) closes
              DENY      2026-02-02T16:00:00Z (Mon 17:00 Europe/Berlin) closes
              STEP_UP   2026-02-03T06:00:00Z (Tue 07:00 Europe/Berlin) opens
              DENY      2026-02-03T16:00:00Z (Tue 17:00 Europe/Berlin) closes
                        and so on
        "#]],
    );
    let output = explain(&[contractor, "--format json"]);
    let explained: Value = serde_json::from_slice(&output.stdout).unwrap();
    let explained = &explained[0];
    assert_eq!(
        explained["local"],
        json!(["Fri 2026-01-30 13:00 Europe/Berlin"])
    );
    assert_eq!(explained["more"], true);
    let timeline = explained["timeline"].as_array().unwrap();
    let gist: Vec<String> = timeline
        .iter()
        .map(|change| {
            format!(
                "{} {} {}",
                change["at"], change["decision"], change["cause"]
            )
        })
        .collect();
    expect![[r#"
        "2026-01-30T16:00:00Z" "deny" "schedule mon-fri 07:00-17:00 Europe/Berlin closes"
        "2026-02-02T06:00:00Z" "step_up" "schedule mon-fri 07:00-17:00 Europe/Berlin opens; verified_within: 7d no longer holds from 2026-02-01T12:00:00Z (Sun 13:00 Europe/Berlin) on"
        "2026-02-02T16:00:00Z" "deny" "schedule mon-fri 07:00-17:00 Europe/Berlin closes"
        "2026-02-03T06:00:00Z" "step_up" "schedule mon-fri 07:00-17:00 Europe/Berlin opens"
        "2026-02-03T16:00:00Z" "deny" "schedule mon-fri 07:00-17:00 Europe/Berlin closes"
        "2026-02-24T12:00:00Z" "deny" "verified_within: 30d no longer holds""#]].assert_eq(&gist.join("\n"));
}

#[test]
fn lines_are_as_wide_as_the_screen() {
    for columns in [60, 80, 110] {
        let output = Command::new(env!("CARGO_BIN_EXE_verigate"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(["policy", "explain", "--policies", "policies"])
            .args(["--policy", "contractor", "--verified-ago", "5d"])
            .env("COLUMNS", columns.to_string())
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("schedule: {days: [mon,"), "{text}");
        assert!(!text.contains('\u{1b}'), "no colours in a pipe: {text}");
        let widest = text.lines().map(|line| line.chars().count()).max();
        assert!(
            widest <= Some(columns) && widest > Some(columns * 2 / 3),
            "{text}"
        );
    }
}
