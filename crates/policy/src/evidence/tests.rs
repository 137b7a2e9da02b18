//! What may be read of a verification.

use std::time::Duration;

use super::*;
use crate::{
    reason::ReasonCode,
    request::VerificationId,
    time::{after, from_millis},
    when::Interval,
};

#[test]
fn debug_output_never_shows_a_persons_data() {
    let verification = Verification {
        identity: Datum::text("id-of-ada").as_identity(),
        born: Datum::birth(587_455_200_000),
        ..Verification::default()
    };
    let debug = format!("{verification:?}");
    assert!(!debug.contains("ada"), "{debug}");
    assert!(!debug.contains("1988"), "{debug}");
}

#[test]
fn data_of_a_scope_that_is_not_granted_is_ignored() {
    let mut verification = Verification {
        name: Datum::Known(()),
        ..Verification::default()
    };
    assert_eq!(
        verification.readable(&Scope::Name),
        Err(ReasonCode::ScopeNotGranted)
    );
    verification.scopes.insert(Scope::Name);
    assert_eq!(verification.readable(&Scope::Name), Ok(Interval::ALWAYS));
}

#[test]
fn the_identity_needs_no_scope_and_any_other_scope_needs_no_data() {
    let mut verification = Verification::default();
    assert_eq!(
        verification.readable(&Scope::IdentityId),
        Err(ReasonCode::DataMissing)
    );
    let badge = Scope::from("BADGE");
    assert_eq!(
        verification.readable(&badge),
        Err(ReasonCode::ScopeNotGranted)
    );
    verification.scopes.insert(badge.clone());
    assert_eq!(verification.readable(&badge), Ok(Interval::ALWAYS));
}

#[test]
fn either_identifier_names_the_verification() {
    let verification = Verification {
        id: Some("v-1".into()),
        trace_id: Some("t-1".into()),
        ..Verification::default()
    };
    let about = |id| verification.is_about(&VerificationId::parse(id).unwrap());
    assert!(about("v-1") && about("t-1") && !about("v-2") && !about("V-1"));
}

#[test]
fn a_uuid_in_capitals_names_the_same_verification() {
    let uuid = "55a951eb-265c-4706-9ebf-99ae35c745ab";
    let id = VerificationId::parse(&uuid.to_ascii_uppercase()).unwrap();
    assert_eq!(id.as_str(), uuid);
    for sent in [uuid, &uuid.to_ascii_uppercase()] {
        let verification = Verification {
            trace_id: Some(sent.into()),
            ..Verification::default()
        };
        assert!(verification.is_about(&id), "{sent}");
    }
    // Every other spelling is opaque.
    let simple = uuid.replace('-', "").to_ascii_uppercase();
    assert_eq!(VerificationId::parse(&simple).unwrap().as_str(), simple);
}

#[test]
fn a_date_of_birth_in_another_unit_is_none() {
    let known = |millis: i64| BirthDate::from_millis(millis).is_some();
    for midnight in [
        587_455_200_000,
        802_224_000_000,
        642_902_400_000,
        -86_400_000 * 365 * 30,
        -2_200_500_000,
        2_200_500_000,
    ] {
        assert!(known(midnight), "{midnight}");
    }
    for other in [
        0,
        2015,
        20_150_517,
        1_431_820_800,
        // Seconds of 2015, and a multiple of 15 minutes.
        1_425_600_000,
        -1_425_600_000,
        2_199_600_000,
        -2_199_600_000,
        587_455_200_001,
        587_455_199_999,
        587_455_200_000 + 60_000,
        // The year 9900: nobody born then could be 150 in the calendar.
        250_246_627_200_000,
        i64::MAX,
        i64::MIN,
    ] {
        assert!(!known(other), "{other}");
    }
    let instant = from_millis(587_455_200_000);
    assert!(BirthDate::at(instant).is_some());
    assert!(BirthDate::at(after(instant, Duration::from_nanos(1))).is_none());
}

#[test]
fn a_name_that_cannot_be_read_is_not_a_missing_one() {
    let known = || Datum::text("Ada");
    let name = |full, first, last| format!("{:?}", Datum::name(full, first, last));
    let none = || Datum::Missing;
    assert_eq!(name(Datum::Unreadable, none(), none()), "Unreadable");
    assert_eq!(name(none(), known(), Datum::Unreadable), "Unreadable");
    assert_eq!(name(none(), known(), none()), "Missing");
    assert_eq!(name(none(), known(), known()), "Known(…)");
    assert_eq!(name(known(), Datum::Unreadable, none()), "Known(…)");
}
