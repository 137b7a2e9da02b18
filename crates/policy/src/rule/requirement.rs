//! Requirements, and the instants at which they hold. For a new requirement, add a variant to [`Requirement`] and an arm to each
//! `match` that the compiler then reports; look also for `_ =>` in `remedies` and `authoring`.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use crate::{
    evidence::{DataKinds, Scope, Verification},
    identity::Identity,
    limits::{BIRTHDAY_EVERYWHERE, SKEW},
    reason::ReasonCode,
    request::{ClaimedIdentity, Request},
    schedule::Schedule,
    time::{after, anniversary, before},
    when::{Interval, When},
};

/// What a requirement is evaluated with. The time is not a part of it.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a> {
    /// The request.
    pub request: &'a Request,
    /// The verification.
    pub verification: &'a Verification,
}

/// A condition on the request, the verification and the time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Requirement {
    /// The status is one of these, compared exactly.
    Status(BTreeSet<Box<str>>),
    /// The verification was made less than this long ago.
    VerifiedWithin(Duration),
    /// Each is granted, and its data is there and readable.
    Scopes(Vec<Scope>),
    /// The person is this many years old in every time zone.
    AgeAtLeast(u16),
    /// The person is younger than this many years in every time zone.
    AgeBelow(u16),
    /// The telephone number begins with one of these.
    PhonePrefix(BTreeSet<Box<str>>),
    /// The request names an identity, and the evidence is about it.
    IdentityAsRequested,
    /// The evidence's identity is one of these.
    IdentityIn(Identities),
    /// The evidence's identity is none of these.
    IdentityNotIn(Identities),
    /// The project is one of these.
    Project(BTreeSet<Box<str>>),
    /// The request's attribute of this name has one of these values.
    Attribute(Box<str>, BTreeSet<Box<str>>),
    /// The request's attribute of this name has none of these values.
    AttributeNotIn(AttributeNotIn),
    /// The person's session is authenticated recently and strongly enough.
    Authenticated(Authenticated),
    /// The local time of a zone is inside.
    Schedule(Schedule),
    /// One of these holds.
    AnyOf(Vec<Requirement>),
    /// All of these hold.
    AllOf(Vec<Requirement>),
}

/// Identities that a policy lists, in place or in a file beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identities {
    /// The file's name, if they are in one.
    pub file: Option<Box<str>>,
    /// The identities in their canonical form. Shared, because a list may be long.
    pub ids: Arc<BTreeSet<Box<str>>>,
}

/// Values that an attribute of the request must not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributeNotIn {
    /// The name of the attribute.
    pub name: Box<str>,
    /// The values, compared exactly.
    pub values: BTreeSet<Box<str>>,
    /// What a request without the attribute gets.
    pub if_absent: IfAbsent,
}

/// Whether a requirement about an attribute holds for a request that does not have the attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfAbsent {
    /// It holds.
    Holds,
    /// It does not hold.
    Fails,
}

/// How a session has to be authenticated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authenticated {
    /// How long ago the authentication may be.
    pub within: Duration,
    /// One of these methods, if any is named.
    pub amr_any: BTreeSet<Box<str>>,
    /// One of these context classes, if any is named.
    pub acr_any: BTreeSet<Box<str>>,
}

impl Requirement {
    /// The instants at which it holds.
    pub(crate) fn holds(&self, given: &Given<'_>) -> When {
        let Given {
            request,
            verification,
        } = given;
        let interval = match self {
            Self::Schedule(schedule) => return When::all([When::Weekly(schedule.clone())]),
            Self::AnyOf(parts) => return When::any(parts.iter().map(|part| part.holds(given))),
            Self::AllOf(parts) => return When::all(parts.iter().map(|part| part.holds(given))),
            Self::VerifiedWithin(age_max) => verification
                .verified_at
                .map_or(Interval::NEVER, |at| Interval::until(after(at, *age_max))),
            Self::Scopes(scopes) => scopes
                .iter()
                .map(|scope| verification.readable(scope).unwrap_or(Interval::NEVER))
                .fold(Interval::ALWAYS, Interval::and),
            Self::AgeAtLeast(years) => verification.born().map_or(Interval::NEVER, |born| {
                let day = anniversary(born.instant(), *years);
                let reached = after(day, BIRTHDAY_EVERYWHERE);
                born.plausible().and(Interval::from(reached))
            }),
            Self::AgeBelow(years) => verification.born().map_or(Interval::NEVER, |born| {
                let day = anniversary(born.instant(), *years);
                let first_reached = before(day, BIRTHDAY_EVERYWHERE);
                born.plausible().and(Interval::until(first_reached))
            }),
            Self::Authenticated(wanted) => wanted.interval(request),
            Self::Status(accepted) => one_of(accepted, verification.status.as_deref()),
            Self::Project(accepted) => one_of(accepted, verification.project.as_deref()),
            Self::Attribute(name, accepted) => {
                let value = request.attributes.get(name.as_ref());
                one_of(accepted, value.map(String::as_str))
            }
            Self::AttributeNotIn(listed) => Interval::constant(listed.accepts(request)),
            Self::PhonePrefix(prefixes) => Interval::constant(
                verification
                    .phone()
                    .is_ok_and(|phone| prefixes.iter().any(|prefix| phone.starts_with(&**prefix))),
            ),
            Self::IdentityAsRequested => Interval::constant(
                verification
                    .identity()
                    .is_ok_and(|id| given.claimed() == Ok(id)),
            ),
            Self::IdentityIn(listed) => Interval::constant(
                verification
                    .identity()
                    .is_ok_and(|id| listed.ids.contains(id.as_str())),
            ),
            Self::IdentityNotIn(listed) => Interval::constant(
                verification
                    .identity()
                    .is_ok_and(|id| !listed.ids.contains(id.as_str())),
            ),
        };
        When::Interval(interval)
    }
}

