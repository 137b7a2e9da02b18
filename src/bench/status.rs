//! How a call ended.

use std::fmt;

use tonic::Code;

use crate::proto::code_name;

/// The largest number of a code of gRPC.
const CODE_MAX: u8 = 16;

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
        let mut codes = 0..=CODE_MAX;
        let found = codes.find(|code| code_name(Code::from(i32::from(*code))) == name);
        found.map(Self::Grpc)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Grpc(code) if *code <= CODE_MAX => {
                f.write_str(code_name(Code::from(i32::from(*code))))
            }
            Self::Grpc(code) => write!(f, "grpc-status {code}"),
            Self::Http(status) => write!(f, "HTTP {status}"),
            Self::Reset(code) => write!(f, "RST_STREAM {code}"),
            Self::Missing => f.write_str("no grpc-status"),
            Self::Lost => f.write_str("connection lost"),
            Self::Unreadable => f.write_str("unreadable message"),
        }
    }
}
