//! The credentials of a request: a token, ours or a JSON Web Token, in one of two headers, and the certificate of the connection.

use http::{HeaderMap, HeaderName, HeaderValue, header::AUTHORIZATION};

use super::token::{PREFIX, SentToken};
use crate::header_list::single;

/// The header of a token, where `authorization` carries something else.
pub const TOKEN_HEADER: HeaderName = HeaderName::from_static("x-verigate-token");
/// The scheme of a token in `authorization`, in lower case: schemes are compared without case (RFC 9110, section 11.1).
const BEARER: &str = "bearer ";

/// Why a request is not authenticated. The message is the same for each: a caller that tries credentials learns nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a valid credential of a caller is required: `authorization: Bearer vg_…`, `x-verigate-token: vg_…`, a JWT or a client certificate"
)]
pub enum AuthenticationError {
    /// There is none.
    NoCredential,
    /// A token that is none of ours, or malformed, or given more than once.
    BadToken,
    /// A JSON Web Token that is not valid, or names no caller.
    BadJwt,
    /// A certificate that is no caller's.
    UnknownCertificate,
    /// Two credentials of different callers.
    Conflict,
}

impl AuthenticationError {
    /// Every reason.
    pub const ALL: [Self; 5] = [
        Self::NoCredential,
        Self::BadToken,
        Self::BadJwt,
        Self::UnknownCertificate,
        Self::Conflict,
    ];

    /// The reason's name in metrics, the journal and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoCredential => "no_credential",
            Self::BadToken => "bad_token",
            Self::BadJwt => "bad_jwt",
            Self::UnknownCertificate => "unknown_certificate",
            Self::Conflict => "conflicting_credentials",
        }
    }
}

/// A credential in a header.
pub(super) enum Credential<'h> {
    /// A token of ours.
    Token(SentToken<'h>),
    /// A JSON Web Token, or a text that is none.
    Jwt(&'h str),
    /// The same, where a session may have put its own.
    SharedJwt(&'h str),
}

/// The values of the two headers; `None` if one is given more than once.
pub(super) fn token_headers(headers: &HeaderMap) -> Option<[Option<&HeaderValue>; 2]> {
    let own = single(headers, &TOKEN_HEADER).ok()?;
    Some([own, single(headers, &AUTHORIZATION).ok()?])
}

/// The same, if each that is given is a token of ours: none has anything of somebody else.
pub(super) fn own_tokens(headers: &HeaderMap) -> Option<[Option<&HeaderValue>; 2]> {
    let given = token_headers(headers)?;
    let found = credentials(headers).ok()?;
    let are_ours = given
        .iter()
        .zip(&found)
        .all(|pair| matches!(pair, (None, None) | (Some(_), Some(Credential::Token(_)))));
    are_ours.then_some(given)
}

/// The credentials that these headers carry, in both places; an error if there is one that cannot be valid.
pub(super) fn credentials(
    headers: &HeaderMap,
) -> Result<[Option<Credential<'_>>; 2], AuthenticationError> {
    let own = match only(headers, &TOKEN_HEADER)? {
        None => None,
        Some(text) if is_jwt(text) => Some(Credential::Jwt(text)),
        Some(text) => Some(Credential::Token(token(text)?)),
    };
    let shared = match only(headers, &AUTHORIZATION)?.and_then(authorization) {
        // That of somebody in between: not for us.
        None => None,
        Some(text) if is_ours(text) => Some(Credential::Token(token(text)?)),
        Some(text) => Some(Credential::SharedJwt(text)),
    };
    Ok([own, shared])
}

/// The headers of a request that may carry a credential, and no others.
pub fn credential_headers(headers: &HeaderMap) -> HeaderMap {
    let mut kept = HeaderMap::new();
    for name in [TOKEN_HEADER, AUTHORIZATION] {
        for value in headers.get_all(&name) {
            kept.append(name.clone(), value.clone());
        }
    }
    kept
}

/// What `Bearer` carries in `authorization`, if it is none of our own tokens: a JSON Web Token of a caller or of a session. An error if the
/// header is given twice, or is not text.
pub fn foreign_bearer(headers: &HeaderMap) -> Result<Option<&str>, AuthenticationError> {
    let text = only(headers, &AUTHORIZATION)?.and_then(authorization);
    Ok(text.filter(|text| !is_ours(text)))
}

fn token(text: &str) -> Result<SentToken<'_>, AuthenticationError> {
    SentToken::parse(text).ok_or(AuthenticationError::BadToken)
}

/// Whether this can be a JSON Web Token: our own tokens have no dot.
fn is_jwt(text: &str) -> bool {
    text.contains('.') && !is_ours(text)
}

/// Whether this is meant to be one of our tokens, whatever its case and the blanks in front of it.
fn is_ours(text: &str) -> bool {
    let start = text.trim_start().get(..PREFIX.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
}

/// The text of a header that is given once; `None` if it is not there.
fn only<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'h str>, AuthenticationError> {
    let value = single(headers, name).map_err(|_| AuthenticationError::BadToken)?;
    let text = value.map(HeaderValue::to_str).transpose();
    text.map_err(|_| AuthenticationError::BadToken)
}

/// What the scheme `Bearer` carries; `None` if the value has another scheme, or none.
pub fn bearer(value: &str) -> Option<&str> {
    let scheme = value.get(..BEARER.len())?;
    let token = value.get(BEARER.len()..);
    token.filter(|_| scheme.eq_ignore_ascii_case(BEARER))
}

/// The token that a caller sends in `authorization`. One of ours without its scheme is meant to be one, and is refused as such.
fn authorization(value: &str) -> Option<&str> {
    let misplaced = || value.get(..PREFIX.len()).filter(|_| is_ours(value));
    bearer(value).or_else(misplaced)
}
