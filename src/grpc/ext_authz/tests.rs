//! Whatever is wrong, the answer to Envoy is a denial; and what is read of its messages.

mod outcomes;

use std::{collections::HashMap, time::Duration};

use axum::body::Body;
use http::{HeaderName, header::CONTENT_TYPE};
use proptest::prelude::*;
use prost::Message as _;
use prost_types::{ListValue, Struct, Value, value::Kind};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::{claims::Claims, *};
use crate::{
    gateway::{self, ChallengeStyle, Refusal, ReturnHosts},
    policy::{Timestamp, after},
    proto::ext_authz::envoy::{
        config::core::v3::{HeaderMap as WireHeaders, HeaderValue as WireHeader, Metadata},
        service::auth::v3::{attribute_context::HttpRequest, check_response::HttpResponse as Wire},
    },
};

const CODES: std::ops::RangeInclusive<i32> = 0..=16;

fn config() -> gateway::Config {
    gateway::Config {
        verification_header: HeaderName::from_static("x-verification-id"),
        identity_header: HeaderName::from_static("x-identity-id"),
        challenge: ChallengeStyle::default(),
        step_up_url: None,
        verify_url: None,
        page: None,
        hand_ons: None,
        return_hosts: ReturnHosts::default(),
    }
}

/// The answer says no: a status that is not 0, no headers for what is behind Envoy, and a code of HTTP that is an error.
fn assert_denied(answer: &CheckResponse, what: &str) -> i32 {
    let status = answer.status.as_ref().expect("a status");
    assert_eq!(status.code, 7, "{what}");
    let Some(Wire::DeniedResponse(denied)) = &answer.http_response else {
        panic!("{what}: {answer:?}");
    };
    for header in &denied.headers {
        let value = &header.header.as_ref().unwrap().value;
        assert!(!value.contains(char::is_control), "{what}");
        assert_eq!(header.append_action, 2, "{what}");
    }
    let code = denied.status.as_ref().expect("a status of HTTP").code;
    assert!([403, 429, 503].contains(&code), "{what}: {code}");
    code
}

#[test]
fn no_error_is_an_answer_that_lets_a_request_pass() {
    for code in CODES {
        let code = Code::from_i32(code);
        let plain = Status::new(code, "for a test");
        let details = ErrorDetails::with_retry_info(Some(Duration::from_millis(1)));
        let detailed = Status::with_error_details(code, "for a test", details);
        for (status, has_pause) in [(plain, false), (detailed, true)] {
            let http = assert_denied(&refused(&status, &config()), &format!("{code:?}"));
            let again = matches!(
                code,
                Code::DeadlineExceeded
                    | Code::Cancelled
                    | Code::Aborted
                    | Code::Unavailable
                    | Code::Internal
                    | Code::Unknown
                    | Code::DataLoss
                    | Code::Ok
            );
            // Without a time, the headers of the call are too large, and to ask again changes nothing.
            let again = again || code == Code::ResourceExhausted && has_pause;
            assert_eq!(http == 403, !again, "{code:?}");
        }
    }
    for refusal in Refusal::ALL {
        let answer = answer(
            Outcome::Refused(refusal),
            &config(),
            StepUpContext::default(),
        );
        let answer = check_response(&answer, &[], None);
        assert_denied(&answer, refusal.as_str());
    }
}

#[tokio::test]
async fn a_response_that_is_an_error_becomes_a_denial_and_one_that_is_not_stays_as_it_is() {
    use http_body_util::BodyExt as _;
    let settings = Config {
        gateway: config(),
        claims: ClaimNames::default(),
    };
    let mut errors: Vec<HttpResponse> = CODES
        .map(|code| Status::new(Code::from_i32(code), "for a test").into_http())
        .collect();
    for status in [202, 400, 401, 404, 413, 431, 500, 503] {
        let mut response = HttpResponse::new(Body::empty());
        *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
        errors.push(response);
    }
    for error in errors {
        let response = without_errors(error.map(AnswerBody::from), &settings);
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()[CONTENT_TYPE], "application/grpc");
        let body = response.into_body().collect().await.unwrap();
        assert_eq!(body.trailers().unwrap()["grpc-status"], "0");
        let bytes = body.to_bytes();
        let answer = CheckResponse::decode(&bytes[5..]).unwrap();
        assert_denied(&answer, "an error");
    }
    let fine = HttpResponse::new(Body::from("fine"));
    let answer = without_errors(fine.map(AnswerBody::from), &settings);
    let body = answer.into_body().collect().await.unwrap();
    assert_eq!(body.to_bytes(), "fine");
}

