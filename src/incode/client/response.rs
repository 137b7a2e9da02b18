//! What a response of the upstream means. First, whether the vendor sent it: only a response of the vendor's shape is its word, anything
//! else is an outage, whatever its status ([`vendor_sent`]). Then its status: a success to decode, or an [`UpstreamError`], which also
//! says what the circuit breaker learns.

use std::time::Duration;

use http::{HeaderMap, StatusCode, header::CONTENT_TYPE};
use reqwest::Response;

use crate::{
    incode::{
        age::age,
        api_call::ApiCall,
        circuit_breaker::CallResult,
        retry_after::RetryAfter,
        wire::shape::{self, Message, ShapeError},
    },
    policy::Flaw,
    provenance::Outage,
    secrets::WipedBytes,
};

/// The largest body that is read.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a content type that are logged.
const CONTENT_TYPE_BYTES_MAX: usize = 100;

/// Why a call to the upstream has no usable result.
#[derive(Debug)]
pub(in crate::incode) enum UpstreamError {
    /// 404 of the vendor: it has no such verification. The duration is the age of the response.
    NotFound(Duration),
    /// 401: the token, or the API key, is refused.
    Unauthorized {
        /// Whether the vendor says so, and not somebody in its place.
        by_vendor: bool,
    },
    /// A success of the vendor whose facts cannot be used. The duration is the age of the response.
    Unusable(Flaw, Duration),
    /// Anything else.
    Outage(Outage),
}

impl UpstreamError {
    /// The outcome's name in metrics and traces.
    pub(super) fn as_str(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "not_found",
            Self::Unauthorized { .. } => "unauthorized",
            Self::Unusable(..) => "unusable",
            Self::Outage(outage) => outage.as_str(),
        }
    }

    /// What the circuit breaker learns. An unusable body counts as a success: each is judged by itself. So does a refusal by the vendor
    /// of the details of one verification or of one link: it may be about that one alone. A refusal to issue a token concerns every
    /// call.
    pub(super) fn call_result(&self, call: ApiCall) -> CallResult {
        match (self, call) {
            (Self::Unauthorized { by_vendor: false }, _) => CallResult::Failure,
            (Self::NotFound(_) | Self::Unauthorized { .. } | Self::Unusable(..), _)
            | (
                Self::Outage(Outage::Unexpected | Outage::CredentialsRefused),
                ApiCall::Details | ApiCall::Link,
            ) => CallResult::Success,
            (Self::Outage(Outage::RateLimited), _) => CallResult::Ignored,
            (Self::Outage(_), _) => CallResult::Failure,
        }
    }
}

/// A response that was read to its end.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// `None` if it is too large.
    pub(super) body: Option<WipedBytes>,
}

impl Received {
    /// Reads the body, up to its maximum size.
    pub(super) async fn read(mut response: Response) -> reqwest::Result<Self> {
        let status = response.status();
        let headers = std::mem::take(response.headers_mut());
        let mut body = Some(WipedBytes::default());
        while let Some(bytes) = &mut body {
            let Some(chunk) = response.chunk().await? else {
                break;
            };
            if bytes.len().saturating_add(chunk.len()) > BODY_BYTES_MAX {
                body = None;
            } else {
                bytes.append(&chunk);
            }
        }
        Ok(Self {
            status,
            headers,
            body,
        })
    }

    /// The content type for the log: text from outside, escaped and cut.
    pub(super) fn content_type(&self) -> String {
        let Some(value) = self.headers.get(CONTENT_TYPE) else {
            return "none".to_owned();
        };
        let bytes = value.as_bytes().iter().take(CONTENT_TYPE_BYTES_MAX);
        bytes
            .flat_map(|byte| byte.escape_ascii())
            .map(char::from)
            .collect()
    }
}

/// Whether a response has the shape of what the vendor sends with its status. If so, how old it is: an HTTP cache may have sent it.
pub(super) fn vendor_sent(call: ApiCall, received: &Received) -> Result<Duration, ShapeError> {
    let problem = |problem| ShapeError {
        problem,
        position: None,
    };
    if !is_json(&received.headers) {
        return Err(problem("its content type is not application/json"));
    }
    let body = received.body.as_deref();
    let body = body.ok_or_else(|| problem("the body is larger than 64 KiB"))?;
    let message = match (received.status, call) {
        (StatusCode::OK, ApiCall::Authorize) => Message::Token,
        (StatusCode::OK, ApiCall::Details) => Message::Details,
        (StatusCode::OK | StatusCode::CREATED, ApiCall::Link) => Message::Link,
        (status, _) if status.as_u16() < 400 => {
            return Err(problem("the vendor does not send this status"));
        }
        _ => Message::Error,
    };
    shape::check(body, message)?;
    match (age(&received.headers), call) {
        (None, _) => Err(problem("its `Age` cannot be parsed")),
        (Some(age), ApiCall::Authorize | ApiCall::Link) if !age.is_zero() => Err(problem(
            "its `Age` is above zero: a token or a link must not come from an HTTP cache",
        )),
        (Some(age), _) => Ok(age),
    }
}

/// Whether a status is a success of this call. Only the vendor can say that something was found, was not found, or is forbidden; anybody
/// can ask us to slow down, or fail.
pub(super) fn classify(
    call: ApiCall,
    status: StatusCode,
    sent: Result<Duration, ShapeError>,
) -> Result<Duration, UpstreamError> {
    Err(match (status, call, sent) {
        (StatusCode::TOO_MANY_REQUESTS, ..) => UpstreamError::Outage(Outage::RateLimited),
        (status, ..) if status.is_server_error() => UpstreamError::Outage(Outage::Failed),
        // Also if a proxy says so: another token costs nothing, and is requested once.
        (StatusCode::UNAUTHORIZED, _, sent) => UpstreamError::Unauthorized {
            by_vendor: sent.is_ok(),
        },
        (_, _, Err(_)) => UpstreamError::Outage(Outage::Foreign),
        (StatusCode::OK, _, Ok(age)) | (StatusCode::CREATED, ApiCall::Link, Ok(age)) => {
            return Ok(age);
        }
        (StatusCode::NOT_FOUND, _, Ok(age)) => UpstreamError::NotFound(age),
        (StatusCode::FORBIDDEN, ..) => UpstreamError::Outage(Outage::CredentialsRefused),
        _ => UpstreamError::Outage(Outage::Unexpected),
    })
}

/// The pause that a response asks for, of which it may say how long: 429, or a server error with `Retry-After`. A proxy in front of the
/// vendor may ask too.
pub(super) fn requested_pause(status: StatusCode, retry_after: RetryAfter) -> RetryAfter {
    match (status, retry_after) {
        (StatusCode::TOO_MANY_REQUESTS, RetryAfter::Missing) => RetryAfter::Unstated,
        (StatusCode::TOO_MANY_REQUESTS, pause) => pause,
        (status, pause) if status.is_server_error() => pause,
        _ => RetryAfter::Missing,
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

/// Whether there is one content type, and it is `application/json`, with or without parameters. Others that end in `+json` are of other
/// shapes, such as the problem details of RFC 9457.
fn is_json(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(only), None) = (types.next(), types.next()) else {
        return false;
    };
    let kind = only.to_str().ok().and_then(|text| text.split(';').next());
    kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
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
