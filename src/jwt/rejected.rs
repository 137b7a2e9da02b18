//! Why a token is refused.

/// Why a token is refused: for logs and metrics, never for the caller that sent it. It holds nothing of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejected {
    /// It is longer than 8 KiB.
    TooLarge,
    /// It is not three parts of base64url without padding, the first two of which are JSON objects without duplicate names.
    Malformed,
    /// Its header has a parameter that changes how it is to be read: `crit`, `b64`, `enc`, `zip` or `cty`.
    UnsupportedHeader,
    /// Its header `typ` is that of a token for another purpose.
    WrongType,
    /// Its algorithm is not that of the issuer's keys.
    WrongAlgorithm,
    /// The issuer has no such key.
    UnknownKey,
    /// No key of the issuer could be obtained until now.
    KeysUnavailable,
    /// The signature is not that of the key.
    WrongSignature,
    /// A claim that is needed is missing, or is of another type than it must be.
    MalformedClaim,
    /// It is of another issuer.
    WrongIssuer,
    /// It is for others.
    WrongAudience,
    /// It has expired.
    Expired,
    /// It is not valid yet.
    NotYetValid,
    /// It says that it was issued in the future.
    IssuedInFuture,
    /// It is valid for too long.
    LifetimeTooLong,
}

impl Rejected {
    /// Every reason.
    pub const ALL: [Self; 15] = [
        Self::TooLarge,
        Self::Malformed,
        Self::UnsupportedHeader,
        Self::WrongType,
        Self::WrongAlgorithm,
        Self::UnknownKey,
        Self::KeysUnavailable,
        Self::WrongSignature,
        Self::MalformedClaim,
        Self::WrongIssuer,
        Self::WrongAudience,
        Self::Expired,
        Self::NotYetValid,
        Self::IssuedInFuture,
        Self::LifetimeTooLong,
    ];

    /// The reason's name in metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::Malformed => "malformed",
            Self::UnsupportedHeader => "unsupported_header",
            Self::WrongType => "wrong_type",
            Self::WrongAlgorithm => "wrong_algorithm",
            Self::UnknownKey => "unknown_key",
            Self::KeysUnavailable => "keys_unavailable",
            Self::WrongSignature => "wrong_signature",
            Self::MalformedClaim => "malformed_claim",
            Self::WrongIssuer => "wrong_issuer",
            Self::WrongAudience => "wrong_audience",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::IssuedInFuture => "issued_in_future",
            Self::LifetimeTooLong => "lifetime_too_long",
        }
    }
}
