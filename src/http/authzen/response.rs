//! Responses of AuthZEN: JSON where there is an answer, and a text where there is none.

use axum::{
    http::{
        HeaderMap, HeaderValue, StatusCode, Version,
        header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
    },
    response::{IntoResponse as _, Response},
};
use serde_json::Value;

use super::error::EvaluationError;
use crate::{
    gateway::whole_seconds,
    header_list::single,
    http::body::BodyError,
    request_id::{REQUEST_ID, cleaned},
    violations::ID_BYTES_MAX,
};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// Why a request is answered with an error before it is an evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rejected {
    /// No caller is authenticated.
    NoCaller,
    /// The request ID cannot be sent back as it is.
    RequestId,
    /// Another method than this one.
    Method(&'static str),
    /// The body is not read.
    Body(BodyError),
}

impl From<BodyError> for Rejected {
    fn from(error: BodyError) -> Self {
        Self::Body(error)
    }
}

impl Rejected {
    pub(super) fn response(self) -> Response {
        let (status, message) = match self {
            Self::NoCaller => (
                StatusCode::UNAUTHORIZED,
                "a valid credential of a caller is required".to_owned(),
            ),
            Self::RequestId => (
                StatusCode::BAD_REQUEST,
                format!(
                    "`x-request-id` must be given once, and be at most {ID_BYTES_MAX} visible characters of ASCII"
                ),
            ),
            Self::Method(method) => (
                StatusCode::METHOD_NOT_ALLOWED,
                format!("the method must be {method}"),
            ),
            Self::Body(error) => error.described(),
        };
        let mut response = error(status, &message);
        let headers = response.headers_mut();
        match self {
            Self::NoCaller => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Self::Method(method) => {
                headers.insert(ALLOW, HeaderValue::from_static(method));
            }
            _ => {}
        }
        response
    }

    /// The reason's name in metrics.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::NoCaller => "no_caller",
            Self::RequestId | Self::Method(_) | Self::Body(_) => "malformed",
        }
    }
}

/// An answer.
pub(super) fn answered(answer: &Value) -> Response {
    let headers = [(CONTENT_TYPE, JSON), (CACHE_CONTROL, NO_STORE)];
    (headers, answer.to_string()).into_response()
}

/// An error of the call.
pub(super) fn failed(failed: &EvaluationError) -> Response {
    let status = StatusCode::from_u16(failed.status());
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = error(status, &failed.to_string());
    if let Some(after) = failed.retry_after() {
        let after = whole_seconds(after).into();
        response.headers_mut().insert(RETRY_AFTER, after);
    }
    response
}

/// An error with its message, as a text.
pub(super) fn error(status: StatusCode, message: &str) -> Response {
    let headers = [(CACHE_CONTROL, NO_STORE)];
    (status, headers, format!("{message}\n")).into_response()
}

/// The same response to a request whose body was not read: over HTTP/1 no other request can follow on the connection.
pub(super) fn with_unread_body(mut response: Response, version: Version) -> Response {
    if version < Version::HTTP_2 {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
    response
}

/// The request ID, as it came; `Err` if it cannot be sent back so.
pub(super) fn request_id(headers: &HeaderMap) -> Result<Option<HeaderValue>, Rejected> {
    let id = single(headers, &REQUEST_ID).map_err(|_| Rejected::RequestId)?;
    let is_as_it_comes_back = |id: &HeaderValue| {
        let text = id.to_str().unwrap_or("\n");
        text.len() <= ID_BYTES_MAX && *cleaned(text) == *text
    };
    match id {
        Some(id) if !is_as_it_comes_back(id) => Err(Rejected::RequestId),
        id => Ok(id.cloned()),
    }
}
