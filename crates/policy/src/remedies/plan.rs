//! The actions of a combination, with the values that the rules ask for.

use std::{collections::BTreeSet, time::Duration};

use super::done::Done;
use crate::{
    evidence::Scope,
    remedy::{NewSession, Remedy},
    rule::{Authenticated, Given, Requirement},
    time::Timestamp,
};

/// The actions to do, collected from the rules.
#[derive(Debug, Default)]
pub(super) struct Plan {
    reverify: bool,
    max_age: Option<Duration>,
    scopes: BTreeSet<Scope>,
    sessions: Vec<Authenticated>,
    identify: bool,
}

impl Plan {
    /// A plan without actions, or only with that of verifying again.
    pub(super) fn new(reverify: bool) -> Self {
        Self {
            reverify,
            ..Self::default()
        }
    }

    /// Adds what this requirement needs to hold at this instant. A new verification or session replaces the old one, so that it
    /// has to satisfy also the requirements that hold already.
    pub(super) fn add(
        &mut self,
        requirement: &Requirement,
        given: &Given<'_>,
        done: Done,
        at: Timestamp,
    ) {
        let holds_already = |requirement: &Requirement| requirement.holds(given).contains(at);
        match requirement {
            Requirement::VerifiedWithin(age_max) if done.reverify => {
                self.reverify |= !holds_already(requirement);
                self.max_age = Some(self.max_age.map_or(*age_max, |least| least.min(*age_max)));
            }
            Requirement::Authenticated(wanted) if done.authenticate => self.authenticate(wanted),
            Requirement::AllOf(parts) => {
                for part in parts {
                    self.add(part, given, done, at);
                }
            }
            Requirement::AnyOf(parts) => {
                let would_hold = |part: &&Requirement| part.holds_with(given, done).contains(at);
                let ready = |part: &&Requirement| would_hold(part) && holds_already(part);
                let part = parts.iter().find(ready);
                if let Some(part) = part.or_else(|| parts.iter().find(would_hold)) {
                    self.add(part, given, done, at);
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

    /// Merges this with a session that is needed already, if one session can satisfy both: the shorter age, and the methods
    /// that both accept.
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

    pub(super) fn remedies(self, wait: Option<Timestamp>) -> Vec<Remedy> {
        let max_age = self.max_age;
        let mut remedies = Vec::new();
        // First, because what is done before may be too old by then.
        remedies.extend(wait.map(Remedy::Wait));
        remedies.extend(self.reverify.then_some(Remedy::Reverify { max_age }));
        let sessions = self.sessions.into_iter();
        remedies.extend(sessions.map(|session| {
            let groups = (!session.amr_any.is_empty()).then_some(session.amr_any);
            Remedy::Authenticate(NewSession {
                max_age: session.within,
                acr_any: session.acr_any,
                amr_all_of: groups.into_iter().collect(),
            })
        }));
        if !self.scopes.is_empty() {
            remedies.push(Remedy::GrantScopes(self.scopes));
        }
        remedies.extend(self.identify.then_some(Remedy::Identify));
        remedies
    }
}

/// What both lists accept, where an empty list accepts anything; none if they have nothing in common.
fn common(one: &BTreeSet<Box<str>>, other: &BTreeSet<Box<str>>) -> Option<BTreeSet<Box<str>>> {
    if one.is_empty() || other.is_empty() {
        return Some(one.union(other).cloned().collect());
    }
    let both: BTreeSet<_> = one.intersection(other).cloned().collect();
    (!both.is_empty()).then_some(both)
}
