//! A verification, and what a policy may read of it: data only if its [`Scope`] is granted, and only while it is plausible.

use std::sync::Arc;

use super::{
    birth::BirthDate, datum::Datum, kept::DataKinds, scope::Scope, scopes::Scopes,
    text::PersonalText,
};
use crate::{
    identity::Identity, reason::ReasonCode, request::VerificationId, time::Timestamp,
    when::Interval,
};

/// A verification as the upstream describes it. Its texts are shared with the keys of a cache, and among
/// verifications.
#[derive(Debug, Clone, Default)]
pub struct Verification {
    /// Its own identifier.
    pub id: Option<Arc<str>>,
    /// The upstream's trace id, which some of its documents call the verification's identifier.
    pub trace_id: Option<Arc<str>>,
    /// The project that it was made in.
    pub project: Option<Arc<str>>,
    /// The status, as the upstream sends it.
    pub status: Option<Arc<str>>,
    /// When it was made.
    pub verified_at: Option<Timestamp>,
    /// The scopes that are granted, as the upstream sends them.
    pub scopes: Scopes,
    /// The identity that it is about.
    pub identity: Datum<Identity>,
    /// Whether it carries a name.
    pub name: Datum<()>,
    /// The telephone number, in E.164 form.
    pub phone: Datum<PersonalText>,
    /// The date of birth.
    pub born: Datum<BirthDate>,
    /// Which of these data were kept. Those that were not are missing here, whatever the upstream sent: a policy that reads one of them
    /// takes this for no evidence.
    pub kept: DataKinds,
}

impl Verification {
    /// Whether it is the verification of this identifier. The upstream answers to both of its identifiers.
    pub fn is_about(&self, asked: &VerificationId) -> bool {
        [&self.id, &self.trace_id]
            .into_iter()
            .flatten()
            .any(|id| asked.is(id))
    }

    /// Whether this scope's data may be used; always true of [`Scope::IdentityId`].
    pub fn grants(&self, scope: &Scope) -> bool {
        *scope == Scope::IdentityId || self.scopes.contains(scope)
    }

    /// The same without the data of any other kind than these, whose memory is overwritten.
    #[must_use]
    pub fn keeping(mut self, kinds: DataKinds) -> Self {
        if !kinds.include(DataKinds::IDENTITY) {
            self.identity = Datum::Missing;
        }
        if !kinds.include(DataKinds::NAME) {
            self.name = Datum::Missing;
        }
        if !kinds.include(DataKinds::PHONE) {
            self.phone = Datum::Missing;
        }
        if !kinds.include(DataKinds::BIRTH) {
            self.born = Datum::Missing;
        }
        self.kept = kinds;
        self
    }

    /// The instants at which this scope's data may be used, or why there are none.
    pub(crate) fn readable(&self, scope: &Scope) -> Result<Interval, ReasonCode> {
        match scope {
            Scope::IdentityId => self.identity().map(|_| Interval::ALWAYS),
            Scope::Name => self.datum(scope, &self.name).map(|&()| Interval::ALWAYS),
            Scope::Phone => self.phone().map(|_| Interval::ALWAYS),
            Scope::DateOfBirth => self.born().map(BirthDate::plausible),
            Scope::Other(_) => self
                .datum(scope, &Datum::Known(()))
                .map(|&()| Interval::ALWAYS),
        }
    }

    /// The identity, which needs no scope.
    pub(crate) fn identity(&self) -> Result<&Identity, ReasonCode> {
        self.datum(&Scope::IdentityId, &self.identity)
    }

    /// The telephone number, or why it may not be used.
    pub(crate) fn phone(&self) -> Result<&str, ReasonCode> {
        self.datum(&Scope::Phone, &self.phone).map(|phone| &**phone)
    }

    /// The date of birth, or why it may not be used.
    pub(crate) fn born(&self) -> Result<&BirthDate, ReasonCode> {
        self.datum(&Scope::DateOfBirth, &self.born)
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
