//! The axes of the space of checks: every fact that a check can vary in and a policy can read. In the diagram each is a
//! variable.

use crate::evidence::Scope;

/// One axis. The order of the variants is the variable order of the diagram, but for the axes in which the policies differ,
/// which come first. An axis that only means something together with another comes after it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Axis {
    /// The status of the verification.
    Status,
    /// How long ago the verification was made.
    VerifiedAt,
    /// Whether a scope is granted and its data readable.
    Scope(Scope),
    /// The date of birth.
    DateOfBirth,
    /// The telephone number.
    Phone,
    /// The identity that was verified.
    Identity,
    /// Whether the request names that identity; only where it is known.
    IdentityMatch,
    /// The project of the verification.
    Project,
    /// An attribute of the request.
    Attribute(Box<str>),
    /// How long ago the session was authenticated.
    AuthTime,
    /// Whether the session has one of a group of methods; only where there is a session.
    Amr(u16),
    /// The context class of the session; only where there is a session.
    Acr,
    /// The instant of the check.
    Now,
}

impl Axis {
    /// The axis of a scope's data: other requirements may read the same data.
    pub(super) fn of_scope(scope: &Scope) -> Self {
        match scope {
            Scope::IdentityId => Self::Identity,
            Scope::DateOfBirth => Self::DateOfBirth,
            Scope::Phone => Self::Phone,
            Scope::Name | Scope::Other(_) => Self::Scope(scope.clone()),
        }
    }
}
