//! One rule: a requirement, when it holds, and why it does not. A new requirement is one variant and one arm in each
//! `match` of this file, of `text.rs`, and of `parse.rs`.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use super::{
    effect::Refusal,
    evidence::{Scope, Verification, plausible_birth},
    limits::{BIRTHDAY_EVERYWHERE, SKEW},
    reason::{Reason, ReasonCode},
    request::Request,
    schedule::Schedule,
    time::{Timestamp, after, anniversary, before},
    when::{When, Window},
    yaml::Location,
};

/// A requirement, and what happens where it does not hold.
#[derive(Debug, Clone)]
pub struct Rule {
    requirement: Requirement,
    otherwise: Refusal,
    /// The requirement as the policy would write it, made once because every reason shows it.
    text: Arc<str>,
    /// Where it was read, for those who write policies. Means nothing.
    location: Option<Location>,
}

impl Rule {
    /// Joins the two.
    pub fn new(requirement: Requirement, otherwise: Refusal) -> Self {
        let text = requirement.to_string().into();
        Self {
            requirement,
            otherwise,
            text,
            location: None,
        }
    }

    /// The same, read here.
    pub fn read_at(mut self, location: Location) -> Self {
        self.location = Some(location);
        self
    }

    /// What has to hold.
    pub fn requirement(&self) -> &Requirement {
        &self.requirement
    }

    /// What happens where it does not.
    pub fn otherwise(&self) -> Refusal {
        self.otherwise
    }

    /// The requirement as the policy would write it.
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// Where it was read, if it was.
    pub fn location(&self) -> Option<&Location> {
        self.location.as_ref()
    }

    /// Evaluates it.
    pub(super) fn judge(&self, given: &Given<'_>) -> Judged<'_> {
        Judged {
            rule: self,
            holds: self.requirement.holds(given),
        }
    }
}

/// A rule, and when it holds with the facts that it was evaluated with.
#[derive(Debug)]
pub(super) struct Judged<'p> {
    /// The rule.
    pub(super) rule: &'p Rule,
    /// The instants at which its requirement holds.
    pub(super) holds: When,
}

