//! Goals: a requirement holds already, no action makes it hold, or it holds after one of some plans.

use super::{
    granted::{Ages, Granted, Is},
    kinds::Kinds,
    moments::{Kept, Moment, moments},
    plan::{MaxAge, Plan},
    session::SessionPlan,
};
use crate::{
    evidence::Scope,
    reason::ReasonCode,
    rule::{Given, Requirement},
    time::Timestamp,
    when::When,
};

/// A requirement as a goal.
#[derive(Debug)]
pub(super) enum Goal<'p> {
    /// Holds, whatever is done.
    Met,
    /// Does not hold, whatever is done.
    Lost,
    /// One requirement.
    One(One<'p>),
    /// At least one of these.
    Any(Vec<Goal<'p>>),
    /// All of these.
    All(Vec<Goal<'p>>),
}

/// A requirement that is not a group.
#[derive(Debug)]
pub(super) struct One<'p> {
    /// When it holds with the facts as they are.
    pub(super) kept: Kept,
    /// The kind of action that replaces the facts that it reads, if any: a new session, or a new verification.
    pub(super) replaced_by: Kinds,
    /// The plan that makes it hold with new facts, if there is one.
    pub(super) plan: Option<Plan<'p>>,
}

/// Makes goals of requirements.
#[derive(Debug)]
pub(super) struct Goals<'p> {
    given: Given<'p>,
    now: Timestamp,
    last: Timestamp,
    /// The conditions that hold at some instants from now to the last one, and not at others.
    changing: Vec<When>,
}

impl<'p> Goals<'p> {
    pub(super) fn new(given: Given<'p>, now: Timestamp, last: Timestamp) -> Self {
        Self {
            given,
            now,
            last,
            changing: Vec::new(),
        }
    }

    /// All of these requirements.
    pub(super) fn of_rules(&mut self, rules: impl Iterator<Item = &'p Requirement>) -> Goal<'p> {
        Goal::all(rules.map(|requirement| self.goal(requirement)))
    }

    /// When something holds with the facts as they are.
    pub(super) fn kept(&mut self, when: When) -> Kept {
        let holds = when.contains(self.now);
        if when.next(!holds, self.now, self.last).is_none() {
            return if holds { Kept::Always } else { Kept::Never };
        }
        self.changing.push(when);
        Kept::Changing(self.changing.len().saturating_sub(1))
    }

    /// The instants to try, for all conditions so far.
    pub(super) fn moments(&self) -> Vec<Moment> {
        moments(&self.changing, self.now, self.last)
    }

    fn goal(&mut self, requirement: &'p Requirement) -> Goal<'p> {
        match requirement {
            Requirement::AnyOf(parts) => Goal::any(parts.iter().map(|part| self.goal(part))),
            Requirement::AllOf(parts) => Goal::all(parts.iter().map(|part| self.goal(part))),
            Requirement::Scopes(scopes) => Goal::all(scopes.iter().map(|scope| self.scope(scope))),
            one => {
                let kept = self.kept(one.holds(&self.given));
                let (replaced_by, plan) = self.plan(one);
                Goal::one(kept, replaced_by, plan)
            }
        }
    }

    fn scope(&mut self, scope: &Scope) -> Goal<'p> {
        let (when, plan) = match self.given.verification.readable(scope) {
            Ok(interval) => (When::Interval(interval), None),
            Err(code) => {
                let granted = can_be_granted(code).then(|| Granted::scope(scope.clone()));
                (When::NEVER, granted.map(Plan::grant))
            }
        };
        Goal::one(self.kept(when), Kinds::NONE, plan)
    }

    /// The plan that makes a requirement hold that is not a group, and the kind of action that replaces the facts that it reads.
    fn plan(&self, requirement: &'p Requirement) -> (Kinds, Option<Plan<'p>>) {
        let granting = |scope: Scope, granted: &dyn Fn() -> Option<Granted<'p>>| {
            let code = self.given.verification.readable(&scope).err();
            code.filter(|code| can_be_granted(*code))
                .and_then(|_| granted())
                .map(Plan::grant)
        };
        let plan = match requirement {
            Requirement::Status(accepted) => {
                let plan = accepted.contains("VERIFIED").then(|| Plan::reverify(MaxAge::Any));
                return (Kinds::REVERIFY, plan);
            }
            Requirement::VerifiedWithin(age_max) => {
                let plan = (!age_max.is_zero()).then(|| Plan::reverify(MaxAge::Of(*age_max)));
                return (Kinds::REVERIFY, plan);
            }
            Requirement::Authenticated(wanted) => {
                let session = SessionPlan::of(wanted);
                return (Kinds::AUTHENTICATE, session.map(Plan::authenticate));
            }
            Requirement::AgeAtLeast(from) => {
                let ages = Ages { from: *from, ..Ages::default() };
                granting(Scope::DateOfBirth, &|| Granted::ages(ages))
            }
            Requirement::AgeBelow(below) => {
                let ages = Ages { below: *below, ..Ages::default() };
                granting(Scope::DateOfBirth, &|| Granted::ages(ages))
            }
            Requirement::PhonePrefix(prefixes) => granting(Scope::Phone, &|| Granted::phone(prefixes)),
            Requirement::IdentityIn(listed) => {
                granting(Scope::IdentityId, &|| Granted::identity(Is::On(listed)))
            }
            Requirement::IdentityNotIn(listed) => {
                granting(Scope::IdentityId, &|| Granted::identity(Is::NotOn(listed)))
            }
            Requirement::IdentityAsRequested => self.same_identity(),
            Requirement::Project(_)
            | Requirement::Attribute(..)
            | Requirement::AttributeNotIn(_)
            | Requirement::Schedule(_)
            // Groups and scopes are goals of several parts.
            | Requirement::Scopes(_)
            | Requirement::AnyOf(_)
            | Requirement::AllOf(_) => None,
        };
        (Kinds::NONE, plan)
    }

