//! Edges with their places in a policy, and whether a rule changes there.

use super::edge::{Edge, MS, Turn, edges, possible_edges};
use crate::{
    authoring::diff::sensitivity::{Atom, Outcome},
    rule::{Given, Rule},
    set::Policy,
    time::{Timestamp, before},
};

/// An edge with its place in the policy.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlacedEdge<'p> {
    /// The place of its requirement.
    pub(super) atom: Atom,
    /// Its index among the edges of the rule.
    pub(super) number: usize,
    pub(super) edge: Edge<'p>,
}

/// The edges of a policy, in the order of its rules.
pub(super) fn placed_edges(policy: &Policy) -> Vec<PlacedEdge<'_>> {
    placed(policy, edges)
}

/// The places of the schedules that are open the whole week, each as if it began.
pub(super) fn open_schedules(policy: &Policy) -> Vec<PlacedEdge<'_>> {
    let mut open = placed(policy, possible_edges);
    open.retain(|placed| placed.edge.is_of_open_schedule() && placed.edge.turn == Turn::Begins);
    open
}

fn placed<'p>(policy: &'p Policy, edges: fn(&'p Rule) -> Vec<Edge<'p>>) -> Vec<PlacedEdge<'p>> {
    let rules = policy.rules().iter().enumerate();
    let edges = rules.flat_map(|(rule, of_rule)| {
        let edges = edges(of_rule).into_iter().enumerate();
        edges.map(move |(number, edge)| PlacedEdge {
            atom: Atom {
                rule,
                leaf: edge.leaf,
            },
            number,
            edge,
        })
    });
    edges.collect()
}

impl PlacedEdge<'_> {
    /// Whether it is this edge of the policy.
    pub(super) fn is(&self, other: &PlacedEdge<'_>) -> bool {
        (self.atom.rule, self.number) == (other.atom.rule, other.number)
    }

    /// Whether the outcome of its rule differs between this instant and a millisecond before.
    pub(super) fn rule_turns(
        &self,
        policy: &Policy,
        given: &Given<'_>,
        instant: Timestamp,
    ) -> bool {
        let rule = policy.rules().get(self.atom.rule);
        rule.is_some_and(|rule| {
            let judged = rule.judge(given);
            let reason = |now| judged.reason(given, now).map(|reason| reason.code);
            reason(before(instant, MS)) != reason(instant)
        })
    }

    /// What may change at this edge: the decision, its own rule, and other rules that have an edge there.
    pub(super) fn outcomes(&self, edges: &[PlacedEdge<'_>]) -> Vec<Outcome> {
        let others = edges
            .iter()
            .filter(|other| self.edge.may_be_at(&other.edge));
        let rules = std::iter::once(self.atom.rule).chain(others.map(|other| other.atom.rule));
        let mut outcomes = vec![Outcome::Decision];
        for rule in rules.map(Outcome::Rule) {
            if !outcomes.contains(&rule) {
                outcomes.push(rule);
            }
        }
        outcomes
    }
}
