//! Why the token of a session is refused.

use crate::jwt::Rejected;

/// Why the token of a session is refused: for logs and metrics, and for adapters that say that there was one. It holds nothing of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenRefusal {
    /// The header is given more than once, or is not text.
    Repeated,
    /// It claims to be a caller's too.
    OfACaller,
    /// It is not valid.
    Token(Rejected),
    /// It is valid, but a claim that is read has another type than it must, or is out of its bounds.
    BadClaim,
}

impl TokenRefusal {
    /// Every reason.
    pub fn all() -> impl Iterator<Item = Self> {
        let own = [Self::Repeated, Self::OfACaller, Self::BadClaim];
        own.into_iter().chain(Rejected::ALL.map(Self::Token))
    }

    /// The reason's name in metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Repeated => "repeated",
            Self::OfACaller => "of_a_caller",
            Self::Token(rejected) => rejected.as_str(),
            Self::BadClaim => "bad_claim",
        }
    }

    /// What to do about it.
    pub(super) fn hint(self) -> &'static str {
        match self {
            Self::Repeated => "the gateway must overwrite the header, and send it once",
            Self::OfACaller => {
                "an audience of its own distinguishes the tokens of sessions from those of callers"
            }
            Self::Token(Rejected::Expired) => {
                "sessions expire; if all are refused, compare the clocks"
            }
            Self::Token(Rejected::KeysUnavailable) => {
                "see why the keys of the issuer cannot be read"
            }
            Self::Token(_) => "compare the token with `[authentication]`",
            Self::BadClaim => {
                "acr, acrs, amr, auth_time and the claims that `[authentication]` names must have their types"
            }
        }
    }
}
