//! What may be read of a verification.

use super::*;
use crate::{reason::ReasonCode, request::VerificationId, time::from_millis, when::Interval};

#[test]
fn debug_output_never_shows_a_persons_data() {
    let verification = Verification {
        identity: Datum::Known("id-of-ada".into()),
        born: Datum::Known(from_millis(587_455_200_000)),
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
    assert!(about("v-1") && about("t-1") && !about("v-2"));
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
