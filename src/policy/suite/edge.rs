//! The edges of a rule in time: the instants at which one of its requirements begins or ends to hold, the facts being given.
//! Mistakes in a policy live there, an off-by-one first of all.

use std::{fmt, time::Duration};

use crate::policy::{
    rule::{Given, Requirement, Rule},
    time::{Timestamp, after, anniversary, before},
};

/// The smallest step of time.
pub(super) const MS: Duration = Duration::from_millis(1);
/// How far ahead an edge of a schedule is looked for, in years: as far as a change of a decision is.
const YEARS_AHEAD: u16 = 10;
/// Nobody plausible is older, so that an age of as many years is never reached.
const AGE_NEVER_REACHED: u16 = 150;

/// Which way a requirement turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// From this instant on it holds.
    Begins,
    /// From this instant on it does not hold.
    Ends,
}

impl fmt::Display for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Begins => "begins",
            Self::Ends => "ends",
        })
    }
}

/// One edge of a rule: a requirement of it, and which way that turns. Where in time it is depends on the facts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Edge<'r> {
    pub(super) requirement: &'r Requirement,
    pub(super) turn: Turn,
}

/// The edges that a rule can have, those of the requirements inside it included.
pub(super) fn edges(rule: &Rule) -> Vec<Edge<'_>> {
    let mut edges = Vec::new();
    gather(rule.requirement(), &mut edges);
    edges
}

fn gather<'r>(requirement: &'r Requirement, edges: &mut Vec<Edge<'r>>) {
    let turns: &[Turn] = match requirement {
        Requirement::AnyOf(parts) | Requirement::AllOf(parts) => {
            for part in parts {
                gather(part, edges);
            }
            return;
        }
        Requirement::AgeAtLeast(0..AGE_NEVER_REACHED) => &[Turn::Begins],
        Requirement::VerifiedWithin(_) | Requirement::AgeBelow(1..) => &[Turn::Ends],
        // A session begins to count when it is no further in the future than another clock may be.
        Requirement::Authenticated(_) => &[Turn::Begins, Turn::Ends],
        Requirement::Schedule(schedule) if !schedule.week().is_full() => {
            &[Turn::Begins, Turn::Ends]
        }
        Requirement::Schedule(_)
        | Requirement::AgeAtLeast(_)
        | Requirement::AgeBelow(_)
        | Requirement::Status(_)
        | Requirement::Scopes(_)
        | Requirement::PhonePrefix(_)
        | Requirement::IdentityAsRequested
        | Requirement::IdentityIn(_)
        | Requirement::IdentityNotIn(_)
        | Requirement::Project(_)
        | Requirement::Attribute(..) => &[],
    };
    edges.extend(turns.iter().map(|&turn| Edge { requirement, turn }));
}

impl Edge<'_> {
    /// Whether it is at one of these instants, and at which: the first at which the requirement turns this way.
    pub(super) fn at_one_of(
        &self,
        given: &Given<'_>,
        instants: impl IntoIterator<Item = Timestamp>,
    ) -> Option<Timestamp> {
        let when = self.requirement.holds(given);
        let begins = self.turn == Turn::Begins;
        instants.into_iter().find(|instant| {
            when.contains(*instant) == begins && when.contains(before(*instant, MS)) != begins
        })
    }

    /// The edge, or for a schedule the first one after this instant.
    pub(super) fn find(&self, given: &Given<'_>, now: Timestamp) -> Option<Timestamp> {
        let when = self.requirement.holds(given);
        let (first, last) = match self.requirement {
            Requirement::Schedule(_) => (now, anniversary(now, YEARS_AHEAD)),
            _ => (Timestamp::MIN, Timestamp::MAX),
        };
        let begins = self.turn == Turn::Begins;
        let other_side = when.next(!begins, first, last)?;
        when.next(begins, other_side, last)
            .filter(|at| before(*at, MS) < *at && after(*at, MS) > *at)
    }
}
