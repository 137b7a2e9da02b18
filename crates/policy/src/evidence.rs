//! What is known about a verification, and how well. A person's data is kept only as far as a policy can ask for it: of a
//! name, that there is one.

use std::{collections::BTreeSet, fmt};

use super::{
    limits::{AGE_YEARS_MAX, EVIDENCE_TEXT_BYTES_MAX, SCOPES_MAX},
    phone::is_phone,
    reason::ReasonCode,
    request::VerificationId,
    time::{Timestamp, anniversary},
    when::Window,
};

/// Whether these texts and scopes are no more than any honest answer has: they are remembered, answered and journaled.
pub fn are_modest<'t>(
    texts: impl IntoIterator<Item = &'t str>,
    scopes: impl ExactSizeIterator<Item = &'t str>,
) -> bool {
    scopes.len() <= SCOPES_MAX
        && texts
            .into_iter()
            .chain(scopes)
            .all(|text| text.len() <= EVIDENCE_TEXT_BYTES_MAX)
}

/// What is known about one verification, and since when.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// What is known.
    pub finding: Finding,
    /// When the upstream said so, at the latest: the instant at which the answer's question was sent.
    pub seen_at: Timestamp,
}

/// What asking about a verification found out.
#[derive(Debug, Clone)]
pub enum Finding {
    /// The upstream described it.
    Present(Verification),
    /// The upstream knows no such verification.
    Absent,
    /// The upstream answered, but what it said cannot be used.
    Unusable(Flaw),
    /// The upstream could not be asked.
    Unknown,
}

/// Why an answer of the upstream cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// It is not the JSON that was agreed.
    Unreadable,
    /// It is larger than any honest answer.
    TooLarge,
    /// It is about another verification.
    AnotherVerification,
}

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
    pub(super) fn readable(&self, scope: &Scope) -> Result<Window, ReasonCode> {
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
    pub(super) fn identity(&self) -> Result<&str, ReasonCode> {
        let identity = self.datum(&Scope::IdentityId, &self.identity);
        identity.map(AsRef::as_ref)
    }

    /// The telephone number, if it may be used.
    pub(super) fn phone(&self) -> Result<&str, ReasonCode> {
        self.datum(&Scope::Phone, &self.phone).map(AsRef::as_ref)
    }

    /// The date of birth, if it may be used.
    pub(super) fn born(&self) -> Result<Timestamp, ReasonCode> {
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
pub(super) fn plausible_birth(born: Timestamp) -> Window {
    let last = anniversary(born, AGE_YEARS_MAX);
    let implausible = super::time::after(last, std::time::Duration::from_millis(1));
    Window::from(born).and(Window::until(implausible))
}

/// One piece of a person's data. Its `Debug` tells whether it is there, never what it is.
#[derive(Clone, Default)]
pub enum Datum<T> {
    /// It did not come.
    #[default]
    Missing,
    /// It came, but it cannot be read.
    Unreadable,
    /// It came.
    Known(T),
}

impl<T> Datum<T> {
    /// The same piece of data in another form.
    pub fn map<U>(self, into: impl FnOnce(T) -> U) -> Datum<U> {
        match self {
            Self::Missing => Datum::Missing,
            Self::Unreadable => Datum::Unreadable,
            Self::Known(value) => Datum::Known(into(value)),
        }
    }
}

impl Datum<Box<str>> {
    /// A text as it came; a blank one is none.
    pub fn text(text: impl Into<Box<str>>) -> Self {
        let text = text.into();
        if text.trim().is_empty() {
            Self::Missing
        } else {
            Self::Known(text)
        }
    }

    /// The text as an identity, which is never long.
    pub fn as_identity(self) -> Self {
        self.readable_if(|id| id.len() <= EVIDENCE_TEXT_BYTES_MAX)
    }

    /// The text as a telephone number in E.164 form: a plus sign, and 2 to 15 digits of which the first is not 0.
    pub fn as_phone(self) -> Self {
        self.readable_if(is_phone)
    }

    fn readable_if(self, readable: impl FnOnce(&str) -> bool) -> Self {
        match self {
            Self::Known(text) if !readable(&text) => Self::Unreadable,
            other => other,
        }
    }
}

impl Datum<()> {
    /// Whether there is a full name, or a first and a last one. The names themselves are not kept.
    pub fn name(full: Datum<Box<str>>, first: Datum<Box<str>>, last: Datum<Box<str>>) -> Self {
        match (full.map(drop), first.map(drop), last.map(drop)) {
            (Self::Known(()), _, _) | (_, Self::Known(()), Self::Known(())) => Self::Known(()),
            (Self::Unreadable, _, _) | (_, Self::Unreadable, _) | (_, _, Self::Unreadable) => {
                Self::Unreadable
            }
            _ => Self::Missing,
        }
    }
}

impl<T> fmt::Debug for Datum<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "Missing",
            Self::Unreadable => "Unreadable",
            Self::Known(_) => "Known(…)",
        })
    }
}

