//! What a response of the upstream means: a body to decode, or an [`UpstreamError`], which also says what the circuit breaker learns.

use std::time::Duration;

use http::{HeaderMap, StatusCode, header::CONTENT_TYPE};
use reqwest::Response;

use crate::{
    incode::{api_call::ApiCall, circuit_breaker::CallResult},
    policy::Flaw,
    provenance::Outage,
};

/// The largest body that is read.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// Why a call to the upstream has no usable result.
#[derive(Debug)]
pub(in crate::incode) enum UpstreamError {
    /// 404.
    NotFound,
    /// 401: the token, or the API key, is refused.
    Unauthorized,
    /// A success whose body cannot be used.
    Unusable(Flaw),
    /// Anything else.
    Outage(Outage),
}

impl UpstreamError {
    /// The outcome's name in metrics and traces.
    pub(super) fn as_str(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Unauthorized => "unauthorized",
            Self::Unusable(_) => "unusable",
            Self::Outage(outage) => outage.as_str(),
        }
    }

    /// What the circuit breaker learns. An unusable body counts as a success: each is judged by itself. So does a refusal of the
    /// details of one verification or of one link: it may be about that one alone. A refusal to issue a token concerns every call.
    pub(super) fn call_result(&self, call: ApiCall) -> CallResult {
        match (self, call) {
            (Self::NotFound | Self::Unauthorized | Self::Unusable(_), _)
            | (
                Self::Outage(Outage::Unexpected | Outage::CredentialsRefused),
                ApiCall::Details | ApiCall::Link,
            ) => CallResult::Success,
            (Self::Outage(Outage::RateLimited), _) => CallResult::Ignored,
            (Self::Outage(_), _) => CallResult::Failure,
        }
    }
}

/// Whether a status is a success of this call.
pub(super) fn classify(call: ApiCall, status: StatusCode) -> Result<(), UpstreamError> {
    Err(match (status, call) {
        (StatusCode::OK, _) | (StatusCode::CREATED, ApiCall::Link) => return Ok(()),
        (StatusCode::NOT_FOUND, _) => UpstreamError::NotFound,
        (StatusCode::UNAUTHORIZED, _) => UpstreamError::Unauthorized,
        (StatusCode::FORBIDDEN, _) => UpstreamError::Outage(Outage::CredentialsRefused),
        (StatusCode::TOO_MANY_REQUESTS, _) => UpstreamError::Outage(Outage::RateLimited),
        (status, _) if status.is_server_error() => UpstreamError::Outage(Outage::Failed),
        _ => UpstreamError::Outage(Outage::Unexpected),
    })
}

/// Whether the upstream asks for a pause: by 429, or by 503 with the length of the pause.
pub(super) fn requests_pause(status: StatusCode, retry_after: Option<Duration>) -> bool {
    match status {
        StatusCode::TOO_MANY_REQUESTS => true,
        StatusCode::SERVICE_UNAVAILABLE => retry_after.is_some(),
        _ => false,
    }
}

/// The outage of a call without a complete response.
pub(super) fn outage_of(error: &reqwest::Error) -> Outage {
    if error.is_timeout() && !error.is_connect() {
        Outage::TimedOut
    } else {
        Outage::Unreachable
    }
}

/// Reads a body of JSON up to its maximum size. The headers are those of the response.
pub(super) async fn read_body(
    headers: &HeaderMap,
    mut response: Response,
) -> reqwest::Result<Result<Vec<u8>, Flaw>> {
    if !is_json(headers) {
        return Ok(Err(Flaw::Unreadable));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len().saturating_add(chunk.len()) > BODY_BYTES_MAX {
            return Ok(Err(Flaw::TooLarge));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Ok(body))
}

/// Whether the content type is `application/json`, with or without parameters.
fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok());
    content_type
        .and_then(|value| value.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

/// What to check if the upstream responds with such an error.
pub(super) fn hint(outage: Outage) -> &'static str {
    match outage {
        Outage::CredentialsRefused => {
            "ask the vendor whether the integration may still make this call"
        }
        Outage::RateLimited => "tenant rate limit exceeded",
        Outage::Failed => "vendor error; cached evidence is used while its policy accepts it",
        _ => "check incode.url, and incode.headers for what the tenant requires (406: api-version)",
    }
}