impl Judged<'_> {
    /// Why the rule is not met at this instant, if it is not. Given are the facts that it was evaluated with.
    pub(super) fn reason(&self, given: &Given<'_>, now: Timestamp) -> Option<Reason> {
        if self.holds.contains(now) {
            return None;
        }
        Some(Reason {
            code: self.rule.requirement.why_unmet(given, now),
            rule: Arc::clone(&self.rule.text),
            effect: self.rule.otherwise,
        })
    }
}

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
    pub(super) fn holds(&self, given: &Given<'_>) -> When {
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

    /// Why it does not hold at this instant, at which it does not.
    fn why_unmet(&self, given: &Given<'_>, now: Timestamp) -> ReasonCode {
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
            Self::IdentityAsRequested if given.claimed().is_none() => ReasonCode::IdentityNotGiven,
            Self::IdentityAsRequested => identity_or(verification, ReasonCode::IdentityMismatch),
            Self::IdentityIn(_) => identity_or(verification, ReasonCode::IdentityNotListed),
            Self::IdentityNotIn(_) => identity_or(verification, ReasonCode::IdentityBlocked),
            Self::Project(_) if is_missing(verification.project.as_deref()) => {
                ReasonCode::DataMissing
            }
            Self::Project(_) => ReasonCode::ProjectNotAccepted,
            Self::Attribute(..) => ReasonCode::AttributeNotAccepted,
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

impl<'a> Given<'a> {
    /// The identity that the request names, if it names one.
    pub(super) fn claimed(&self) -> Option<&'a str> {
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

fn is_missing(text: Option<&str>) -> bool {
    text.is_none_or(str::is_empty)
}

fn identity_or(verification: &Verification, other: ReasonCode) -> ReasonCode {
    verification.identity().err().unwrap_or(other)
}

/// Why this scope's data cannot be used at this instant, if it cannot.
fn unreadable(verification: &Verification, scope: &Scope, now: Timestamp) -> Option<ReasonCode> {
    match verification.readable(scope) {
        Err(code) => Some(code),
        Ok(window) if window.contains(now) => None,
        Ok(_) => Some(ReasonCode::DataInvalid),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::evidence::Datum, *};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn request() -> Request {
        use crate::{PolicyName, VerificationId};
        let verification = VerificationId::parse("v-1").unwrap();
        Request::bare(PolicyName::parse("p").unwrap(), verification)
    }

    fn holds(requirement: &Requirement, verification: &Verification, now: &str) -> bool {
        let request = request();
        let given = Given {
            request: &request,
            verification,
        };
        requirement.holds(&given).contains(at(now))
    }

    fn complaint(requirement: &Requirement, verification: &Verification, now: &str) -> ReasonCode {
        let request = request();
        let given = Given {
            request: &request,
            verification,
        };
        assert!(!requirement.holds(&given).contains(at(now)));
        requirement.why_unmet(&given, at(now))
    }

    fn born(text: &str) -> Verification {
        Verification {
            scopes: [Scope::DateOfBirth].into(),
            born: Datum::Known(at(text)),
            ..Verification::default()
        }
    }

    #[test]
    fn a_requirement_shows_as_a_policy_would_write_it() {
        let shown = [
            Requirement::Status(["VERIFIED".into(), "SUCCESS".into()].into()),
            Requirement::VerifiedWithin(Duration::from_hours(36)),
            Requirement::Scopes(vec![Scope::Name, Scope::from("a, b")]),
            Requirement::AgeAtLeast(18),
        ]
        .map(|requirement| requirement.to_string());
        assert_eq!(
            shown,
            [
                "status: [SUCCESS, VERIFIED]",
                "verified_within: 1d12h",
                "scopes: [NAME, \"a, b\"]",
                "age_at_least: 18"
            ]
        );
    }

    #[test]
    fn an_age_is_reached_fourteen_hours_after_the_birthday_began_in_utc() {
        let (adult, person) = (Requirement::AgeAtLeast(18), born("1990-05-17T00:00:00Z"));
        assert!(!holds(&adult, &person, "2008-05-17T13:59:59.999Z"));
        assert!(holds(&adult, &person, "2008-05-17T14:00:00Z"));
        let minor = Requirement::AgeBelow(18);
        assert!(holds(&minor, &person, "2008-05-16T09:59:59.999Z"));
        assert!(!holds(&minor, &person, "2008-05-16T10:00:00Z"));
    }

    #[test]
    fn a_birth_in_the_future_or_over_150_years_ago_is_no_birth() {
        let any_age = Requirement::AgeAtLeast(0);
        let (future, now) = (born("2030-01-01T00:00:00Z"), "2026-01-01T00:00:00Z");
        assert_eq!(complaint(&any_age, &future, now), ReasonCode::DataInvalid);
        let ancient = born("1870-01-01T00:00:00Z");
        let scope = Requirement::Scopes(vec![Scope::DateOfBirth]);
        assert!(holds(&scope, &ancient, "2020-01-01T00:00:00Z"));
        let after = "2020-01-01T00:00:00.001Z";
        assert_eq!(complaint(&scope, &ancient, after), ReasonCode::DataInvalid);
    }

    #[test]
    fn the_first_scope_that_fails_gives_the_reason() {
        let verification = Verification {
            scopes: [Scope::Name, Scope::Phone].into(),
            phone: Datum::Unreadable,
            ..Verification::default()
        };
        let reason = |scopes: &[Scope]| {
            let scopes = Requirement::Scopes(scopes.to_vec());
            complaint(&scopes, &verification, "2026-01-01T00:00:00Z")
        };
        assert_eq!(
            reason(&[Scope::Name, Scope::Phone]),
            ReasonCode::DataMissing
        );
        assert_eq!(
            reason(&[Scope::Phone, Scope::Name]),
            ReasonCode::DataInvalid
        );
        assert_eq!(
            reason(&[Scope::DateOfBirth, Scope::Phone]),
            ReasonCode::ScopeNotGranted
        );
    }
}
