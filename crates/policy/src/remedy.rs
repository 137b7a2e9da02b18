//! What would make it ALLOW: a smallest set of things to do, worked out from when each requirement would hold if they were
//! done. What is not known is taken to be as the policy asks, so a remedy is advice, never evidence.

use std::{collections::BTreeSet, time::Duration};

use super::{
    evidence::Scope,
    limits::YEARS_AHEAD,
    reason::ReasonCode,
    rule::{Authenticated, Given, Judged, Requirement},
    time::{Timestamp, anniversary},
    when::When,
};

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remedy {
    /// Verify again, so that the verification is younger than this, if that matters.
    Reverify {
        /// How old the verification may be.
        max_age: Option<Duration>,
    },
    /// Authenticate again, or more strongly.
    Authenticate(Authenticated),
    /// Let the verification carry the data of these scopes.
    GrantScopes(BTreeSet<Scope>),
    /// Name the identity in the question.
    Identify,
    /// Come back at this instant.
    Wait(Timestamp),
}

/// Which things are done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "four things, each done or not"
)]
struct Done {
    reverify: bool,
    authenticate: bool,
    grant: bool,
    identify: bool,
}

impl Done {
    /// Every combination, fewer things first.
    fn combinations() -> impl Iterator<Item = Self> {
        let all = (0_u8..16).map(|bits| Self {
            reverify: bits & 1 > 0,
            authenticate: bits & 2 > 0,
            grant: bits & 4 > 0,
            identify: bits & 8 > 0,
        });
        (0..=4).flat_map(move |count| all.clone().filter(move |done| done.count() == count))
    }

    fn all(self) -> [bool; 4] {
        [self.reverify, self.authenticate, self.grant, self.identify]
    }

    fn count(self) -> usize {
        self.all().into_iter().filter(|done| *done).count()
    }

    /// Whether only things are done that are done in the other too.
    fn is_within(self, other: Self) -> bool {
        let mut pairs = self.all().into_iter().zip(other.all());
        pairs.all(|(done, other)| !done || other)
    }