/// A permission that a verification carries. Tenants have scopes of their own, which are kept as they came.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// `IDENTITY_ID`: the identity.
    IdentityId,
    /// `NAME`: the names.
    Name,
    /// `DATE_OF_BIRTH`.
    DateOfBirth,
    /// `PHONE`: the telephone number.
    Phone,
    /// Any other.
    Other(Box<str>),
}

impl Scope {
    /// The scope as the upstream spells it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::IdentityId => "IDENTITY_ID",
            Self::Name => "NAME",
            Self::DateOfBirth => "DATE_OF_BIRTH",
            Self::Phone => "PHONE",
            Self::Other(name) => name,
        }
    }
}

impl From<&str> for Scope {
    fn from(text: &str) -> Self {
        [Self::IdentityId, Self::Name, Self::DateOfBirth, Self::Phone]
            .into_iter()
            .find(|scope| scope.as_str() == text)
            .unwrap_or_else(|| Self::Other(text.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_never_shows_a_persons_data() {
        let verification = Verification {
            identity: Datum::Known("id-of-ada".into()),
            born: Datum::Known(super::super::time::from_millis(587_455_200_000)),
            ..Verification::default()
        };
        let debug = format!("{verification:?}");
        assert!(!debug.contains("ada"), "{debug}");
        assert!(!debug.contains("1988"), "{debug}");
    }

    #[test]
    fn data_of_a_scope_that_is_not_granted_is_ignored() {
        let mut verification = Verification {
            name: Datum::Known(()),
            ..Verification::default()
        };
        assert_eq!(
            verification.readable(&Scope::Name),
            Err(ReasonCode::ScopeNotGranted)
        );
        verification.scopes.insert(Scope::Name);
        assert_eq!(verification.readable(&Scope::Name), Ok(Window::ALWAYS));
    }

    #[test]
    fn the_identity_needs_no_scope_and_any_other_scope_needs_no_data() {
        let mut verification = Verification::default();
        assert_eq!(
            verification.readable(&Scope::IdentityId),
            Err(ReasonCode::DataMissing)
        );
        let badge = Scope::from("BADGE");
        assert_eq!(
            verification.readable(&badge),
            Err(ReasonCode::ScopeNotGranted)
        );
        verification.scopes.insert(badge.clone());
        assert_eq!(verification.readable(&badge), Ok(Window::ALWAYS));
    }

    #[test]
    fn either_identifier_tells_what_a_verification_is_about() {
        let verification = Verification {
            id: Some("v-1".into()),
            trace_id: Some("t-1".into()),
            ..Verification::default()
        };
        let about = |id| verification.is_about(&VerificationId::parse(id).unwrap());
        assert!(about("v-1") && about("t-1") && !about("v-2"));
    }
    #[test]
    fn a_name_that_cannot_be_read_is_not_a_missing_one() {
        let known = || Datum::text("Ada");
        let name = |full, first, last| format!("{:?}", Datum::name(full, first, last));
        let none = || Datum::Missing;
        assert_eq!(name(Datum::Unreadable, none(), none()), "Unreadable");
        assert_eq!(name(none(), known(), Datum::Unreadable), "Unreadable");
        assert_eq!(name(none(), known(), none()), "Missing");
        assert_eq!(name(none(), known(), known()), "Known(…)");
        assert_eq!(name(known(), Datum::Unreadable, none()), "Known(…)");
    }
}
