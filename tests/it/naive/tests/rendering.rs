//! The YAML that is written, character by character.

use super::super::model::IdList;
use super::super::render::{
    NamedCase, case_file, date_of_birth, duration, instant, list_files, policy_file,
};
use super::*;

#[test]
fn durations_are_sums_of_units() {
    assert_eq!(duration(0), "0s");
    assert_eq!(duration(1), "1ms");
    assert_eq!(duration(36 * HOURS), "1d12h");
    assert_eq!(duration(30 * DAYS - 1), "29d23h59m59s999ms");
    assert_eq!(duration(14 * DAYS), "2w");
}

#[test]
fn dates_have_milliseconds_and_births_take_three_forms() {
    assert_eq!(instant(NOW + 7), "2026-06-15T12:00:00.007Z");
    assert_eq!(date_of_birth(ms("1990-05-17T00:00:00Z")), "1990-05-17");
    assert_eq!(
        date_of_birth(ms("1990-05-17T10:00:00Z")),
        "1990-05-17T10:00:00.000Z"
    );
    assert_eq!(date_of_birth(ms("1990-05-17T00:15:00Z")), "642903300000");
    // What is no local midnight, or could be seconds, is written as a date that cannot be read.
    assert_eq!(date_of_birth(ms("1990-05-17T00:00:00Z") + 1), "9999-12-30");
    assert_eq!(date_of_birth(1_425_600_000), "9999-12-30");
}

#[test]
fn a_policy_is_written_as_in_the_design() {
    let night = hours(
        &[Weekday::Mon, Weekday::Fri],
        22 * 60,
        6 * 60,
        "Europe/Berlin",
    );
    let file = IdList::File {
        name: "people.txt".into(),
        ids: words(&["id-1", "id-2"]),
    };
    let policy = Policy {
        description: Some("Main \"entrance\"".into()),
        fresh_for: Some(300_000),
        unavailable: Some(Otherwise::StepUp),
        reuse_allow: Some(600_000),
        ..Policy::of(vec![
            deny(Requirement::VerifiedWithin(90 * DAYS)),
            step_up(Requirement::AnyOf(vec![
                Requirement::Authenticated {
                    within: 12 * HOURS,
                    amr_any: words(&["hwk"]),
                    acr_any: vec![],
                },
                Requirement::AllOf(vec![
                    Requirement::Schedule(night),
                    Requirement::IdentitySameAsRequest,
                ]),
            ])),
            deny(Requirement::Attribute {
                name: "site".into(),
                accepted: words(&["hq"]),
            }),
            deny(Requirement::IdentityNotIn(file)),
        ])
    };
    let expected = r#"version: 1
policies:
  "front-door":
    description: "Main \"entrance\""
    require:
      - verified_within: 90d
      - any_of:
          - authenticated: { within: 12h, amr_any: ["hwk"] }
          - all_of:
              - schedule: { days: [mon, fri], from: "22:00", to: "06:00", zone: Europe/Berlin }
              - identity: same_as_request
        otherwise: step_up
      - attribute: { name: "site", in: ["hq"] }
      - identity_not_in: { file: "people.txt" }
    evidence:
      fresh_for: 5m
      unavailable: step_up
    reuse:
      allow: 10m
"#;
    assert_eq!(policy_file(&[("front-door", &policy)]), expected);
    assert_eq!(
        list_files(&policy),
        [("people.txt".to_owned(), "id-1\nid-2\n".to_owned())]
    );
}

#[test]
fn a_case_is_written_as_in_the_design() {
    let verification = Verification {
        identity_id: Some("id-1".into()),
        full_name: Some("Ada Example".into()),
        date_of_birth: Some(ms("1990-05-17T00:00:00Z")),
        verified_at: Some(NOW),
        ..scoped("NAME")
    };
    let mut request = session(Some("a"), &["hwk"], Some(NOW));
    request.identity_id = Some("id-1".into());
    request.attributes.insert("site".into(), "hq".into());
    let case = Case {
        at: NOW,
        upstream: Upstream::Answered(Box::new(verification)),
        request,
    };
    let down = Case {
        at: NOW,
        upstream: Upstream::Down,
        request: Request::default(),
    };
    let outcome = Outcome {
        decision: STEP_UP,
        reasons: vec![("VERIFICATION_TOO_OLD", STEP_UP)],
        next_change: Some((NOW + 1, DENY)),
        valid_until: None,
    };
    let expected = r#"cases:
  - name: "a month old"
    policy: "front-door"
    at: 2026-06-15T12:00:00.000Z
    verification:
      scopes: ["NAME"]
      verified_at: 2026-06-15T12:00:00.000Z
      identity_id: "id-1"
      full_name: "Ada Example"
      date_of_birth: 1990-05-17
    request:
      identity_id: "id-1"
      attributes: { "site": "hq" }
      authentication: { acr: "a", amr: ["hwk"], auth_time: 2026-06-15T12:00:00.000Z }
    expect:
      decision: step_up
      reasons: [VERIFICATION_TOO_OLD]
      next_change: { at: 2026-06-15T12:00:00.001Z, to: deny }
  - name: "down"
    policy: "front-door"
    at: 2026-06-15T12:00:00.000Z
    upstream: down
"#;
    let first = NamedCase {
        name: "a month old",
        policy: "front-door",
        case: &case,
        expect: Some(&outcome),
    };
    let second = NamedCase {
        name: "down",
        policy: "front-door",
        case: &down,
        expect: None,
    };
    assert_eq!(case_file(&[first, second]), expected);
}
