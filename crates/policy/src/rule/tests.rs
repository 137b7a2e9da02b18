//! When requirements hold, and why they do not.

use std::time::Duration;

use super::*;
use crate::{
    evidence::{BirthDate, Datum, Scope, Verification},
    reason::ReasonCode,
    request::Request,
};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn request() -> Request {
    use crate::{PolicyName, VerificationId};
    let verification = VerificationId::parse("v-1").unwrap();
    Request::bare(PolicyName::parse("p").unwrap(), verification)
}

fn holds(requirement: &Requirement, verification: &Verification, now: &str) -> bool {
    let request = request();
    let given = Given {
        request: &request,
        verification,
    };
    requirement.holds(&given).contains(at(now))
}

fn complaint(requirement: &Requirement, verification: &Verification, now: &str) -> ReasonCode {
    let request = request();
    let given = Given {
        request: &request,
        verification,
    };
    assert!(!requirement.holds(&given).contains(at(now)));
    requirement.why_unmet(&given, at(now))
}

fn born(text: &str) -> Verification {
    Verification {
        scopes: [Scope::DateOfBirth].into(),
        born: BirthDate::at(at(text)).map_or(Datum::Missing, Datum::Known),
        ..Verification::default()
    }
}

#[test]
fn a_requirement_shows_as_a_policy_would_write_it() {
    let shown = [
        Requirement::Status(["VERIFIED".into(), "SUCCESS".into()].into()),
        Requirement::VerifiedWithin(Duration::from_hours(36)),
        Requirement::Scopes(vec![Scope::Name, Scope::from("a, b")]),
        Requirement::AgeAtLeast(18),
    ]
    .map(|requirement| requirement.to_string());
    assert_eq!(
        shown,
        [
            "status: [SUCCESS, VERIFIED]",
            "verified_within: 1d12h",
            "scopes: [NAME, \"a, b\"]",
            "age_at_least: 18"
        ]
    );
}

#[test]
fn an_age_is_reached_fourteen_hours_after_the_birthday_began_in_utc() {
    let (adult, person) = (Requirement::AgeAtLeast(18), born("1990-05-17T00:00:00Z"));
    assert!(!holds(&adult, &person, "2008-05-17T13:59:59.999Z"));
    assert!(holds(&adult, &person, "2008-05-17T14:00:00Z"));
    let minor = Requirement::AgeBelow(18);
    assert!(holds(&minor, &person, "2008-05-16T09:59:59.999Z"));
    assert!(!holds(&minor, &person, "2008-05-16T10:00:00Z"));
}

#[test]
fn a_birth_in_the_future_or_over_150_years_ago_is_no_birth() {
    let any_age = Requirement::AgeAtLeast(0);
    let (future, now) = (born("2030-01-01T00:00:00Z"), "2026-01-01T00:00:00Z");
    assert_eq!(complaint(&any_age, &future, now), ReasonCode::DataInvalid);
    let ancient = born("1870-01-01T00:00:00Z");
    let scope = Requirement::Scopes(vec![Scope::DateOfBirth]);
    assert!(holds(&scope, &ancient, "2020-01-01T00:00:00Z"));
    let after = "2020-01-01T00:00:00.001Z";
    assert_eq!(complaint(&scope, &ancient, after), ReasonCode::DataInvalid);
}

#[test]
fn the_first_scope_that_fails_gives_the_reason() {
    let verification = Verification {
        scopes: [Scope::Name, Scope::Phone].into(),
        phone: Datum::Unreadable,
        ..Verification::default()
    };
    let reason = |scopes: &[Scope]| {
        let scopes = Requirement::Scopes(scopes.to_vec());
        complaint(&scopes, &verification, "2026-01-01T00:00:00Z")
    };
    assert_eq!(
        reason(&[Scope::Name, Scope::Phone]),
        ReasonCode::DataMissing
    );
    assert_eq!(
        reason(&[Scope::Phone, Scope::Name]),
        ReasonCode::DataInvalid
    );
    assert_eq!(
        reason(&[Scope::DateOfBirth, Scope::Phone]),
        ReasonCode::ScopeNotGranted
    );
}

#[test]
fn whether_a_status_can_satisfy_a_requirement_does_not_depend_on_anything_else() {
    let status = |names: &[&str]| {
        let names = names.iter().map(|name| Box::from(*name));
        Requirement::Status(names.collect())
    };
    let recent = Requirement::VerifiedWithin(Duration::from_secs(1));
    let cases = [
        (status(&["VERIFIED"]), true, false),
        (status(&["PENDING", "VERIFIED"]), true, true),
        (recent.clone(), true, true),
        (
            Requirement::AnyOf(vec![status(&["VERIFIED"]), status(&["PENDING"])]),
            true,
            true,
        ),
        (
            Requirement::AnyOf(vec![status(&["SUCCESS"]), recent.clone()]),
            true,
            true,
        ),
        (
            Requirement::AllOf(vec![status(&["VERIFIED"]), recent.clone()]),
            true,
            false,
        ),
        (
            Requirement::AnyOf(vec![Requirement::AllOf(vec![status(&["SUCCESS"]), recent])]),
            false,
            false,
        ),
    ];
    for (requirement, verified, pending) in cases {
        assert_eq!(requirement.may_hold_with(Some("VERIFIED")), verified);
        assert_eq!(requirement.may_hold_with(Some("PENDING")), pending);
    }
    // A verification without a status has none that is accepted.
    assert!(!status(&["VERIFIED"]).may_hold_with(None));
}
