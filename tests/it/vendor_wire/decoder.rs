//! The service's decoder reads what the vendor sends.

use std::fmt::Write as _;

use expect_test::expect;
use secrecy::ExposeSecret as _;
use verigate::{
    incode::wire,
    policy::{DataKinds, Datum, Flaw, Scope, Verification, VerificationId},
};

use super::messages::{ID, PROJECT, TRACE, all_recorded, recorded};

/// The details as the service decodes them.
fn decoded(file: &str) -> Verification {
    let asked = VerificationId::parse(ID).unwrap();
    wire::details(recorded(file).as_bytes(), &asked, DataKinds::ALL).expect(file)
}

/// What is decoded besides the ids, in one line.
fn summary(verification: &Verification) -> String {
    fn text<T>(datum: &Datum<T>, show: impl Fn(&T) -> String) -> String {
        match datum {
            Datum::Missing => "-".to_owned(),
            Datum::Unreadable => "unreadable".to_owned(),
            Datum::Known(value) => show(value),
        }
    }
    let scopes = verification.scopes.iter().map(Scope::as_str);
    format!(
        "{} at {} [{}] identity {} name {} born {} phone {}",
        verification.status.as_deref().unwrap(),
        verification
            .verified_at
            .map_or("-".to_owned(), |at| at.as_millisecond().to_string()),
        scopes.collect::<Vec<_>>().join(" "),
        text(&verification.identity, |id| id.as_str().to_owned()),
        text(&verification.name, |()| "known".to_owned()),
        text(&verification.born, |birth| birth
            .instant()
            .as_millisecond()
            .to_string()),
        text(&verification.phone, |phone| phone.to_string()),
    )
}

#[test]
fn details_are_decoded_as_the_vendor_sends_them() {
    let mut text = String::new();
    for file in all_recorded("details") {
        let verification = decoded(&file);
        writeln!(text, "{file}: {}", summary(&verification)).unwrap();
        assert_eq!(verification.id.as_deref(), Some(ID), "{file}");
        assert_eq!(verification.trace_id.as_deref(), Some(TRACE), "{file}");
        assert_eq!(verification.project.as_deref(), Some(PROJECT), "{file}");
    }
    expect![[r#"
        details-all-scopes.json: VERIFIED at 1730481625983 [NAME DATE_OF_BIRTH PHONE] identity 9b1c6f0e-2f57-4b41-8a55-6f1d3f1f6c0a name known born 642902400000 phone +12025550101
        details-birth-as-text.json: VERIFIED at 1730481625983 [DATE_OF_BIRTH] identity 9b1c6f0e-2f57-4b41-8a55-6f1d3f1f6c0a name - born -631152000000 phone -
        details-expired.json: EXPIRED at 1730481625983 [NAME] identity 9b1c6f0e-2f57-4b41-8a55-6f1d3f1f6c0a name known born - phone -
        details-failed.json: FAILED at 1730481625983 [] identity 9b1c6f0e-2f57-4b41-8a55-6f1d3f1f6c0a name - born - phone -
        details-manual-pending.json: MANUAL_PENDING at - [NAME DATE_OF_BIRTH PHONE] identity 9b1c6f0e-2f57-4b41-8a55-6f1d3f1f6c0a name known born 642902400000 phone +12025550101
        details-name.json: VERIFIED at 1730481625983 [NAME] identity 9b1c6f0e-2f57-4b41-8a55-6f1d3f1f6c0a name known born - phone -
        details-no-scopes.json: VERIFIED at 1730481625983 [] identity 9b1c6f0e-2f57-4b41-8a55-6f1d3f1f6c0a name - born - phone -
        details-pending.json: PENDING at - [] identity 9b1c6f0e-2f57-4b41-8a55-6f1d3f1f6c0a name - born - phone -
        details-phone.json: VERIFIED at 1730481625983 [PHONE] identity 9b1c6f0e-2f57-4b41-8a55-6f1d3f1f6c0a name - born - phone +12025550101
        details-revoked.json: REVOKED at 1730481625983 [NAME DATE_OF_BIRTH PHONE] identity 9b1c6f0e-2f57-4b41-8a55-6f1d3f1f6c0a name known born 642902400000 phone +12025550101
        details-success.json: SUCCESS at 1730481625983 [NAME DATE_OF_BIRTH PHONE] identity 9b1c6f0e-2f57-4b41-8a55-6f1d3f1f6c0a name known born 642902400000 phone +12025550101
        details-tenant-scope.json: VERIFIED at 1730481625983 [IDENTITY_ID NAME DEPARTMENT] identity 9b1c6f0e-2f57-4b41-8a55-6f1d3f1f6c0a name known born - phone -
        details.json: VERIFIED at 1730481625983 [DATE_OF_BIRTH] identity - name - born 802224000000 phone -
    "#]]
    .assert_eq(&text);
}

#[test]
fn details_are_accepted_for_the_id_and_the_trace_id_and_for_nothing_else() {
    let body = recorded("details.json");
    let read = |asked: &str| {
        wire::details(
            body.as_bytes(),
            &VerificationId::parse(asked).unwrap(),
            DataKinds::ALL,
        )
    };
    assert!(read(ID).is_ok());
    assert!(read(TRACE).is_ok());
    assert_eq!(read(PROJECT).err(), Some(Flaw::AnotherVerification));
}

#[test]
fn a_token_and_a_link_are_decoded_as_the_vendor_sends_them() {
    let token = wire::token(recorded("authorize.json").as_bytes()).unwrap();
    assert_eq!(token.expose_secret(), "eyJhbGciOiJIUzI1NiJ9...");
    let vendor = "https://api.example.com".parse().unwrap();
    let link = wire::link(recorded("link.json").as_bytes(), &vendor).unwrap();
    assert_eq!(&*link.url, "https://verify.example.com/03ymltf");
    assert_eq!(link.trace.unwrap().as_str(), TRACE);
}

#[test]
fn an_error_of_the_vendor_is_no_token_no_details_and_no_link() {
    let vendor = "https://api.example.com".parse().unwrap();
    let asked = VerificationId::parse(ID).unwrap();
    let errors = all_recorded("error-");
    assert_eq!(errors.len(), 9);
    for file in errors {
        let body = recorded(&file);
        assert!(wire::token(body.as_bytes()).is_none(), "{file}");
        assert!(
            wire::details(body.as_bytes(), &asked, DataKinds::ALL).is_err(),
            "{file}"
        );
        assert!(wire::link(body.as_bytes(), &vendor).is_err(), "{file}");
    }
}
