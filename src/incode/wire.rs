//! The upstream's JSON, decoded by type: a duplicate key, a wrong type or a missing brace is an error, an unknown key is
//! not. A person's data is read leniently, so that one odd field spoils itself and not the rest, and is kept only as far
//! as a policy can ask for it.

mod link;

use std::borrow::Cow;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

pub(crate) use self::link::LinkWanted;
pub use self::link::link;
use crate::{
    json::{Lenient, Object},
    policy::{Datum, Flaw, Scope, Verification, VerificationId, are_within_bounds, from_millis},
};

/// What `POST /v1/integration/authorize/server` is asked.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Authorize<'a> {
    /// The integration, as the upstream names it.
    pub integration_id: Cow<'a, str>,
    /// Its secret.
    pub secret: Cow<'a, str>,
}

/// What `POST /v1/integration/authorize/server` answers.
#[derive(Deserialize)]
struct Authorized {
    token: String,
}

/// Reads the token for later calls.
pub fn token(body: &[u8]) -> Option<SecretString> {
    let Object(Authorized { token }) = serde_json::from_slice::<Object<Authorized>>(body).ok()?;
    (!token.is_empty()).then(|| token.into())
}

/// What `GET /v1/verification/details/{id}` answers.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    id: Option<Box<str>>,
    project_id: Option<Box<str>>,
    trace_id: Option<Box<str>>,
    /// Milliseconds since 1970.
    verified_at: Option<i64>,
    status: Option<Box<str>>,
    scopes: Option<Vec<Box<str>>>,
    data: Option<Object<Data>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Data {
    identity_id: Lenient,
    full_name: Lenient,
    first_name: Lenient,
    last_name: Lenient,
    phone: Lenient,
    date_of_birth: Lenient,
}

impl Details {
    /// Whether it is no larger than any honest answer.
    fn is_modest(&self) -> bool {
        let scopes = self.scopes.as_deref().unwrap_or_default();
        let texts = [&self.id, &self.project_id, &self.trace_id, &self.status];
        are_within_bounds(
            texts.into_iter().flatten().map(AsRef::as_ref),
            scopes.iter().map(AsRef::as_ref),
        )
    }
}

/// Reads the details of the verification that was asked for.
pub fn details(body: &[u8], asked: &VerificationId) -> Result<Verification, Flaw> {
    let Object(details) =
        serde_json::from_slice::<Object<Details>>(body).map_err(|_| Flaw::Unreadable)?;
    if !details.is_modest() {
        return Err(Flaw::TooLarge);
    }
    let verification = Verification::from(details);
    if verification.is_about(asked) {
        Ok(verification)
    } else {
        Err(Flaw::AnotherVerification)
    }
}

impl From<Details> for Verification {
    fn from(details: Details) -> Self {
        let data = details.data.map_or_else(Data::default, |Object(data)| data);
        let scopes = details.scopes.unwrap_or_default();
        Self {
            id: details.id,
            trace_id: details.trace_id,
            project: details.project_id,
            status: details.status,
            verified_at: details.verified_at.map(from_millis),
            scopes: scopes.iter().map(|name| Scope::from(&**name)).collect(),
            name: Datum::name(
                data.full_name.text(),
                data.first_name.text(),
                data.last_name.text(),
            ),
            identity: data.identity_id.text().as_identity(),
            phone: data.phone.text().as_phone(),
            born: data.date_of_birth.millis(),
        }
    }
}

impl Lenient {
    /// The field as a text.
    fn text(self) -> Datum<Box<str>> {
        match self {
            Self::Missing => Datum::Missing,
            Self::Text(text) => Datum::text(text),
            Self::Number(_) | Self::Odd => Datum::Unreadable,
        }
    }

    /// The field as milliseconds since 1970, which may come as a numeric text.
    fn millis(self) -> Datum<crate::policy::Timestamp> {
        let millis = match self {
            Self::Missing => return Datum::Missing,
            Self::Text(text) if text.trim().is_empty() => return Datum::Missing,
            Self::Text(text) => text.parse().ok(),
            Self::Number(number) => Some(number),
            Self::Odd => None,
        };
        millis.map_or(Datum::Unreadable, |millis| {
            Datum::Known(from_millis(millis))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "55a951eb-265c-4706-9ebf-99ae35c745ab";

    fn read(body: &str) -> Result<Verification, Flaw> {
        details(body.as_bytes(), &VerificationId::parse(ID).unwrap())
    }

    fn with_data(data: &str) -> Verification {
        read(&format!(r#"{{"id":"{ID}","data":{data}}}"#)).unwrap()
    }

    #[test]
    fn the_vendors_own_sample_is_read() {
        let verification = read(include_str!("../../tests/incode/details.json")).unwrap();
        assert_eq!(verification.status.as_deref(), Some("VERIFIED"));
        assert_eq!(
            verification.verified_at,
            Some(from_millis(1_730_481_625_983))
        );
        assert_eq!(verification.scopes, [Scope::DateOfBirth].into());
        assert!(
            matches!(verification.born, Datum::Known(at) if at == from_millis(802_224_000_000))
        );
    }

    #[test]
    fn what_is_not_the_agreed_json_is_unreadable() {
        let swapped_types = format!(r#"{{"id":"{ID}","verifiedAt":"1730481625983"}}"#);
        let twice = format!(r#"{{"id":"{ID}","status":"FAILED","status":"VERIFIED"}}"#);
        let twice_inside = format!(r#"{{"id":"{ID}","data":{{"phone":"+1","phone":"+2"}}}}"#);
        let in_order = format!(r#"["{ID}",null,null,1730481625983,"VERIFIED",[],{{}}]"#);
        let data_in_order = format!(r#"{{"id":"{ID}","data":["i","Ada Example"]}}"#);
        let float = format!(r#"{{"id":"{ID}","verifiedAt":1.7e12}}"#);
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
    fn an_answer_about_another_verification_is_refused() {
        for body in [r#"{"id":"another"}"#, "{}", r#"{"id":null}"#] {
            assert_eq!(read(body).err(), Some(Flaw::AnotherVerification), "{body}");
        }
        assert!(read(&format!(r#"{{"id":"another","traceId":"{ID}"}}"#)).is_ok());
    }

    #[test]
    fn texts_that_no_honest_answer_has_are_refused() {
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
    fn an_unknown_key_does_no_harm() {
        let body = format!(r#"{{"id":"{ID}","novel":{{"a":[1,{{"b":null}}]}},"data":{{"x":1}}}}"#);
        assert!(read(&body).is_ok());
    }

    #[test]
    fn a_date_of_birth_may_come_as_a_number_or_a_numeric_text() {
        let born = |value: &str| with_data(&format!(r#"{{"dateOfBirth":{value}}}"#)).born;
        for value in ["-1000", r#""-1000""#] {
            assert!(matches!(born(value), Datum::Known(at) if at == from_millis(-1000)));
        }
        for value in [
            "1.5",
            r#""soon""#,
            "true",
            "[]",
            "{}",
            r#""1 ""#,
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
    fn a_time_that_no_calendar_has_is_kept_at_the_end_of_time() {
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
}
