//! The answer to Envoy, from what a gateway is answered and from every error. This is the only place that makes one.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use prost_types::{ListValue, Struct, Value, value::Kind};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::{
    gateway::{self, Answer, Outcome, Refusal, StepUpContext, answer},
    policy::{Effect, PolicyName},
    proto::{
        ext_authz::{
            envoy::{
                config::core::v3::{
                    HeaderValue as WireHeader, HeaderValueOption,
                    header_value_option::HeaderAppendAction,
                },
                service::auth::v3::{
                    CheckResponse, DeniedHttpResponse, OkHttpResponse, check_response::HttpResponse,
                },
                r#type::v3::HttpStatus,
            },
            google::rpc,
        },
        v1::ReasonCode,
    },
    ruling::Ruling,
};

/// The status of a denial where an answer says something else, which it never does.
const FORBIDDEN: u16 = 403;

/// What Envoy is answered where a gateway is answered this. `incoming` are the headers of the client under names of ours.
pub(super) fn check_response(
    answer: &Answer,
    incoming: &[HeaderName],
    metadata: Option<Struct>,
) -> CheckResponse {
    match (answer.effect(), answer.status().as_u16()) {
        (Effect::Allow, 200) => CheckResponse {
            status: Some(status(Code::Ok)),
            http_response: Some(HttpResponse::OkResponse(OkHttpResponse {
                headers: answer.own_headers().iter().map(header).collect(),
                headers_to_remove: removed(answer, incoming),
            })),
            dynamic_metadata: metadata,
        },
        (Effect::StepUp, 401 | 302) => denied(Code::Unauthenticated, answer, metadata),
        (Effect::Allow | Effect::StepUp | Effect::Deny, _) => {
            denied(Code::PermissionDenied, answer, metadata)
        }
    }
}

/// What Envoy is answered in place of this error.
pub(super) fn refused(error: &Status, config: &gateway::Config) -> CheckResponse {
    let answer = answer(
        Outcome::Refused(refusal(error)),
        config,
        StepUpContext::default(),
    );
    check_response(&answer, &[], None)
}

/// How a gateway knows an error.
fn refusal(error: &Status) -> Refusal {
    match error.code() {
        Code::Unauthenticated => Refusal::NoCaller,
        Code::PermissionDenied => Refusal::NotPermitted,
        Code::NotFound => Refusal::NoSuchPolicy,
        // The fields or the bytes of the call are wrong, or they are too many: to ask again changes nothing.
        Code::InvalidArgument
        | Code::OutOfRange
        | Code::FailedPrecondition
        | Code::AlreadyExists
        | Code::Unimplemented => Refusal::BadId,
        Code::ResourceExhausted => {
            let retry = error.get_details_retry_info();
            match retry.and_then(|retry| retry.retry_delay) {
                Some(retry_after) => Refusal::OverQuota { retry_after },
                // The headers of the call are too large: to ask again changes nothing.
                None => Refusal::BadId,
            }
        }
        Code::DeadlineExceeded | Code::Cancelled | Code::Aborted => Refusal::Late,
        // A status that says OK and is no answer is an error too.
        Code::Ok | Code::Unavailable | Code::Internal | Code::Unknown | Code::DataLoss => {
            Refusal::NotRecorded
        }
    }
}

fn denied(code: Code, answer: &Answer, metadata: Option<Struct>) -> CheckResponse {
    let http = match answer.status().as_u16() {
        http @ (302 | 400..) => http,
        _ => FORBIDDEN,
    };
    let headers = answer.own_headers().iter().chain(answer.other_headers());
    CheckResponse {
        status: Some(status(code)),
        http_response: Some(HttpResponse::DeniedResponse(DeniedHttpResponse {
            status: Some(HttpStatus { code: http.into() }),
            headers: headers.map(header).collect(),
            body: answer.body().to_owned(),
        })),
        dynamic_metadata: metadata,
    }
}

fn status(code: Code) -> rpc::Status {
    rpc::Status {
        code: code.into(),
        ..rpc::Status::default()
    }
}

/// A header that replaces what is there. That stands in `append_action`, and `append` is not set: Envoy drops headers of a denial that have it. Values
/// of gateways' answers have no control characters.
fn header((name, value): &(HeaderName, HeaderValue)) -> HeaderValueOption {
    let is_plain = |value: &&str| value.bytes().all(|b| (b' '..=b'~').contains(&b));
    let value = value.to_str().ok().filter(is_plain);
    HeaderValueOption {
        header: Some(WireHeader {
            key: name.as_str().to_owned(),
            value: value.unwrap_or_default().to_owned(),
            raw_value: Bytes::default(),
        }),
        append_action: HeaderAppendAction::OverwriteIfExistsOrAdd.into(),
    }
}

/// The names of ours that what is behind Envoy must not get from the client. Not those that are set: they are removed after that.
fn removed(answer: &Answer, incoming: &[HeaderName]) -> Vec<String> {
    let is_set = |name: &HeaderName| answer.own_headers().iter().any(|(set, _)| set == name);
    let all = gateway::OWN.into_iter().chain(incoming.iter().cloned());
    let mut removed: Vec<String> = all
        .filter(|name| !is_set(name))
        .map(|name| name.as_str().to_owned())
        .collect();
    removed.sort();
    removed.dedup();
    removed
}

/// What Envoy's log and its other filters learn of a decision. Nothing of the person.
pub(super) fn metadata(policy: &PolicyName, ruling: &Ruling) -> Struct {
    let text = |text: &str| Kind::StringValue(text.to_owned());
    let decision = &ruling.decision;
    let reasons = decision.reasons().iter().map(|reason| {
        let code: ReasonCode = crate::grpc::check_response::code(reason.code);
        let name = code.as_str_name().trim_start_matches("REASON_CODE_");
        value(text(name))
    });
    let mut fields = BTreeMap::from([
        ("decision", text(decision.effect().as_str())),
        ("decision_id", text(&ruling.id.to_string())),
        ("policy", text(policy.as_str())),
        ("policy_revision", text(&ruling.revision.to_string())),
        (
            "reasons",
            Kind::ListValue(ListValue {
                values: reasons.collect(),
            }),
        ),
    ]);
    if let Some(valid_for) = decision.valid_for() {
        fields.insert("valid_for_s", Kind::NumberValue(valid_for.as_secs_f64()));
    }
    let fields = fields.into_iter();
    Struct {
        fields: fields
            .map(|(name, kind)| (name.to_owned(), value(kind)))
            .collect(),
    }
}

fn value(kind: Kind) -> Value {
    Value { kind: Some(kind) }
}
