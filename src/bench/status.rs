//! How a call ended.

use std::fmt;

/// The codes of gRPC, by their numbers.
const CODES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// With this code of gRPC.
    Grpc(u8),
    /// With this status of HTTP, and none of gRPC.
    Http(u16),
    /// With a stream that the server reset, by this code of HTTP/2.
    Reset(u32),
    /// With an end of the stream without a status.
    Missing,
    /// With the connection.
    Lost,
    /// With a message that cannot be read.
    Unreadable,
}

impl Status {
    /// Success.
    pub const OK: Self = Self::Grpc(0);

    /// The code of this name.
    pub fn of_code(name: &str) -> Option<Self> {
        let mut codes = (0..).zip(CODES);
        let found = codes.find(|(_, code)| *code == name);
        found.map(|(number, _)| Self::Grpc(number))
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Grpc(code) => match CODES.get(usize::from(*code)) {
                Some(name) => f.write_str(name),
                None => write!(f, "grpc-status {code}"),
            },
            Self::Http(status) => write!(f, "HTTP {status}"),
            Self::Reset(code) => write!(f, "RST_STREAM {code}"),
            Self::Missing => f.write_str("no grpc-status"),
            Self::Lost => f.write_str("connection lost"),
            Self::Unreadable => f.write_str("unreadable message"),
        }
    }
}
