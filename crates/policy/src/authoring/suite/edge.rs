//! The edges of a rule in time: the instants at which one of its requirements begins or ends to hold, with the facts as they
//! are. Mistakes in a policy lie there, above all those by one.

use std::{fmt, time::Duration};

use crate::{
    authoring::diff::sensitivity::{TimeAxis, Turning},
    limits::{AGE_YEARS_MAX, YEARS_AHEAD},
    rule::{Given, Requirement, Rule},
    time::{Timestamp, after, anniversary, before},
};

/// The smallest step of time.
pub(super) const MS: Duration = Duration::from_millis(1);

/// What happens to a requirement at an edge.
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

/// The fact that decides when an edge is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    /// The verification was made; the edge is so long after that.
    VerifiedAt(Duration),
    /// The date of birth; the edge is about this birthday.
    DateOfBirth(u16),
    /// The session was authenticated. It ends to count so long after that, and begins to count when it is no further in the
    /// future than clocks may differ.
    AuthTime(Duration),
    /// None: it is a time of the week.
    Weekly,
}

/// An edge that a rule can have.
#[derive(Debug, Clone, Copy)]
pub(super) struct Edge<'r> {
    /// The index of the requirement among those of the rule that are not groups.
    pub(super) leaf: usize,
    /// The rule's requirement, or one inside it.
    pub(super) requirement: &'r Requirement,
    pub(super) turn: Turn,
    pub(super) anchor: Anchor,
}

/// The edges that a rule can have, with those of the requirements inside it.
pub(super) fn edges(rule: &Rule) -> Vec<Edge<'_>> {
    let mut edges = possible_edges(rule);
    edges.retain(|edge| !edge.is_of_open_schedule());
    edges
}

/// The same with a beginning and an end of each schedule that is open the whole week, which has neither.
pub(super) fn possible_edges(rule: &Rule) -> Vec<Edge<'_>> {
    let mut edges = Vec::new();
    add_edges(rule.requirement(), &mut 0, &mut edges);
    edges
}

fn add_edges<'r>(requirement: &'r Requirement, leaves: &mut usize, edges: &mut Vec<Edge<'r>>) {
    if let Requirement::AnyOf(parts) | Requirement::AllOf(parts) = requirement {
        for part in parts {
            add_edges(part, leaves, edges);
        }
        return;
    }
    let leaf = *leaves;
    *leaves = leaves.saturating_add(1);
    let (anchor, turns): (Anchor, &[Turn]) = match requirement {
        Requirement::VerifiedWithin(age_max) => (Anchor::VerifiedAt(*age_max), &[Turn::Ends]),
        // An age of AGE_YEARS_MAX is never reached, and no age is below 0.
        Requirement::AgeAtLeast(years @ 0..AGE_YEARS_MAX) => {
            (Anchor::DateOfBirth(*years), &[Turn::Begins])
        }
        Requirement::AgeBelow(years @ 1..) => (Anchor::DateOfBirth(*years), &[Turn::Ends]),
        Requirement::Authenticated(required) => (
            Anchor::AuthTime(required.within),
            &[Turn::Begins, Turn::Ends],
        ),
        Requirement::Schedule(_) => (Anchor::Weekly, &[Turn::Begins, Turn::Ends]),
        Requirement::AgeAtLeast(_)
        | Requirement::AgeBelow(_)
        | Requirement::Status(_)
        | Requirement::Scopes(_)
        | Requirement::PhonePrefix(_)
        | Requirement::IdentityAsRequested
        | Requirement::IdentityIn(_)
        | Requirement::IdentityNotIn(_)
        | Requirement::Project(_)
        | Requirement::Attribute(..)
        | Requirement::AttributeNotIn(_)
        | Requirement::AnyOf(_)
        | Requirement::AllOf(_) => return,
    };
    edges.extend(turns.iter().map(|&turn| Edge {
        leaf,
        requirement,
        turn,
        anchor,
    }));
}

impl Anchor {
    /// The axis of the fact.
    pub(super) fn axis(self) -> TimeAxis {
        match self {
            Self::VerifiedAt(_) => TimeAxis::VerifiedAt,
            Self::DateOfBirth(_) => TimeAxis::DateOfBirth,
            Self::AuthTime(_) => TimeAxis::AuthTime,
            Self::Weekly => TimeAxis::Now,
        }
    }
}

impl Edge<'_> {
    /// Whether its requirement is a schedule that is open the whole week.
    pub(super) fn is_of_open_schedule(&self) -> bool {
        matches!(self.requirement, Requirement::Schedule(schedule) if schedule.week().is_full())
    }

    /// The edge between these regions of its axis.
    pub(super) fn turning(&self, sides: [u16; 2]) -> Turning<'_> {
        Turning {
            requirement: self.requirement,
            begins: self.turn == Turn::Begins,
            sides,
        }
    }

    /// Whether two edges may be at the same point of an axis. For times of the week that is not known.
    pub(super) fn may_be_at(&self, other: &Edge<'_>) -> bool {
        match (self.anchor, other.anchor) {
            (Anchor::AuthTime(_), Anchor::AuthTime(_))
                if self.turn == Turn::Begins || other.turn == Turn::Begins =>
            {
                self.turn == other.turn
            }
            (Anchor::DateOfBirth(_), Anchor::DateOfBirth(_)) if self.turn != other.turn => false,
            (one, other) => one == other,
        }
    }

    /// Whether the edge is at one of these instants.
    pub(super) fn is_at_one_of(
        &self,
        given: &Given<'_>,
        instants: impl IntoIterator<Item = Timestamp>,
    ) -> bool {
        let when = self.requirement.holds(given);
        let begins = self.turn == Turn::Begins;
        instants.into_iter().any(|instant| {
            when.contains(instant) == begins && when.contains(before(instant, MS)) != begins
        })
    }

    /// When the edge is; of a time of the week, the first after `now`. None if it is never, or at one of the ends of time.
    pub(super) fn find(&self, given: &Given<'_>, now: Timestamp) -> Option<Timestamp> {
        let when = self.requirement.holds(given);
        let (first, last) = match self.anchor {
            Anchor::Weekly => (now, anniversary(now, YEARS_AHEAD)),
            Anchor::VerifiedAt(_) | Anchor::DateOfBirth(_) | Anchor::AuthTime(_) => {
                (Timestamp::MIN, Timestamp::MAX)
            }
        };
        let begins = self.turn == Turn::Begins;
        let other_side = when.next(!begins, first, last)?;
        when.next(begins, other_side, last)
            .filter(|at| before(*at, MS) < *at && after(*at, MS) > *at)
    }
}

#[cfg(test)]
mod tests;
