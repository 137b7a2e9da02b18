//! The body of a request: only JSON, within its bounds.

use axum::{
    body::{Body, Bytes, to_bytes},
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE},
    },
};

use crate::{call::Deadline, header_list::single};

/// Why a body is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyError {
    /// It is of another type, or compressed.
    ContentType,
    /// It is too large. How many bytes it may have.
    TooLarge(usize),
    /// It did not arrive in time, or the connection broke.
    Timeout,
}

impl BodyError {
    /// The status, and what to do otherwise.
    pub(super) fn described(self) -> (StatusCode, String) {
        match self {
            Self::ContentType => (
                StatusCode::BAD_REQUEST,
                "the body must be `application/json` in utf-8, and not compressed".to_owned(),
            ),
            Self::TooLarge(bytes_max) => (
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("the body must be at most {bytes_max} bytes"),
            ),
            Self::Timeout => (
                StatusCode::REQUEST_TIMEOUT,
                "the body did not arrive in time".to_owned(),
            ),
        }
    }
}

/// Reads a body of at most this many bytes, by this deadline.
pub(super) async fn read(
    headers: &HeaderMap,
    body: Body,
    bytes_max: usize,
    deadline: Deadline,
) -> Result<Bytes, BodyError> {
    if !is_json(headers) {
        return Err(BodyError::ContentType);
    }
    let announced = headers.get(CONTENT_LENGTH).map(HeaderValue::to_str);
    let announced = announced.and_then(Result::ok).map(str::parse::<usize>);
    if announced.is_some_and(|bytes| bytes.is_ok_and(|bytes| bytes > bytes_max)) {
        return Err(BodyError::TooLarge(bytes_max));
    }
    match deadline.enforce(to_bytes(body, bytes_max)).await {
        Some(Ok(bytes)) => Ok(bytes),
        Some(Err(error)) if is_too_large(&error) => Err(BodyError::TooLarge(bytes_max)),
        Some(Err(_)) | None => Err(BodyError::Timeout),
    }
}

fn is_too_large(error: &axum::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        if error.is::<http_body_util::LengthLimitError>() {
            return true;
        }
        source = error.source();
    }
    false
}

/// Whether a body is of the one type that there is, in UTF-8, and not compressed. A type that is given twice is none.
fn is_json(headers: &HeaderMap) -> bool {
    let kind = single(headers, &CONTENT_TYPE).ok().flatten();
    let kind = kind.and_then(|kind| kind.to_str().ok());
    let is_json = kind.is_some_and(|kind| {
        let mut parts = kind.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default();
        kind.eq_ignore_ascii_case("application/json") && parts.all(is_utf8)
    });
    let mut encodings = headers.get_all(CONTENT_ENCODING).iter();
    is_json && encodings.all(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

/// Whether a parameter of the type is not a character set, or the one that JSON has.
fn is_utf8(parameter: &str) -> bool {
    let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
    let value = value.trim();
    let unquoted = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
    let value = unquoted.unwrap_or(value);
    !name.trim().eq_ignore_ascii_case("charset") || value.eq_ignore_ascii_case("utf-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_json_by_its_type_alone() {
        let with = |types: &[&'static str], encodings: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for kind in types {
                headers.append(CONTENT_TYPE, HeaderValue::from_static(kind));
            }
            for encoding in encodings {
                headers.append(CONTENT_ENCODING, HeaderValue::from_static(encoding));
            }
            is_json(&headers)
        };
        for kind in [
            "application/json",
            "Application/JSON",
            "application/json; charset=utf-8",
            "application/json;charset=UTF-8; x=y",
            "application/json; x=y; Charset=\"utf-8\"",
            "application/json;",
            " application/json ",
        ] {
            assert!(with(&[kind], &[]), "{kind}");
            assert!(with(&[kind], &["identity"]), "{kind}");
            assert!(!with(&[kind], &["gzip"]), "{kind}");
            assert!(!with(&[kind], &["identity", "br"]), "{kind}");
            assert!(!with(&[kind, kind], &[]), "{kind}");
        }
        for kind in [
            "",
            "text/plain",
            "text/json",
            "application/jsonx",
            "application/ld+json",
            "application/x-www-form-urlencoded",
            "application",
            "; application/json",
            "text/plain; application/json",
            "application/json, text/plain",
            "application/json; charset=utf-16",
            "application/json;charset=UTF-16LE",
            "application/json; charset=iso-8859-1",
            "application/json; charset=\"utf-16\"",
            "application/json; charset = utf-16",
            "application/json; x=y; CHARSET=utf-32",
            "application/json; charset=utf-8; charset=utf-16",
            "application/json; charset=",
            "application/json; charset",
            "application/json; charset=\"utf-8",
            "application/json; charset=utf-8, text/plain",
        ] {
            assert!(!with(&[kind], &[]), "{kind}");
        }
        assert!(!with(&[], &[]));
    }
}