    /// The things that may change whether these rules hold. Verifying again always may: it mends evidence that may not be
    /// judged. A combination with any other thing holds no earlier than the same without it.
    fn useful(rules: &[Judged<'_>]) -> Self {
        let changes = |done: Self| {
            let mut rules = rules.iter();
            rules.any(|judged| judged.rule.requirement().is_changed_by(done))
        };
        let nothing = Self::default();
        Self {
            reverify: true,
            authenticate: changes(Self {
                authenticate: true,
                ..nothing
            }),
            grant: changes(Self {
                grant: true,
                ..nothing
            }),
            identify: changes(Self {
                identify: true,
                ..nothing
            }),
        }
    }
}

/// A smallest set of things that makes every rule hold; nothing if nothing does. `may_be_judged` is when the guards let the
/// evidence be judged, which verifying again always mends.
pub(super) fn remedies(
    rules: &[Judged<'_>],
    given: &Given<'_>,
    may_be_judged: &When,
    now: Timestamp,
) -> Vec<Remedy> {
    let last = anniversary(now, YEARS_AHEAD);
    let mut best: Option<(usize, Done, Timestamp)> = None;
    let useful = Done::useful(rules);
    for done in Done::combinations().filter(|done| done.is_within(useful)) {
        if best.is_some_and(|(count, ..)| count <= done.count()) {
            break;
        }
        let guard = if done.reverify {
            When::ALWAYS
        } else {
            may_be_judged.clone()
        };
        let rules = rules.iter().map(|judged| judged.holds_with(given, done));
        let all = When::all(std::iter::once(guard).chain(rules));
        if let Some(at) = all.next(true, now, last) {
            let count = done.count().saturating_add(usize::from(at > now));
            if best.is_none_or(|(least, ..)| count < least) {
                best = Some((count, done, at));
            }
        }
    }
    let Some((_, done, at)) = best else {
        return Vec::new();
    };
    let mut plan = Plan {
        reverify: done.reverify && !may_be_judged.contains(at),
        ..Plan::default()
    };
    for judged in rules {
        plan.mend(judged.rule.requirement(), given, done, at);
    }
    plan.remedies((at > now).then_some(at))
}

impl Judged<'_> {
    /// The instants at which the rule holds if these things are done.
    fn holds_with(&self, given: &Given<'_>, done: Done) -> When {
        let requirement = self.rule.requirement();
        if requirement.is_changed_by(done) {
            requirement.holds_with(given, done)
        } else {
            self.holds.clone()
        }
    }
}

impl Requirement {
    /// Whether any of these things may change when it holds.
    fn is_changed_by(&self, done: Done) -> bool {
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

    /// The instants at which it holds if these things are done.
    fn holds_with(&self, given: &Given<'_>, done: Done) -> When {
        match self {
            // A new verification has another status than the old one, for better or worse.
            Self::Status(accepted) if done.reverify => {
                When::constant(accepted.contains("VERIFIED"))
            }
            Self::VerifiedWithin(age_max) if done.reverify && !age_max.is_zero() => When::ALWAYS,
            Self::Authenticated(wanted) if done.authenticate && !wanted.within.is_zero() => {
                When::ALWAYS
            }
            Self::IdentityAsRequested
                if done.identify
                    && given.claimed().is_none()
                    && given.verification.identity().is_ok() =>
            {
                When::ALWAYS
            }
            Self::Scopes(scopes) if done.grant => {
                When::all(
                    scopes
                        .iter()
                        .map(|scope| match given.verification.readable(scope) {
                            Ok(window) => When::Window(window),
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

    /// The scope whose data it reads, if that may be granted yet.
    fn ungranted(&self, given: &Given<'_>) -> Option<Scope> {
        let scope = match self {
            Self::AgeAtLeast(_) | Self::AgeBelow(_) => Scope::DateOfBirth,
            Self::PhonePrefix(_) => Scope::Phone,
            _ => return None,
        };
        let code = given.verification.readable(&scope).err()?;
        can_be_granted(code).then_some(scope)
    }
}

/// Whether data that cannot be used for this reason may come with another scope.
fn can_be_granted(code: ReasonCode) -> bool {
    matches!(code, ReasonCode::ScopeNotGranted | ReasonCode::DataMissing)
}

/// What has to be done, as it is gathered from the rules.
#[derive(Debug, Default)]
struct Plan {
    reverify: bool,
    max_age: Option<Duration>,
    scopes: BTreeSet<Scope>,
    sessions: Vec<Authenticated>,
    identify: bool,
}

impl Plan {
    /// Adds what this requirement needs, so that it holds at this instant if these things are done. What is done anew has to
    /// satisfy what held before too.
    fn mend(&mut self, requirement: &Requirement, given: &Given<'_>, done: Done, at: Timestamp) {
        let holds_already = |requirement: &Requirement| requirement.holds(given).contains(at);
        match requirement {
            Requirement::VerifiedWithin(age_max) if done.reverify => {
                self.reverify |= !holds_already(requirement);
                self.max_age = Some(self.max_age.map_or(*age_max, |least| least.min(*age_max)));
            }
            Requirement::Authenticated(wanted) if done.authenticate => self.authenticate(wanted),
            Requirement::AllOf(parts) => {
                for part in parts {
                    self.mend(part, given, done, at);
                }
            }
            Requirement::AnyOf(parts) => {
                let would_hold = |part: &&Requirement| part.holds_with(given, done).contains(at);
                let ready = |part: &&Requirement| would_hold(part) && holds_already(part);
                let part = parts.iter().find(ready);
                if let Some(part) = part.or_else(|| parts.iter().find(would_hold)) {
                    self.mend(part, given, done, at);
                }
            }
            met if holds_already(met) => {}
            Requirement::Status(_) => self.reverify = true,
            Requirement::IdentityAsRequested => self.identify = true,
            Requirement::Scopes(scopes) => {
                let lacking = |scope: &&Scope| given.verification.readable(scope).is_err();
                self.scopes.extend(scopes.iter().filter(lacking).cloned());
            }
            other => self.scopes.extend(other.ungranted(given)),
        }
    }

    /// One session may do for several rules: as young as the strictest asks, by methods that all take.
    fn authenticate(&mut self, wanted: &Authenticated) {
        for session in &mut self.sessions {
            let amr_any = common(&session.amr_any, &wanted.amr_any);
            let acr_any = common(&session.acr_any, &wanted.acr_any);
            if let (Some(amr_any), Some(acr_any)) = (amr_any, acr_any) {
                *session = Authenticated {
                    within: session.within.min(wanted.within),
                    amr_any,
                    acr_any,
                };
                return;
            }
        }
        self.sessions.push(wanted.clone());
    }

    fn remedies(self, wait: Option<Timestamp>) -> Vec<Remedy> {
        let max_age = self.max_age;
        let mut remedies = Vec::new();
        // First, because what is done before may have passed by then.
        remedies.extend(wait.map(Remedy::Wait));
        remedies.extend(self.reverify.then_some(Remedy::Reverify { max_age }));
        remedies.extend(self.sessions.into_iter().map(Remedy::Authenticate));
        if !self.scopes.is_empty() {
            remedies.push(Remedy::GrantScopes(self.scopes));
        }
        remedies.extend(self.identify.then_some(Remedy::Identify));
        remedies
    }
}

/// What both lists take, where an empty list takes anything; nothing if there is no such thing.
fn common(one: &BTreeSet<Box<str>>, other: &BTreeSet<Box<str>>) -> Option<BTreeSet<Box<str>>> {
    if one.is_empty() || other.is_empty() {
        return Some(one.union(other).cloned().collect());
    }
    let both: BTreeSet<_> = one.intersection(other).cloned().collect();
    (!both.is_empty()).then_some(both)
}
