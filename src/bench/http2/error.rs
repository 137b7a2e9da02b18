//! What a server did that ends a connection.

use crate::bench::hpack::HpackError;

/// What a server did that ends the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(in crate::bench) enum Http2Error {
    #[error("the server does not speak HTTP/2")]
    NoHttp2,
    #[error("a frame of the server is not valid HTTP/2")]
    Frame,
    #[error(transparent)]
    Headers(#[from] HpackError),
    #[error("a message of the server is compressed or longer than 16 MiB")]
    Message,
}
