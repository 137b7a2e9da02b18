//! Responses to access requests: tasks, and problems by RFC 9457 with the names of the draft.

use std::time::Duration;

use axum::{
    http::{
        HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, RETRY_AFTER},
    },
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, json};

use crate::{callers::NotPermittedError, gateway::whole_seconds, step_up::StepUpError};

/// What comes before the name of a problem.
const URN: &str = "urn:openid:authzen:access-request:error:";
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// Why an access request is refused.
#[derive(Debug)]
pub(in crate::http::authzen) enum Problem {
    /// It is not complete, or a member is not of its type.
    Malformed(String),
    /// It cannot be requested so.
    NotRequestable(String),
    /// Its denial can no longer be used.
    ExpiredDenial,
    /// It is bound to no denial of ours for this caller and this evaluation.
    InvalidBinding,
    /// The denial was already used for another request.
    Duplicate,
    /// The caller has no such task.
    UnknownTask,
    /// The caller may not request it.
    NotPermitted(NotPermittedError),
    /// The caller requests too many.
    OverQuota(Duration),
    /// The vendor made no link.
    Unavailable,
    /// There was no answer in time.
    Late,
}

impl Problem {
    /// Why no step-up begins.
    pub(super) fn of_step_up(error: &StepUpError) -> Self {
        match error {
            StepUpError::NotPermitted(error) => Self::NotPermitted(*error),
            StepUpError::NoSuchPolicy(_) => Self::NotRequestable(error.to_string()),
            StepUpError::KeyReused => Self::Duplicate,
            StepUpError::OverRate(over) | StepUpError::OverQuota(over) => {
                Self::OverQuota(over.retry_after)
            }
            StepUpError::Upstream(_) => Self::Unavailable,
        }
    }

    fn parts(&self) -> (StatusCode, Option<&'static str>, String) {
        match self {
            Self::Malformed(detail) => (StatusCode::BAD_REQUEST, None, detail.clone()),
            Self::NotRequestable(detail) => {
                let name = Some("not_requestable");
                (StatusCode::BAD_REQUEST, name, detail.clone())
            }
            Self::ExpiredDenial => (
                StatusCode::GONE,
                Some("expired_denial"),
                "the denial is too old: evaluate again".to_owned(),
            ),
            Self::InvalidBinding => (
                StatusCode::BAD_REQUEST,
                Some("invalid_denial_binding"),
                "`denial` needs `evaluation_id` and `binding_token` of a denial of this evaluation"
                    .to_owned(),
            ),
            Self::Duplicate => (
                StatusCode::CONFLICT,
                Some("duplicate_request"),
                "the denial was already used for another request".to_owned(),
            ),
            Self::UnknownTask => (
                StatusCode::NOT_FOUND,
                Some("unknown_task"),
                "there is no such task of this caller".to_owned(),
            ),
            Self::NotPermitted(error) => (StatusCode::FORBIDDEN, None, error.to_string()),
            Self::OverQuota(_) => (
                StatusCode::TOO_MANY_REQUESTS,
                None,
                "rate limit or quota of this caller exceeded".to_owned(),
            ),
            Self::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                None,
                "the upstream created no link".to_owned(),
            ),
            Self::Late => (
                StatusCode::SERVICE_UNAVAILABLE,
                None,
                "there was no answer in time".to_owned(),
            ),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::OverQuota(after) => Some(*after),
            Self::Unavailable | Self::Late => Some(Duration::from_secs(1)),
            _ => None,
        }
    }
}

/// The response to an access request that is refused.
pub(in crate::http::authzen) fn problem(problem: &Problem) -> Response {
    let (status, name, detail) = problem.parts();
    let kind = name.map_or_else(|| "about:blank".to_owned(), |name| format!("{URN}{name}"));
    let title = name.or(status.canonical_reason()).unwrap_or_default();
    let body = json!({ "type": kind, "title": title, "status": status.as_u16(), "detail": detail });
    let kind = HeaderValue::from_static("application/problem+json");
    let headers = [(CONTENT_TYPE, kind), (CACHE_CONTROL, NO_STORE)];
    let mut response = (status, headers, body.to_string()).into_response();
    if let Some(after) = problem.retry_after() {
        let after = whole_seconds(after).into();
        response.headers_mut().insert(RETRY_AFTER, after);
    }
    response
}

/// The response to an access request that was begun.
pub(super) fn created(body: &Value) -> Response {
    let location = body
        .pointer("/task/status_endpoint")
        .and_then(Value::as_str);
    let location = location.and_then(|location| HeaderValue::from_str(location).ok());
    let mut response = state(body, None);
    *response.status_mut() = StatusCode::CREATED;
    if let Some(location) = location {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

/// The response that shows a task, and after how many seconds to ask again.
pub(super) fn state(body: &Value, after: Option<u64>) -> Response {
    let json = HeaderValue::from_static("application/json");
    let headers = [(CONTENT_TYPE, json), (CACHE_CONTROL, NO_STORE)];
    let mut response = (headers, body.to_string()).into_response();
    if let Some(after) = after {
        response.headers_mut().insert(RETRY_AFTER, after.into());
    }
    response
}
