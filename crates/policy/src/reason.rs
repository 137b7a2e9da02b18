//! Why a rule is not met: [`ReasonCode`], which is a part of the contract with callers, and its words.

use std::sync::Arc;

use crate::effect::Refusal;

/// Why a rule is not met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReasonCode {
    /// The upstream knows no such verification.
    VerificationNotFound,
    /// The upstream could not be asked, and there is no evidence that is recent enough.
    EvidenceUnavailable,
    /// The answer of the upstream cannot be read, is about another verification, or is implausible.
    EvidenceInvalid,
    /// The status is not one that the policy accepts.
    StatusNotAccepted,
    /// The verification was made too long ago.
    VerificationTooOld,
    /// The evidence does not say when the verification was made.
    VerifiedAtMissing,
    /// The verification claims to have been made in the future.
    VerifiedAtInFuture,
    /// A scope that the policy needs is not granted.
    ScopeNotGranted,
    /// The scope is granted, but its data is not there.
    DataMissing,
    /// The scope is granted and its data is there, but it is not in its canonical form; or the identity that the request names is not.
    DataInvalid,
    /// The person is too young.
    UnderAge,
    /// The person is too old.
    OverAge,
    /// The telephone number has none of the prefixes that the policy accepts.
    PhoneNotAccepted,
    /// The policy needs the request to name an identity.
    IdentityNotGiven,
    /// The evidence is about another identity than the request.
    IdentityMismatch,
    /// The identity is not on the policy's list.
    IdentityNotListed,
    /// The identity is on the policy's block list.
    IdentityBlocked,
    /// The verification was made in a project that the policy does not accept.
    ProjectNotAccepted,
    /// The session's authentication is missing, too old or too weak.
    AuthenticationRequired,
    /// A request attribute is missing or has a value that the policy does not accept.
    AttributeNotAccepted,
    /// The time is outside the policy's schedule.
    OutsideSchedule,
    /// None of a rule's alternatives holds.
    NoAlternativeMet,
}

impl ReasonCode {
    /// Every code there is.
    pub const ALL: [Self; 22] = [
        Self::VerificationNotFound,
        Self::EvidenceUnavailable,
        Self::EvidenceInvalid,
        Self::StatusNotAccepted,
        Self::VerificationTooOld,
        Self::VerifiedAtMissing,
        Self::VerifiedAtInFuture,
        Self::ScopeNotGranted,
        Self::DataMissing,
        Self::DataInvalid,
        Self::UnderAge,
        Self::OverAge,
        Self::PhoneNotAccepted,
        Self::IdentityNotGiven,
        Self::IdentityMismatch,
        Self::IdentityNotListed,
        Self::IdentityBlocked,
        Self::ProjectNotAccepted,
        Self::AuthenticationRequired,
        Self::AttributeNotAccepted,
        Self::OutsideSchedule,
        Self::NoAlternativeMet,
    ];

    /// The code as the contract spells it, without its prefix.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::VerificationNotFound => "VERIFICATION_NOT_FOUND",
            Self::EvidenceUnavailable => "EVIDENCE_UNAVAILABLE",
            Self::EvidenceInvalid => "EVIDENCE_INVALID",
            Self::StatusNotAccepted => "STATUS_NOT_ACCEPTED",
            Self::VerificationTooOld => "VERIFICATION_TOO_OLD",
            Self::VerifiedAtMissing => "VERIFIED_AT_MISSING",
            Self::VerifiedAtInFuture => "VERIFIED_AT_IN_FUTURE",
            Self::ScopeNotGranted => "SCOPE_NOT_GRANTED",
            Self::DataMissing => "DATA_MISSING",
            Self::DataInvalid => "DATA_INVALID",
            Self::UnderAge => "UNDER_AGE",
            Self::OverAge => "OVER_AGE",
            Self::PhoneNotAccepted => "PHONE_NOT_ACCEPTED",
            Self::IdentityNotGiven => "IDENTITY_NOT_GIVEN",
            Self::IdentityMismatch => "IDENTITY_MISMATCH",
            Self::IdentityNotListed => "IDENTITY_NOT_LISTED",
            Self::IdentityBlocked => "IDENTITY_BLOCKED",
            Self::ProjectNotAccepted => "PROJECT_NOT_ACCEPTED",
            Self::AuthenticationRequired => "AUTHENTICATION_REQUIRED",
            Self::AttributeNotAccepted => "ATTRIBUTE_NOT_ACCEPTED",
            Self::OutsideSchedule => "OUTSIDE_SCHEDULE",
            Self::NoAlternativeMet => "NO_ALTERNATIVE_MET",
        }
    }

    /// The code that the contract spells so.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == text)
    }

    /// The reason in words, for people at a help desk. Never carries a person's data.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::VerificationNotFound => "no such verification is known",
            Self::EvidenceUnavailable => "the verification could not be looked up",
            Self::EvidenceInvalid => "what is known about the verification cannot be used",
            Self::StatusNotAccepted => "the verification's status is not accepted",
            Self::VerificationTooOld => "the verification was made too long ago",
            Self::VerifiedAtMissing => "it is not known when the verification was made",
            Self::VerifiedAtInFuture => "the verification claims to have been made in the future",
            Self::ScopeNotGranted => "the verification does not grant a scope that is needed",
            Self::DataMissing => "the verification lacks data that is needed",
            Self::DataInvalid => "data of the verification or of the request cannot be read",
            Self::UnderAge => "the person is too young",
            Self::OverAge => "the person is too old",
            Self::PhoneNotAccepted => "the telephone number does not begin as it must",
            Self::IdentityNotGiven => "the request names no identity",
            Self::IdentityMismatch => "the verification is about another identity",
            Self::IdentityNotListed => "the identity is not on the list",
            Self::IdentityBlocked => "the identity is blocked",
            Self::ProjectNotAccepted => {
                "the verification was made in a project that is not accepted"
            }
            Self::AuthenticationRequired => "the session is not authenticated as it must be",
            Self::AttributeNotAccepted => "an attribute of the request is missing or not accepted",
            Self::OutsideSchedule => "it is outside the hours",
            Self::NoAlternativeMet => "none of the alternatives holds",
        }
    }
}

/// One rule that is not met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// Why.
    pub code: ReasonCode,
    /// The rule, as the policy writes it; `guard` if the refusal is by a guard.
    pub rule: Arc<str>,
    /// The effect of this rule alone.
    pub effect: Refusal,
}

impl Reason {
    /// A refusal by a guard, which is none of the policy's rules.
    pub(crate) fn of_guard(effect: Refusal, code: ReasonCode) -> Self {
        Self {
            code,
            rule: Arc::from("guard"),
            effect,
        }
    }
}

#[cfg(test)]
mod tests;
