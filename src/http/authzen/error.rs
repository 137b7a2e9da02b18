//! Why an evaluation has no decision. Each is one code, in one place; none of them is access.

use std::time::Duration;

use super::{config::NoPatternError, message::MalformedError};
use crate::{
    callers::NotPermittedError, gate::CheckError, policy::PolicyName, session::BadClaimError,
};

/// When to ask again after what may pass: at least.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Why an evaluation has no decision.
#[derive(Debug, thiserror::Error)]
pub(super) enum EvaluationError {
    /// It is not complete, or a member is not of its type.
    #[error(transparent)]
    Malformed(#[from] MalformedError),
    /// The subject is of another type than those that are configured.
    #[error("`subject.type` is not a type of subjects that have verifications here")]
    SubjectType,
    /// What names the policy is no name.
    #[error("what names the policy is not the name of a policy")]
    BadPolicyName,
    /// No pattern names a policy, or several name different ones.
    #[error("{}", match .0 {
        NoPatternError::None => "no policy is configured for this action on this resource",
        NoPatternError::Several => "several policies are configured for this action on this resource",
    })]
    NoPattern(NoPatternError),
    /// The subject has no property with the verification.
    #[error("the subject does not name a verification")]
    NoVerification,
    /// The id of the verification is malformed.
    #[error("the id of the verification is not 1 to 128 characters of A-Z, a-z, 0-9, `_`, `-`")]
    BadId,
    /// The identity is no text, or too long.
    #[error("`subject.properties.identity_id` is not a string of at most 128 bytes")]
    BadIdentity,
    /// A member of the context says something about the session that cannot be.
    #[error("in `context`: {0}")]
    BadAuthentication(BadClaimError),
    /// An attribute that the policy reads has a type that no attribute has.
    #[error("attribute {0} is not a string, a boolean or an integer")]
    BadAttribute(Box<str>),
    /// An attribute that the policy reads is too long.
    #[error("attribute {0} is longer than 256 bytes")]
    LongAttribute(Box<str>),
    /// The policy reads more attributes than a request may have.
    #[error("the request has more than 32 attributes that the policy reads")]
    TooManyAttributes,
    /// The caller may not ask this.
    #[error(transparent)]
    NotPermitted(NotPermittedError),
    /// There is no such policy.
    #[error("there is no policy `{0}`")]
    NoSuchPolicy(PolicyName),
    /// The caller asks too fast, or for too much that is not cached.
    #[error("rate limit or fetch quota of this caller exceeded")]
    OverQuota(Duration),
    /// Too many evaluations are in flight.
    #[error("too many evaluations are in flight")]
    Shed,
    /// There was no answer in time.
    #[error("there was no answer in time")]
    Late,
    /// The decision could not be recorded, so it must not be used.
    #[error("the decision could not be recorded")]
    NotRecorded,
}

impl EvaluationError {
    /// The reasons' names in metrics.
    pub(super) const NAMES: [&'static str; 14] = [
        "malformed",
        "subject_type",
        "bad_policy_name",
        "no_pattern",
        "no_verification",
        "bad_id",
        "bad_fact",
        "not_permitted",
        "no_such_policy",
        "over_quota",
        "shed",
        "late",
        "not_recorded",
        "no_caller",
    ];

    /// The reason's name in metrics and logs.
    pub(super) fn as_str(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::SubjectType => "subject_type",
            Self::BadPolicyName => "bad_policy_name",
            Self::NoPattern(_) => "no_pattern",
            Self::NoVerification => "no_verification",
            Self::BadId => "bad_id",
            Self::BadIdentity
            | Self::BadAuthentication(_)
            | Self::BadAttribute(_)
            | Self::LongAttribute(_)
            | Self::TooManyAttributes => "bad_fact",
            Self::NotPermitted(_) => "not_permitted",
            Self::NoSuchPolicy(_) => "no_such_policy",
            Self::OverQuota(_) => "over_quota",
            Self::Shed => "shed",
            Self::Late => "late",
            Self::NotRecorded => "not_recorded",
        }
    }

    /// The status of HTTP that says it, in the answer of a batch as `context.error.status`.
    pub(super) fn status(&self) -> u16 {
        match self {
            Self::Malformed(_)
            | Self::SubjectType
            | Self::BadPolicyName
            | Self::NoVerification
            | Self::BadId
            | Self::BadIdentity
            | Self::BadAuthentication(_)
            | Self::BadAttribute(_)
            | Self::LongAttribute(_)
            | Self::TooManyAttributes => 400,
            Self::NotPermitted(_) => 403,
            Self::NoPattern(_) | Self::NoSuchPolicy(_) => 404,
            Self::OverQuota(_) => 429,
            Self::Shed | Self::Late | Self::NotRecorded => 503,
        }
    }

    /// Whether it is about the call and not about the evaluation, so that an answer to one evaluation has its status. All else is answered 200, as
    /// a decision that is false.
    pub(super) fn is_about_the_call(&self) -> bool {
        match self {
            Self::Malformed(_)
            | Self::NotPermitted(_)
            | Self::OverQuota(_)
            | Self::Shed
            | Self::Late
            | Self::NotRecorded => true,
            Self::SubjectType
            | Self::BadPolicyName
            | Self::NoPattern(_)
            | Self::NoVerification
            | Self::BadId
            | Self::BadIdentity
            | Self::BadAuthentication(_)
            | Self::BadAttribute(_)
            | Self::LongAttribute(_)
            | Self::TooManyAttributes
            | Self::NoSuchPolicy(_) => false,
        }
    }

    /// When to ask again, where that may help.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::OverQuota(retry_after) => Some(*retry_after),
            Self::Shed | Self::Late | Self::NotRecorded => Some(RETRY_AFTER),
            _ => None,
        }
    }

    /// What to do about it; `None` where it is logged elsewhere, or nothing is to be done.
    pub(super) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Malformed(_) => Some("the gateway must ask as AuthZEN 1.0 defines"),
            Self::SubjectType => Some(
                "name the type in `authzen.subject_types`, if such subjects have verifications",
            ),
            Self::BadPolicyName | Self::NoSuchPolicy(_) => {
                Some("`authzen.policy_from` says what names the policy; see /policies")
            }
            Self::NoPattern(NoPatternError::None) => Some("add a pattern to `authzen.policy_from`"),
            Self::NoPattern(NoPatternError::Several) => {
                Some("two patterns of `authzen.policy_from` overlap: add one for what fits both")
            }
            Self::NoVerification | Self::BadId => {
                Some("`authzen.verification_from` says what names the verification")
            }
            Self::BadIdentity
            | Self::BadAuthentication(_)
            | Self::BadAttribute(_)
            | Self::LongAttribute(_)
            | Self::TooManyAttributes => {
                Some("the gateway must send what the policy reads in a form that can be read")
            }
            Self::Shed => Some("too many evaluations are in flight: see `limits.in_flight`"),
            Self::Late => Some("the machine is overloaded, or `authzen.deadline` is too short"),
            Self::NotPermitted(_) | Self::OverQuota(_) | Self::NotRecorded => None,
        }
    }
}

impl From<CheckError> for EvaluationError {
    fn from(error: CheckError) -> Self {
        match error {
            CheckError::NotPermitted(error) => Self::NotPermitted(error),
            CheckError::NoSuchPolicy(policy) => Self::NoSuchPolicy(policy),
            CheckError::OverRate(over) | CheckError::OverQuota(over) => {
                Self::OverQuota(over.retry_after)
            }
            CheckError::Late => Self::Late,
            CheckError::NotRecorded(_) => Self::NotRecorded,
        }
    }
}
