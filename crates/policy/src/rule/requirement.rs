//! Requirements, and the instants at which they hold. A new requirement is one variant here, and one arm in each `match` that
//! the compiler then asks for.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use crate::{
    evidence::{Scope, Verification, plausible_birth},
    limits::{BIRTHDAY_EVERYWHERE, SKEW},
    request::Request,
    schedule::Schedule,
    time::{after, anniversary, before},
    when::{When, Window},
};

/// What a requirement is judged by, apart from the time.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a> {
    /// The question.
    pub request: &'a Request,
    /// The evidence.
    pub verification: &'a Verification,
}

/// Something that a policy can ask for.
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
    /// The person is not yet this many years old in any time zone.
    AgeBelow(u16),
    /// The telephone number begins with one of these.
    PhonePrefix(BTreeSet<Box<str>>),
    /// The request names an identity, and it is the evidence's.
    IdentityAsRequested,
    /// The evidence's identity is one of these.
    IdentityIn(Identities),
    /// The evidence's identity is none of these.
    IdentityNotIn(Identities),
    /// The project is one of these.
    Project(BTreeSet<Box<str>>),
    /// The request's attribute of this name has one of these values.
    Attribute(Box<str>, BTreeSet<Box<str>>),
    /// The person's session is authenticated recently and strongly enough.
    Authenticated(Authenticated),
    /// The wall clock of a zone reads a time inside.
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
    /// The identities. Shared, because a list may be long.
    pub ids: Arc<BTreeSet<Box<str>>>,
}

/// How a session has to be authenticated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authenticated {
    /// How long ago at most.
    pub within: Duration,
    /// One of these methods, if any is named.
    pub amr_any: BTreeSet<Box<str>>,
    /// One of these context classes, if any is named.
    pub acr_any: BTreeSet<Box<str>>,
}

impl Requirement {
    /// The instants at which it holds, this being given.
    pub(crate) fn holds(&self, given: &Given<'_>) -> When {
        let Given {
            request,
            verification,
        } = given;
        let window = match self {
            Self::Schedule(schedule) => return When::all([When::Weekly(schedule.clone())]),
            Self::AnyOf(parts) => return When::any(parts.iter().map(|part| part.holds(given))),
            Self::AllOf(parts) => return When::all(parts.iter().map(|part| part.holds(given))),
            Self::VerifiedWithin(age_max) => verification
                .verified_at
                .map_or(Window::NEVER, |at| Window::until(after(at, *age_max))),
            Self::Scopes(scopes) => scopes
                .iter()
                .map(|scope| verification.readable(scope).unwrap_or(Window::NEVER))
                .fold(Window::ALWAYS, Window::and),
            Self::AgeAtLeast(years) => verification.born().map_or(Window::NEVER, |born| {
                let reached = after(anniversary(born, *years), BIRTHDAY_EVERYWHERE);
                plausible_birth(born).and(Window::from(reached))
            }),
            Self::AgeBelow(years) => verification.born().map_or(Window::NEVER, |born| {
                let first_reached = before(anniversary(born, *years), BIRTHDAY_EVERYWHERE);
                plausible_birth(born).and(Window::until(first_reached))
            }),
            Self::Authenticated(wanted) => wanted.window(request),
            Self::Status(accepted) => one_of(accepted, verification.status.as_deref()),
            Self::Project(accepted) => one_of(accepted, verification.project.as_deref()),
            Self::Attribute(name, accepted) => {
                let value = request.attributes.get(name.as_ref());
                one_of(accepted, value.map(String::as_str))
            }
            Self::PhonePrefix(prefixes) => Window::constant(
                verification
                    .phone()
                    .is_ok_and(|phone| prefixes.iter().any(|prefix| phone.starts_with(&**prefix))),
            ),
            Self::IdentityAsRequested => Window::constant(
                verification.identity().is_ok() && verification.identity().ok() == given.claimed(),
            ),
            Self::IdentityIn(listed) => Window::constant(
                verification
                    .identity()
                    .is_ok_and(|id| listed.ids.contains(id)),
            ),
            Self::IdentityNotIn(listed) => Window::constant(
                verification
                    .identity()
                    .is_ok_and(|id| !listed.ids.contains(id)),
            ),
        };
        When::Window(window)
    }
}

impl<'a> Given<'a> {
    /// The identity that the request names, if it names one.
    pub(crate) fn claimed(&self) -> Option<&'a str> {
        self.request.identity.as_deref().filter(|id| !id.is_empty())
    }
}

impl Authenticated {
    /// The instants at which the session is authenticated so.
    fn window(&self, request: &Request) -> Window {
        let Some(session) = &request.authentication else {
            return Window::NEVER;
        };
        let amr = self.amr_any.is_empty()
            || session
                .amr
                .iter()
                .any(|amr| self.amr_any.contains(amr.as_str()));
        let acr = self.acr_any.is_empty() || self.acr_any.contains(session.acr.as_str());
        match session.auth_time {
            Some(at) if amr && acr => {
                Window::from(before(at, SKEW)).and(Window::until(after(at, self.within)))
            }
            _ => Window::NEVER,
        }
    }
}

fn one_of(accepted: &BTreeSet<Box<str>>, text: Option<&str>) -> Window {
    Window::constant(text.is_some_and(|text| accepted.contains(text)))
}
