//! When rules would hold if actions were done.

use super::done::Done;
use crate::{
    evidence::Scope,
    reason::ReasonCode,
    rule::{Given, Judged, Requirement},
    when::When,
};

impl Judged<'_> {
    /// The instants at which the rule holds if these actions are done.
    pub(super) fn holds_with(&self, given: &Given<'_>, done: Done) -> When {
        let requirement = self.rule.requirement();
        if requirement.is_changed_by(done) {
            requirement.holds_with(given, done)
        } else {
            self.holds.clone()
        }
    }
}

impl Requirement {
    /// Whether one of these actions may change when it holds.
    pub(super) fn is_changed_by(&self, done: Done) -> bool {
        match self {
            Self::Status(_) | Self::VerifiedWithin(_) => done.reverify,
            Self::Authenticated(_) => done.authenticate,
            Self::IdentityAsRequested => done.identify,
            Self::Scopes(_) | Self::AgeAtLeast(_) | Self::AgeBelow(_) | Self::PhonePrefix(_) => {
                done.grant
            }
            Self::IdentityIn(_)
            | Self::IdentityNotIn(_)
            | Self::Project(_)
            | Self::Attribute(..)
            | Self::Schedule(_) => false,
            Self::AnyOf(parts) | Self::AllOf(parts) => {
                parts.iter().any(|part| part.is_changed_by(done))
            }
        }
    }

    /// The instants at which it holds if these actions are done.
    pub(super) fn holds_with(&self, given: &Given<'_>, done: Done) -> When {
        match self {
            // A new verification has the status VERIFIED, not that of the old one.
            Self::Status(accepted) if done.reverify => {
                When::constant(accepted.contains("VERIFIED"))
            }
            Self::VerifiedWithin(age_max) if done.reverify && !age_max.is_zero() => When::ALWAYS,
            Self::Authenticated(wanted) if done.authenticate && !wanted.within.is_zero() => {
                When::ALWAYS
            }
            Self::IdentityAsRequested
                if done.identify
                    && given.claimed().is_err()
                    && given.verification.identity().is_ok() =>
            {
                When::ALWAYS
            }
            Self::Scopes(scopes) if done.grant => {
                When::all(
                    scopes
                        .iter()
                        .map(|scope| match given.verification.readable(scope) {
                            Ok(interval) => When::Interval(interval),
                            Err(code) => When::constant(can_be_granted(code)),
                        }),
                )
            }
            Self::AgeAtLeast(_) | Self::AgeBelow(_) | Self::PhonePrefix(_)
                if done.grant && self.ungranted(given).is_some() =>
            {
                When::ALWAYS
            }
            Self::AnyOf(parts) => When::any(parts.iter().map(|p| p.holds_with(given, done))),
            Self::AllOf(parts) => When::all(parts.iter().map(|p| p.holds_with(given, done))),
            _ => self.holds(given),
        }
    }

    /// The scope whose data it reads, if granting that scope may help.
    pub(super) fn ungranted(&self, given: &Given<'_>) -> Option<Scope> {
        let scope = match self {
            Self::AgeAtLeast(_) | Self::AgeBelow(_) => Scope::DateOfBirth,
            Self::PhonePrefix(_) => Scope::Phone,
            _ => return None,
        };
        let code = given.verification.readable(&scope).err()?;
        can_be_granted(code).then_some(scope)
    }
}

/// Whether granting the scope may help against this reason.
fn can_be_granted(code: ReasonCode) -> bool {
    matches!(code, ReasonCode::ScopeNotGranted | ReasonCode::DataMissing)
}