    /// The request names the identity of the verification: the request names it, or the verification gets it, or both.
    fn same_identity(&self) -> Option<Plan<'p>> {
        let verified = self.given.verification.identity();
        let grantable = verified.is_err_and(can_be_granted);
        match (self.given.claimed(), verified) {
            (Err(_), Ok(_)) => Some(Plan::identify()),
            (Ok(claimed), Err(_)) if grantable => {
                Granted::identity(Is::The(claimed)).map(Plan::grant)
            }
            (Err(_), Err(_)) if grantable => Some(Plan {
                identify: true,
                ..Plan::grant(Granted::scope(Scope::IdentityId))
            }),
            _ => None,
        }
    }
}

impl<'p> Goal<'p> {
    fn one(kept: Kept, replaced_by: Kinds, plan: Option<Plan<'p>>) -> Self {
        match (kept, &plan) {
            (Kept::Always, _) if replaced_by == Kinds::NONE => Self::Met,
            (Kept::Never, None) => Self::Lost,
            _ => Self::One(One {
                kept,
                replaced_by,
                plan,
            }),
        }
    }

    fn any(goals: impl Iterator<Item = Self>) -> Self {
        let mut open = Vec::new();
        for goal in goals {
            match goal {
                Self::Met => return Self::Met,
                Self::Lost => {}
                Self::Any(goals) => open.extend(goals),
                goal => open.push(goal),
            }
        }
        match open.pop() {
            None => Self::Lost,
            Some(only) if open.is_empty() => only,
            Some(last) => {
                open.push(last);
                Self::Any(open)
            }
        }
    }

    fn all(goals: impl Iterator<Item = Self>) -> Self {
        let mut open = Vec::new();
        for goal in goals {
            match goal {
                Self::Lost => return Self::Lost,
                Self::Met => {}
                Self::All(goals) => open.extend(goals),
                goal => open.push(goal),
            }
        }
        match open.pop() {
            None => Self::Met,
            Some(only) if open.is_empty() => only,
            Some(last) => {
                open.push(last);
                Self::All(open)
            }
        }
    }

    /// How many of its requirements need a session.
    pub(super) fn sessions(&self) -> usize {
        match self {
            Self::Met | Self::Lost => 0,
            Self::One(one) => usize::from(one.replaced_by == Kinds::AUTHENTICATE),
            Self::Any(goals) | Self::All(goals) => goals.iter().map(Self::sessions).sum(),
        }
    }

    /// The kinds of action of all its plans.
    pub(super) fn kinds(&self) -> Kinds {
        match self {
            Self::Met | Self::Lost => Kinds::NONE,
            Self::One(one) => one.plan.as_ref().map_or(Kinds::NONE, Plan::kinds),
            Self::Any(goals) | Self::All(goals) => {
                let kinds = goals.iter().map(Self::kinds);
                kinds.fold(Kinds::NONE, Kinds::and)
            }
        }
    }
}

/// Whether granting the scope may help against this reason.
fn can_be_granted(code: ReasonCode) -> bool {
    matches!(code, ReasonCode::ScopeNotGranted | ReasonCode::DataMissing)
}
