//! The credentials of a request: a token in one of two headers, and the certificate of the connection.

use http::{HeaderMap, HeaderName, HeaderValue, header::AUTHORIZATION};

use super::token::{PREFIX, Token};

/// The header of a token, where `authorization` carries something else.
pub const TOKEN_HEADER: HeaderName = HeaderName::from_static("x-verigate-token");
/// The scheme of a token in `authorization`, in lower case: schemes are compared without case (RFC 9110, section 11.1).
const BEARER: &str = "bearer ";

/// Why a request is not authenticated. The message is the same for each: a caller that tries credentials learns nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a valid credential of a caller is required: `authorization: Bearer vg_…`, `x-verigate-token: vg_…` or a client certificate"
)]
pub enum AuthenticationError {
    /// There is none.
    NoCredential,
    /// A token that is none of ours, or malformed, or given more than once.
    BadToken,
    /// A certificate that is no caller's.
    UnknownCertificate,
    /// Two credentials of different callers.
    Conflict,
}

impl AuthenticationError {
    /// Every reason.
    pub const ALL: [Self; 4] = [
        Self::NoCredential,
        Self::BadToken,
        Self::UnknownCertificate,
        Self::Conflict,
    ];

    /// The reason's name in metrics, the journal and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoCredential => "no_credential",
            Self::BadToken => "bad_token",
            Self::UnknownCertificate => "unknown_certificate",
            Self::Conflict => "conflicting_credentials",
        }
    }
}

/// The tokens that these headers carry, in both places; an error if there is one that cannot be valid.
pub(super) fn tokens(headers: &HeaderMap) -> Result<[Option<Token>; 2], AuthenticationError> {
    let own = match only(headers, &TOKEN_HEADER)? {
        None => None,
        Some(text) => Some(Token::parse(text).ok_or(AuthenticationError::BadToken)?),
    };
    let shared = only(headers, &AUTHORIZATION)?.and_then(bearer);
    let shared = match shared {
        // The session's token, or that of somebody in between: not for us.
        None => None,
        Some(text) => Some(Token::parse(text).ok_or(AuthenticationError::BadToken)?),
    };
    Ok([own, shared])
}

/// The one value of a header. One that is given twice is refused: a proxy may have looked at the other one.
fn only<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'h str>, AuthenticationError> {
    let mut given = headers.get_all(name).iter();
    match (given.next().map(HeaderValue::to_str), given.next()) {
        (None, _) => Ok(None),
        (Some(Ok(text)), None) => Ok(Some(text)),
        _ => Err(AuthenticationError::BadToken),
    }
}

/// What `Bearer` carries, if it is meant to be one of our tokens, whatever its case and the blanks around it.
fn bearer(value: &str) -> Option<&str> {
    let is_ours = |text: &str| {
        let text = text.trim_start();
        text.get(..PREFIX.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
    };
    match value.get(..BEARER.len()) {
        Some(scheme) if scheme.eq_ignore_ascii_case(BEARER) => {
            value.get(BEARER.len()..).filter(|text| is_ours(text))
        }
        // A token without its scheme: no token of ours, but meant to be one.
        _ => Some(value).filter(|text| is_ours(text)).map(|_| ""),
    }
}
