//! Why a gateway gets no decision, and what it is answered instead: never access.

use std::time::Duration;

use http::StatusCode;

use crate::gate::CheckError;

/// When to ask again after a shed request: at least.
const SHED_RETRY_AFTER: Duration = Duration::from_secs(1);

/// Why a gateway gets no decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// No caller is authenticated.
    NoCaller,
    /// The caller may not ask this, or not assert what it asserts.
    NotPermitted,
    /// No policy has this name, or the name is none.
    NoSuchPolicy,
    /// The path is not that of a check: its policy is not one segment in its canonical form, or what follows has dot segments.
    BadPath,
    /// The request names no verification.
    NoVerification,
    /// The token of the session is not valid, and the verification would have been in it.
    NoValidToken,
    /// An id is malformed.
    BadId,
    /// A header with an id is given more than once.
    RepeatedId,
    /// A header has another id than the token of the session.
    ConflictingId,
    /// The caller asks too fast, or for too much that is not cached.
    OverQuota {
        /// When to ask again.
        retry_after: Duration,
    },
    /// Too many requests are in flight.
    Shed,
    /// The vendor is being asked, and has not answered in time. It is not known yet.
    Pending,
    /// There was no answer in time.
    Late,
    /// The decision could not be recorded, so it must not be used.
    NotRecorded,
}

impl Refusal {
    /// Every reason.
    pub const ALL: [Self; 14] = [
        Self::NoCaller,
        Self::NotPermitted,
        Self::NoSuchPolicy,
        Self::BadPath,
        Self::NoVerification,
        Self::NoValidToken,
        Self::BadId,
        Self::RepeatedId,
        Self::ConflictingId,
        Self::OverQuota {
            retry_after: SHED_RETRY_AFTER,
        },
        Self::Shed,
        Self::Pending,
        Self::Late,
        Self::NotRecorded,
    ];

    /// The reason's name in metrics, logs and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoCaller => "no_caller",
            Self::NotPermitted => "not_permitted",
            Self::NoSuchPolicy => "no_such_policy",
            Self::BadPath => "bad_path",
            Self::NoVerification => "no_verification",
            Self::NoValidToken => "no_valid_token",
            Self::BadId => "bad_id",
            Self::RepeatedId => "repeated_id",
            Self::ConflictingId => "conflicting_id",
            Self::OverQuota { .. } => "over_quota",
            Self::Shed => "shed",
            Self::Pending => "pending",
            Self::Late => "late",
            Self::NotRecorded => "not_recorded",
        }
    }

    /// 403 for what asking again does not change, 503 for what it may. Never 401, which means to every proxy that the person must sign in.
    pub fn status(self) -> StatusCode {
        match self {
            Self::NoCaller
            | Self::NotPermitted
            | Self::NoSuchPolicy
            | Self::BadPath
            | Self::NoVerification
            | Self::NoValidToken
            | Self::BadId
            | Self::RepeatedId
            | Self::ConflictingId => StatusCode::FORBIDDEN,
            Self::OverQuota { .. }
            | Self::Shed
            | Self::Pending
            | Self::Late
            | Self::NotRecorded => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// When to ask again, where that may help.
    pub fn retry_after(self) -> Option<Duration> {
        match self {
            Self::OverQuota { retry_after } => Some(retry_after),
            Self::Shed | Self::Pending | Self::Late | Self::NotRecorded => Some(SHED_RETRY_AFTER),
            _ => None,
        }
    }

    /// What to do about it; `None` where it is logged elsewhere, or nothing is to be done.
    pub fn hint(self) -> Option<&'static str> {
        match self {
            Self::NoSuchPolicy => Some("name a policy that is installed: see /policies"),
            Self::BadPath => Some("the gateway must ask for /check/POLICY, and normalise paths"),
            Self::NoVerification => Some(
                "the gateway must send the header of `forward_auth.verification_header`, or a token with the claim of `authentication.verification_claim`",
            ),
            Self::NoValidToken => {
                Some("the verification is in the token: see session_token_refused")
            }
            Self::BadId => Some("the ids that the gateway sends must be those of the vendor"),
            Self::RepeatedId => Some("the gateway must overwrite the header, and send it once"),
            Self::ConflictingId => Some(
                "the gateway must not pass on the header: the claim of the token names the person",
            ),
            Self::Shed => Some("too many requests of gateways are in flight"),
            Self::Late => {
                Some("the machine is overloaded, or `forward_auth.deadline` is too short")
            }
            Self::NoCaller
            | Self::NotPermitted
            | Self::OverQuota { .. }
            | Self::Pending
            | Self::NotRecorded => None,
        }
    }
}

impl From<&CheckError> for Refusal {
    fn from(error: &CheckError) -> Self {
        match error {
            CheckError::NotPermitted(_) => Self::NotPermitted,
            CheckError::NoSuchPolicy(_) => Self::NoSuchPolicy,
            CheckError::OverRate(over) | CheckError::OverQuota(over) => Self::OverQuota {
                retry_after: over.retry_after,
            },
            CheckError::Late => Self::Late,
            CheckError::NotRecorded(_) => Self::NotRecorded,
        }
    }
}
