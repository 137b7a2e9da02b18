//! A verification, and what a policy may read of it.

use std::{collections::BTreeSet, time::Duration};

use super::{datum::Datum, scope::Scope};
use crate::{
    limits::AGE_YEARS_MAX,
    reason::ReasonCode,
    request::VerificationId,
    time::{Timestamp, after, anniversary},
    when::Window,
};

/// A verification as the upstream describes it.
#[derive(Debug, Clone, Default)]
pub struct Verification {
    /// Its own identifier.
    pub id: Option<Box<str>>,
    /// The upstream's trace id, which some of its pages call the verification's identifier.
    pub trace_id: Option<Box<str>>,
    /// The project that it was made in.
    pub project: Option<Box<str>>,
    /// The status, as it came.
    pub status: Option<Box<str>>,
    /// When it was made.
    pub verified_at: Option<Timestamp>,
    /// The scopes that are granted, as they came.
    pub scopes: BTreeSet<Scope>,
    /// The identity that it is about.
    pub identity: Datum<Box<str>>,
    /// Whether it carries a name.
    pub name: Datum<()>,
    /// The telephone number, in E.164 form.
    pub phone: Datum<Box<str>>,
    /// The date of birth: a local midnight of an unknown zone.
    pub born: Datum<Timestamp>,
}

impl Verification {
    /// Whether it is what was asked for: the upstream uses both identifiers for that.
    pub fn is_about(&self, asked: &VerificationId) -> bool {
        [&self.id, &self.trace_id]
            .into_iter()
            .flatten()
            .any(|id| **id == *asked.as_str())
    }

    /// Whether this scope's data may be used. `IDENTITY_ID` always may.
    pub fn grants(&self, scope: &Scope) -> bool {
        *scope == Scope::IdentityId || self.scopes.contains(scope)
    }

    /// The instants at which this scope is granted and its data is there and readable; or why there are none.
    pub(crate) fn readable(&self, scope: &Scope) -> Result<Window, ReasonCode> {
        match scope {
            Scope::IdentityId => self.identity().map(|_| Window::ALWAYS),
            Scope::Name => self.datum(scope, &self.name).map(|&()| Window::ALWAYS),
            Scope::Phone => self.phone().map(|_| Window::ALWAYS),
            Scope::DateOfBirth => self.born().map(plausible_birth),
            Scope::Other(_) => self
                .datum(scope, &Datum::Known(()))
                .map(|&()| Window::ALWAYS),
        }
    }

    /// The identity, which always may be used.
    pub(crate) fn identity(&self) -> Result<&str, ReasonCode> {
        let identity = self.datum(&Scope::IdentityId, &self.identity);
        identity.map(AsRef::as_ref)
    }

    /// The telephone number, if it may be used.
    pub(crate) fn phone(&self) -> Result<&str, ReasonCode> {
        self.datum(&Scope::Phone, &self.phone).map(AsRef::as_ref)
    }

    /// The date of birth, if it may be used.
    pub(crate) fn born(&self) -> Result<Timestamp, ReasonCode> {
        self.datum(&Scope::DateOfBirth, &self.born).copied()
    }

    fn datum<'a, T>(&self, scope: &Scope, datum: &'a Datum<T>) -> Result<&'a T, ReasonCode> {
        if !self.grants(scope) {
            return Err(ReasonCode::ScopeNotGranted);
        }
        match datum {
            Datum::Missing => Err(ReasonCode::DataMissing),
            Datum::Unreadable => Err(ReasonCode::DataInvalid),
            Datum::Known(value) => Ok(value),
        }
    }
}

/// The instants at which this is a plausible date of birth: not in the future, and not over 150 years ago.
pub(crate) fn plausible_birth(born: Timestamp) -> Window {
    let last = anniversary(born, AGE_YEARS_MAX);
    let implausible = after(last, Duration::from_millis(1));
    Window::from(born).and(Window::until(implausible))
}
