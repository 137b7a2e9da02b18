//! The [`ReasonCode`] of a requirement that does not hold.

use super::requirement::{Given, Requirement};
use crate::{
    evidence::{Scope, Verification},
    reason::ReasonCode,
    time::Timestamp,
};

impl Requirement {
    /// Why it does not hold at this instant. Call this only if it does not.
    pub(crate) fn why_unmet(&self, given: &Given<'_>, now: Timestamp) -> ReasonCode {
        let verification = given.verification;
        let born = || unreadable(verification, &Scope::DateOfBirth, now);
        match self {
            Self::Status(_) => ReasonCode::StatusNotAccepted,
            Self::VerifiedWithin(_) if verification.verified_at.is_none() => {
                ReasonCode::VerifiedAtMissing
            }
            Self::VerifiedWithin(_) => ReasonCode::VerificationTooOld,
            Self::Scopes(scopes) => scopes
                .iter()
                .find_map(|scope| unreadable(verification, scope, now))
                .unwrap_or(ReasonCode::DataInvalid),
            Self::AgeAtLeast(_) => born().unwrap_or(ReasonCode::UnderAge),
            Self::AgeBelow(_) => born().unwrap_or(ReasonCode::OverAge),
            Self::PhonePrefix(_) => {
                let phone = verification.phone();
                phone.err().unwrap_or(ReasonCode::PhoneNotAccepted)
            }
            Self::IdentityAsRequested => same_identity(given),
            Self::IdentityIn(_) => identity_or(verification, ReasonCode::IdentityNotListed),
            Self::IdentityNotIn(_) => identity_or(verification, ReasonCode::IdentityBlocked),
            Self::Project(_) if is_missing(verification.project.as_deref()) => {
                ReasonCode::DataMissing
            }
            Self::Project(_) => ReasonCode::ProjectNotAccepted,
            Self::Attribute(..) | Self::AttributeNotIn(_) => ReasonCode::AttributeNotAccepted,
            Self::Authenticated(_) => ReasonCode::AuthenticationRequired,
            Self::Schedule(_) => ReasonCode::OutsideSchedule,
            Self::AnyOf(_) => ReasonCode::NoAlternativeMet,
            Self::AllOf(parts) => {
                let unmet = |part: &&Self| !part.holds(given).contains(now);
                let first = parts.iter().find(unmet);
                first.map_or(ReasonCode::NoAlternativeMet, |part| {
                    part.why_unmet(given, now)
                })
            }
        }
    }
}

fn is_missing(text: Option<&str>) -> bool {
    text.is_none_or(str::is_empty)
}

/// Why the request does not name the identity of the verification.
fn same_identity(given: &Given<'_>) -> ReasonCode {
    match (given.claimed(), given.verification.identity()) {
        (Err(ReasonCode::IdentityNotGiven), _) => ReasonCode::IdentityNotGiven,
        (_, Err(code)) | (Err(code), Ok(_)) => code,
        (Ok(_), Ok(_)) => ReasonCode::IdentityMismatch,
    }
}

fn identity_or(verification: &Verification, other: ReasonCode) -> ReasonCode {
    verification.identity().err().unwrap_or(other)
}

/// Why this scope's data may not be used at this instant, if it may not.
fn unreadable(verification: &Verification, scope: &Scope, now: Timestamp) -> Option<ReasonCode> {
    match verification.readable(scope) {
        Err(code) => Some(code),
        Ok(interval) if interval.contains(now) => None,
        Ok(_) => Some(ReasonCode::DataInvalid),
    }
}