impl Requirement {
    /// Whether it can hold for a verification with this status, whatever else is known.
    pub(crate) fn may_hold_with(&self, status: Option<&str>) -> bool {
        match self {
            Self::Status(accepted) => status.is_some_and(|status| accepted.contains(status)),
            Self::AnyOf(parts) => parts.iter().any(|part| part.may_hold_with(status)),
            Self::AllOf(parts) => parts.iter().all(|part| part.may_hold_with(status)),
            Self::VerifiedWithin(_)
            | Self::Scopes(_)
            | Self::AgeAtLeast(_)
            | Self::AgeBelow(_)
            | Self::PhonePrefix(_)
            | Self::IdentityAsRequested
            | Self::IdentityIn(_)
            | Self::IdentityNotIn(_)
            | Self::Project(_)
            | Self::Attribute(..)
            | Self::AttributeNotIn(_)
            | Self::Authenticated(_)
            | Self::Schedule(_) => true,
        }
    }
}

impl Requirement {
    /// The kinds of a person's data that it reads.
    pub(crate) fn reads(&self) -> DataKinds {
        match self {
            Self::Scopes(scopes) => scopes.iter().map(DataKinds::of_scope).collect(),
            Self::AgeAtLeast(_) | Self::AgeBelow(_) => DataKinds::BIRTH,
            Self::PhonePrefix(_) => DataKinds::PHONE,
            Self::IdentityAsRequested | Self::IdentityIn(_) | Self::IdentityNotIn(_) => {
                DataKinds::IDENTITY
            }
            Self::AnyOf(parts) | Self::AllOf(parts) => parts.iter().map(Self::reads).collect(),
            Self::Status(_)
            | Self::VerifiedWithin(_)
            | Self::Project(_)
            | Self::Attribute(..)
            | Self::AttributeNotIn(_)
            | Self::Authenticated(_)
            | Self::Schedule(_) => DataKinds::NONE,
        }
    }
}

impl Requirement {
    /// Whether it reads what the evidence says of the verification. The others read the request and the time alone.
    pub(crate) fn reads_evidence(&self) -> bool {
        match self {
            Self::Attribute(..)
            | Self::AttributeNotIn(_)
            | Self::Authenticated(_)
            | Self::Schedule(_) => false,
            Self::AnyOf(parts) | Self::AllOf(parts) => parts.iter().any(Self::reads_evidence),
            Self::Status(_)
            | Self::VerifiedWithin(_)
            | Self::Scopes(_)
            | Self::AgeAtLeast(_)
            | Self::AgeBelow(_)
            | Self::PhonePrefix(_)
            | Self::IdentityAsRequested
            | Self::IdentityIn(_)
            | Self::IdentityNotIn(_)
            | Self::Project(_) => true,
        }
    }

    /// Adds it, or the parts that it consists of and that have no parts of their own.
    pub(crate) fn add_leaves<'r>(&'r self, leaves: &mut Vec<&'r Self>) {
        match self {
            Self::AnyOf(parts) | Self::AllOf(parts) => {
                for part in parts {
                    part.add_leaves(leaves);
                }
            }
            leaf => leaves.push(leaf),
        }
    }
}

impl Requirement {
    /// Adds the attributes of a request that it reads.
    pub(crate) fn add_attributes(&self, names: &mut BTreeSet<Box<str>>) {
        match self {
            Self::Attribute(name, _) | Self::AttributeNotIn(AttributeNotIn { name, .. }) => {
                names.insert(name.clone());
            }
            Self::AnyOf(parts) | Self::AllOf(parts) => {
                for part in parts {
                    part.add_attributes(names);
                }
            }
            Self::Status(_)
            | Self::VerifiedWithin(_)
            | Self::Scopes(_)
            | Self::AgeAtLeast(_)
            | Self::AgeBelow(_)
            | Self::PhonePrefix(_)
            | Self::IdentityAsRequested
            | Self::IdentityIn(_)
            | Self::IdentityNotIn(_)
            | Self::Project(_)
            | Self::Authenticated(_)
            | Self::Schedule(_) => {}
        }
    }
}

impl<'a> Given<'a> {
    /// The identity that the request names, or why it names none.
    pub(crate) fn claimed(&self) -> Result<&'a Identity, ReasonCode> {
        match &self.request.identity {
            ClaimedIdentity::None => Err(ReasonCode::IdentityNotGiven),
            ClaimedIdentity::Unreadable(_) => Err(ReasonCode::DataInvalid),
            ClaimedIdentity::Known(identity) => Ok(identity),
        }
    }
}

impl AttributeNotIn {
    fn accepts(&self, request: &Request) -> bool {
        match request.attributes.get(self.name.as_ref()) {
            Some(value) => !self.values.contains(value.as_str()),
            None => self.if_absent == IfAbsent::Holds,
        }
    }
}

impl Authenticated {
    /// The instants at which the session of this request is so authenticated.
    fn interval(&self, request: &Request) -> Interval {
        let Some(session) = &request.authentication else {
            return Interval::NEVER;
        };
        let amr = self.amr_any.is_empty()
            || session
                .amr
                .iter()
                .any(|amr| self.amr_any.contains(amr.as_str()));
        let acr = self.acr_any.is_empty() || self.acr_any.contains(session.acr.as_str());
        match session.auth_time {
            Some(at) if amr && acr => {
                Interval::from(before(at, SKEW)).and(Interval::until(after(at, self.within)))
            }
            _ => Interval::NEVER,
        }
    }
}

fn one_of(accepted: &BTreeSet<Box<str>>, text: Option<&str>) -> Interval {
    Interval::constant(text.is_some_and(|text| accepted.contains(text)))
}