fn header(key: &str, value: &str, raw: &[u8]) -> WireHeader {
    WireHeader {
        key: key.to_owned(),
        value: value.to_owned(),
        raw_value: raw.to_vec().into(),
    }
}

#[test]
fn both_forms_of_headers_are_read_and_what_is_given_twice_stays_so() {
    let name = HeaderName::from_static("x-verification-id");
    let read = |joined: &[(&str, &str)], apart: Vec<WireHeader>| {
        let request = HttpRequest {
            headers: joined
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect::<HashMap<_, _>>(),
            header_map: Some(WireHeaders { headers: apart }),
            ..HttpRequest::default()
        };
        let found = headers::named(&request, std::slice::from_ref(&name))?;
        let texts = found.get_all(&name).into_iter();
        Ok::<_, String>(
            texts
                .map(|v| String::from_utf8_lossy(v.as_bytes()).into_owned())
                .collect::<Vec<_>>(),
        )
    };
    let (id, other) = ("x-verification-id", "X-Verification-ID");
    for (joined, apart, expected) in [
        (&[][..], vec![], &[][..]),
        (&[(id, "a")], vec![], &["a"]),
        (&[(other, "a")], vec![], &["a"]),
        (&[(id, "a,b")], vec![], &["a,b"]),
        (&[], vec![header(id, "a", b"")], &["a"]),
        (&[], vec![header(other, "", b"a")], &["a"]),
        (&[], vec![header(id, "a", b"a")], &["a"]),
        (&[(id, "a")], vec![header(id, "", b"a")], &["a"]),
    ] {
        assert_eq!(read(joined, apart).unwrap(), expected, "{joined:?}");
    }
    for (joined, apart) in [
        (&[(id, "a"), (other, "b")][..], vec![]),
        (&[(id, "a"), (other, "a")], vec![]),
        (&[(id, "a")], vec![header(id, "b", b"")]),
        (&[], vec![header(id, "a", b""), header(other, "a", b"")]),
        (&[], vec![header(id, "a", b"b")]),
        (&[], vec![header(id, "", b""), header(id, "a", b"")]),
    ] {
        assert!(read(joined, apart).unwrap().len() > 1, "{joined:?}");
    }
    assert!(read(&[(id, "a\r\nx: y")], vec![]).is_err());
    assert!(read(&[], vec![header(id, "", b"a\0")]).is_err());
}

fn now() -> Timestamp {
    "2026-01-31T12:00:00Z".parse().unwrap()
}

fn structure(fields: &[(&str, Kind)]) -> Struct {
    let fields = fields.iter().map(|(name, kind)| {
        let kind = Some(kind.clone());
        ((*name).to_owned(), Value { kind })
    });
    Struct {
        fields: fields.collect(),
    }
}

fn metadata(payloads: &[(&str, Kind)]) -> Metadata {
    let filter = "envoy.filters.http.jwt_authn".to_owned();
    Metadata {
        filter_metadata: [(filter, structure(payloads))].into(),
    }
}

fn text(text: &str) -> Kind {
    Kind::StringValue(text.to_owned())
}

fn list(kinds: &[Kind]) -> Kind {
    let values = kinds.iter().map(|kind| Value {
        kind: Some(kind.clone()),
    });
    Kind::ListValue(ListValue {
        values: values.collect(),
    })
}

