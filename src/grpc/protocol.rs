//! What an HTTP request has to be to count as a call. Anything else is rejected with a status that no gateway takes for success, whatever
//! its path: gRPC answers 200 to every call, so a gateway that asks this port by mistake must not look like one.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Version, header::CONTENT_TYPE};

use super::{framing::Encoding, rejection::Rejection};
use crate::header_list::{header_list_bytes, single};

/// The content types of calls, without their parameters. Others that begin alike are other protocols, such as `application/grpc-web`,
/// or encodings of messages that this service does not speak, such as `application/grpc+json`.
const CONTENT_TYPES: [&str; 2] = ["application/grpc", "application/grpc+proto"];

/// The most that a call's metadata may take with the rest of its headers, in bytes as RFC 9113 counts them.
const METADATA_BYTES_MAX: usize = 16 * 1024;

/// How the messages of a call are compressed.
pub(super) const ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");

/// Why a request is not a call.
pub(super) fn rejection<B>(request: &Request<B>) -> Option<Rejection> {
    // The listener passes on no other version. Looked at again, so that no change of the listener can let one in.
    if request.version() != Version::HTTP_2 {
        return Some(Rejection::NotHttp2);
    }
    if !is_grpc(request.headers()) {
        return Some(Rejection::ContentType);
    }
    (request.method() != Method::POST).then_some(Rejection::Method)
}

/// What the head of a request takes, in bytes as RFC 9113 counts them.
pub(super) fn head_bytes<B>(request: &Request<B>) -> usize {
    header_list_bytes(request.uri(), request.headers())
}

/// Why the metadata of a call is rejected, if it takes too much.
pub(super) fn metadata_too_large<B>(request: &Request<B>) -> Option<Rejection> {
    let bytes = head_bytes(request);
    (bytes > METADATA_BYTES_MAX).then_some(Rejection::MetadataTooLarge {
        bytes,
        bytes_max: METADATA_BYTES_MAX,
    })
}

/// Whether the content type is that of a call. It is given once, and compared without case, as RFC 9110 defines.
fn is_grpc(headers: &HeaderMap) -> bool {
    let Ok(Some(given)) = single(headers, &CONTENT_TYPE) else {
        return false;
    };
    let given = given.to_str().unwrap_or_default();
    let name = given.split(';').next().unwrap_or_default().trim_end();
    CONTENT_TYPES
        .iter()
        .any(|known| known.eq_ignore_ascii_case(name))
}

/// How the messages are encoded; `None` if they cannot be decoded here.
pub(super) fn encoding(headers: &HeaderMap) -> Option<Encoding> {
    let given = single(headers, &ENCODING).ok()?;
    match given.map(HeaderValue::as_bytes) {
        None | Some(b"identity") => Some(Encoding::Identity),
        Some(b"gzip") => Some(Encoding::Gzip),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(content_types: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for content_type in content_types {
            headers.append(CONTENT_TYPE, content_type.parse().unwrap());
        }
        is_grpc(&headers)
    }

    #[test]
    fn only_the_content_types_of_grpc_with_protobuf_are_calls() {
        for call in [
            "application/grpc",
            "application/grpc+proto",
            "application/grpc;charset=utf-8",
            "application/grpc ; a=b",
            "APPLICATION/gRPC+Proto",
        ] {
            assert!(admitted(&[call]), "{call}");
        }
        for other in [
            "",
            "text/html",
            "application/json",
            "application/grp",
            "application/grpcfoo",
            "application/grpc-web",
            "application/grpc-web+proto",
            "application/grpc-web-text",
            "application/grpc+json",
            "application/grpc+",
            "application/grpc/x",
            "application/grpc, text/html",
            "text/html; application/grpc",
            "xapplication/grpc",
            "*/*",
        ] {
            assert!(!admitted(&[other]), "{other}");
        }
        assert!(!admitted(&[]));
        assert!(!admitted(&["application/grpc", "application/grpc"]));
        assert!(!admitted(&["application/grpc", "text/html"]));
    }
}
