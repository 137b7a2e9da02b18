//! Which edges a case can try at all, by the exact search.

use super::{
    edge::{Anchor, Turn},
    placed::{PlacedEdge, placed_edges},
};
use crate::{
    authoring::diff::{
        WorkBudget,
        sensitivity::{History, Outcome, Sensitivity, TimeAxis},
    },
    limits::PLAUSIBLE_SINCE_MS,
    request::PolicyName,
    rule::Requirement,
    set::Policy,
    time::{Timestamp, after, from_millis},
};

/// Whether a case can try an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// It may be possible.
    Open,
    /// The policy changes there for no facts.
    Hidden,
    /// It is beyond the end of the calendar.
    Never,
}

/// The reach of every edge of a policy, in the order of its rules.
pub(super) fn reaches(name: &PolicyName, policy: &Policy, budget: &mut WorkBudget) -> Vec<Reach> {
    let edges = placed_edges(policy);
    let mut reaches: Vec<Reach> = edges
        .iter()
        .map(|placed| match placed.edge.anchor {
            Anchor::VerifiedAt(age)
                if after(from_millis(PLAUSIBLE_SINCE_MS), age) == Timestamp::MAX =>
            {
                Reach::Never
            }
            Anchor::AuthTime(age)
                if placed.edge.turn == Turn::Ends
                    && after(Timestamp::MIN, age) == Timestamp::MAX =>
            {
                Reach::Never
            }
            _ => Reach::Open,
        })
        .collect();
    for axis in TimeAxis::ALL {
        let numbered = edges.iter().zip(&mut reaches);
        let mut of_axis = numbered
            .filter(|(placed, reach)| placed.edge.anchor.axis() == axis && **reach == Reach::Open);
        let Some(first) = of_axis.next() else {
            continue;
        };
        // If the search is not possible, the answer is not known.
        let Ok(Some(mut sensitivity)) = Sensitivity::of(name, policy, axis, budget) else {
            continue;
        };
        let history = sensitivity.history();
        for (placed, reach) in std::iter::once(first).chain(of_axis) {
            if is_hidden(placed, &edges, &mut sensitivity, &history) {
                *reach = Reach::Hidden;
            }
        }
    }
    reaches
}

/// Whether it is proved that no rule changes at this edge, neither its own nor another that has an edge there.
fn is_hidden(
    placed: &PlacedEdge<'_>,
    edges: &[PlacedEdge<'_>],
    sensitivity: &mut Sensitivity<'_, '_>,
    history: &History,
) -> bool {
    let begins = placed.edge.turn == Turn::Begins;
    let sides: Vec<[u16; 2]> = match (placed.edge.anchor, placed.edge.requirement) {
        (Anchor::Weekly, Requirement::Schedule(schedule)) => {
            let transitions = sensitivity.transitions(schedule, begins, history.stretches());
            let sides = transitions.into_iter().map(|transition| transition.sides);
            let sides: std::collections::BTreeSet<[u16; 2]> = sides.collect();
            sides.into_iter().collect()
        }
        _ => {
            let limit = sensitivity.limit(placed.edge.requirement, begins);
            limit.into_iter().map(|limit| limit.sides).collect()
        }
    };
    let outcomes = placed.outcomes(edges);
    let mut rules = outcomes
        .into_iter()
        .filter(|outcome| *outcome != Outcome::Decision);
    !sides.is_empty()
        && rules.all(|rule| {
            sides.iter().all(|sides| {
                let turning = placed.edge.turning(*sides);
                sensitivity.turns_nowhere(rule, turning, history)
            })
        })
}
