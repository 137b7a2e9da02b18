//! Which responses are decoded, and what of each field is kept.

use super::*;

const ID: &str = "55a951eb-265c-4706-9ebf-99ae35c745ab";

fn read(body: &str) -> Result<Verification, Flaw> {
    details(
        body.as_bytes(),
        &VerificationId::parse(ID).unwrap(),
        DataKinds::ALL,
    )
}

fn with_data(data: &str) -> Verification {
    read(&format!(r#"{{"id":"{ID}","data":{data}}}"#)).unwrap()
}

#[test]
fn the_sample_of_the_vendors_documentation_is_decoded() {
    let verification = read(include_str!("../../../../tests/incode/details.json")).unwrap();
    assert_eq!(verification.status.as_deref(), Some("VERIFIED"));
    assert_eq!(
        verification.verified_at,
        Some(from_millis(1_730_481_625_983))
    );
    assert_eq!(verification.scopes, [Scope::DateOfBirth].into());
    assert!(
        matches!(&verification.born, Datum::Known(birth) if birth.instant() == from_millis(802_224_000_000))
    );
}

#[test]
fn a_body_of_another_shape_is_unreadable() {
    let swapped_types = format!(r#"{{"id":"{ID}","verifiedAt":"soon"}}"#);
    let twice = format!(r#"{{"id":"{ID}","status":"FAILED","status":"VERIFIED"}}"#);
    let twice_inside = format!(r#"{{"id":"{ID}","data":{{"phone":"+1","phone":"+2"}}}}"#);
    let in_order = format!(r#"["{ID}",null,null,1730481625983,"VERIFIED",[],{{}}]"#);
    let data_in_order = format!(r#"{{"id":"{ID}","data":["i","Ada Example"]}}"#);
    let float = format!(r#"{{"id":"{ID}","verifiedAt":1730481625983.5}}"#);
    let huge = format!(r#"{{"id":"{ID}","verifiedAt":99999999999999999999}}"#);
    let trailing = format!(r#"{{"id":"{ID}"}} x"#);
    for body in [
        "",
        "null",
        "[]",
        "<html>502</html>",
        r#"{"id":"#,
        r#"{"status":401,"error":"Unauthorized"}"#,
        &swapped_types,
        &twice,
        &twice_inside,
        &in_order,
        &data_in_order,
        &float,
        &huge,
        &trailing,
    ] {
        assert_eq!(read(body).err(), Some(Flaw::Unreadable), "{body}");
    }
}

#[test]
fn a_response_about_another_verification_is_an_error() {
    for body in [r#"{"id":"another"}"#, "{}", r#"{"id":null}"#] {
        assert_eq!(read(body).err(), Some(Flaw::AnotherVerification), "{body}");
    }
    assert!(read(&format!(r#"{{"id":"another","traceId":"{ID}"}}"#)).is_ok());
}

#[test]
fn texts_over_their_limit_are_an_error() {
    let long = "x".repeat(257);
    let many = vec!["\"S\""; 65].join(",");
    for field in [
        format!(r#""status":"{long}""#),
        format!(r#""traceId":"{long}""#),
        format!(r#""projectId":"{long}""#),
        format!(r#""scopes":["{long}"]"#),
        format!(r#""scopes":[{many}]"#),
    ] {
        let body = format!(r#"{{"id":"{ID}",{field}}}"#);
        assert_eq!(read(&body).err(), Some(Flaw::TooLarge), "{field:.40}");
    }
}

#[test]
fn an_unknown_key_is_ignored() {
    let body = format!(r#"{{"id":"{ID}","novel":{{"a":[1,{{"b":null}}]}},"data":{{"x":1}}}}"#);
    assert!(read(&body).is_ok());
}

#[test]
fn a_date_of_birth_is_a_number_or_a_numeric_text() {
    let born = |value: &str| with_data(&format!(r#"{{"dateOfBirth":{value}}}"#)).born;
    for value in ["-86400000000", r#""-86400000000""#, "-8.64e10"] {
        let expected = from_millis(-86_400_000_000);
        assert!(
            matches!(&born(value), Datum::Known(birth) if birth.instant() == expected),
            "{value}"
        );
    }
    for value in [
        "1.5",
        r#""soon""#,
        "true",
        "[]",
        "{}",
        r#""86400000000 ""#,
        r#""+86400000000""#,
        r#""086400000000""#,
        r#""8.64e10""#,
        "1425600000",
        "20150517",
        "18446744073709551615",
    ] {
        assert!(matches!(born(value), Datum::Unreadable), "{value}");
    }
    for value in ["null", r#""""#] {
        assert!(matches!(born(value), Datum::Missing), "{value}");
    }
}

#[test]
fn a_name_is_a_full_one_or_a_first_and_a_last() {
    let name = |data| with_data(data).name;
    for data in [
        r#"{"fullName":"Ada Example"}"#,
        r#"{"firstName":"Ada","lastName":"Example"}"#,
        r#"{"fullName":7,"firstName":"Ada","lastName":"Example"}"#,
    ] {
        assert!(matches!(name(data), Datum::Known(())), "{data}");
    }
    for data in ["{}", r#"{"firstName":"Ada"}"#, r#"{"fullName":"  "}"#] {
        assert!(matches!(name(data), Datum::Missing), "{data}");
    }
    assert!(matches!(name(r#"{"fullName":7}"#), Datum::Unreadable));
}

#[test]
fn a_telephone_number_is_e164() {
    let phone = |value: &str| with_data(&format!(r#"{{"phone":"{value}"}}"#)).phone;
    assert!(matches!(phone("+12014825099"), Datum::Known(_)));
    for value in [
        "12014825099",
        "+",
        "+0123456",
        "+1 201",
        "+1234567890123456",
    ] {
        assert!(matches!(phone(value), Datum::Unreadable), "{value}");
    }
}

#[test]
fn a_time_out_of_range_is_the_nearest_timestamp() {
    let at = |value: &str| {
        read(&format!(r#"{{"id":"{ID}","verifiedAt":{value}}}"#))
            .unwrap()
            .verified_at
    };
    assert_eq!(
        at("9223372036854775807"),
        Some(crate::policy::Timestamp::MAX)
    );
    assert_eq!(
        at("-9223372036854775808"),
        Some(crate::policy::Timestamp::MIN)
    );
    assert_eq!(at("null"), None);
}