#[test]
fn claims_are_those_of_the_one_token_or_of_the_one_that_is_named() {
    let claims = |acr: &str| Kind::StructValue(structure(&[("acr", text(acr))]));
    let acr = |metadata: &Metadata, payload| {
        let claims = Claims::of(Some(metadata), payload)?;
        Ok::<_, String>(claims.and_then(|claims| claims.text("acr").unwrap().map(str::to_owned)))
    };
    let one = metadata(&[("corp", claims("mfa"))]);
    let two = metadata(&[("corp", claims("mfa")), ("other", claims("none"))]);
    assert_eq!(acr(&one, None).unwrap().as_deref(), Some("mfa"));
    assert_eq!(acr(&two, Some("other")).unwrap().as_deref(), Some("none"));
    assert_eq!(acr(&two, Some("nobody")).unwrap(), None);
    assert!(acr(&two, None).is_err());
    assert!(acr(&metadata(&[("corp", text("mfa"))]), None).is_err());
    assert_eq!(acr(&metadata(&[]), None).unwrap(), None);
    assert!(Claims::of(None, None).unwrap().is_none());
}

#[test]
fn how_a_session_was_authenticated_is_read_whole_or_not_at_all() {
    let seconds = now().as_second();
    let number = |n: f64| Kind::NumberValue(n);
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let at = |offset: i64| number((seconds + offset) as f64);
    let read = |fields: &[(&str, Kind)]| {
        let payload = Kind::StructValue(structure(fields));
        let metadata = metadata(&[("corp", payload)]);
        let claims = Claims::of(Some(&metadata), None).unwrap().unwrap();
        claims.authentication(now())
    };
    let whole = read(&[
        ("acr", text("mfa")),
        ("amr", list(&[text("pwd"), text("hwk")])),
        ("auth_time", number(1_769_860_799.5)),
    ]);
    let whole = whole.unwrap().judged_by(None);
    assert_eq!((whole.acr.as_str(), whole.amr.len()), ("mfa", 2));
    let millis = whole.auth_time.unwrap().as_millisecond();
    assert_eq!(millis, 1_769_860_799_500);
    assert_eq!(
        read(&[("amr", text("face"))]).unwrap().judged_by(None).amr,
        ["face"]
    );
    assert!(read(&[("auth_time", at(29))]).is_ok());
    // Entra's contexts count as they do in a token that we verify.
    let contexts = read(&[("acrs", list(&[text("c1"), text("c2")]))]).unwrap();
    assert_eq!(contexts.judged_by(None).acr, "c1");
    for none in [
        &[][..],
        &[("acr", Kind::NullValue(0))],
        &[("sub", text("x"))],
    ] {
        assert!(read(none).unwrap().is_empty());
    }
    for wrong in [
        ("acr", number(1.0)),
        ("acr", list(&[text("mfa")])),
        ("acr", text(&"x".repeat(257))),
        ("acrs", number(1.0)),
        ("acrs", list(&[text("c1"), number(1.0)])),
        ("amr", number(1.0)),
        ("amr", list(&[text("pwd"), number(1.0)])),
        ("amr", list(&vec![text("pwd"); 33])),
        ("amr", list(&[text(&"x".repeat(65))])),
        ("auth_time", text("1769860800")),
        ("auth_time", at(31)),
        ("auth_time", number(-1.0)),
        ("auth_time", number(f64::NAN)),
        ("auth_time", number(f64::INFINITY)),
        ("auth_time", number(1e18)),
        ("auth_time", Kind::BoolValue(true)),
    ] {
        let rest = ("acr", text("mfa"));
        let read = read(&[rest, wrong.clone()]);
        assert!(read.is_err(), "{wrong:?}: {read:?}");
    }
}

proptest! {
    /// Whatever a number is, nobody has authenticated later than now.
    #[test]
    fn no_number_is_a_time_in_the_future(bits in any::<u64>()) {
        let payload = Kind::StructValue(structure(&[
            ("auth_time", Kind::NumberValue(f64::from_bits(bits))),
        ]));
        let metadata = metadata(&[("corp", payload)]);
        let claims = Claims::of(Some(&metadata), None).unwrap().unwrap();
        if let Ok(read) = claims.authentication(now()) {
            let read = read.judged_by(None);
            let latest = after(now(), Duration::from_secs(30));
            prop_assert!(read.auth_time.is_none_or(|at| at <= latest));
        }
    }
}
