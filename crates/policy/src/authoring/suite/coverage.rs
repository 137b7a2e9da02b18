//! What the cases have tried of the policies: each rule met and unmet, and each edge from both sides.
//!
//! A case tries a rule if the rules were judged at all: a guard that fails keeps them from being judged. A rule is covered when
//! some case met it and some case did not.
//!
//! A case tries an edge at the instant `e` from before if it is at `e - 1 ms`, the last instant before it, and from after if
//! it is at `e` or at `e + 1 ms`; and only if the policy changes there: between one millisecond before `e` and `e`, with the facts of
//! the case, the outcome of a rule that has an edge there changes. Only such cases distinguish a limit from every other one.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    case::Case,
    edge::{MS, Turn, edges},
    placed::{PlacedEdge, placed_edges},
    reach::{Reach, reaches},
};
use crate::{
    authoring::diff::WorkBudget,
    decide::Facts,
    request::PolicyName,
    rule::Rule,
    set::{Policy, PolicySet},
    time::{Timestamp, after, before},
};

/// The steps that the search for hidden edges may take, in equal parts for all policies.
const STEPS_MAX: usize = 200_000_000;

/// What was tried of every policy.
#[derive(Debug)]
pub struct Coverage {
    /// One for each policy of the set.
    pub policies: BTreeMap<PolicyName, PolicyCoverage>,
}

/// What was tried of one policy.
#[derive(Debug)]
pub struct PolicyCoverage {
    /// How many cases are about it.
    pub cases: usize,
    /// One for each rule, in the order of the policy.
    pub rules: Vec<RuleCoverage>,
}

/// What was tried of one rule.
#[derive(Debug)]
pub struct RuleCoverage {
    /// The rule, as the policy writes it.
    pub rule: Arc<str>,
    /// Whether some case met it.
    pub met: bool,
    /// Whether some case did not.
    pub unmet: bool,
    /// One for each edge that it can have.
    pub edges: Vec<EdgeCoverage>,
}

/// What was tried of one edge.
#[derive(Debug)]
pub struct EdgeCoverage {
    /// The requirement, as the policy writes it: the rule's own, or one inside it.
    pub requirement: String,
    /// What happens to the requirement at the edge.
    pub turn: Turn,
    /// Whether some case is at the last millisecond before it, and the policy changes there.
    pub before: bool,
    /// Whether some case is at it, or a millisecond after, and the policy changes there.
    pub after: bool,
    /// Whether any case could try it.
    pub reach: Reach,
}

/// What is known of an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EdgeState {
    /// It was tried from both sides.
    Tried,
    /// It was not tried from both sides, and that may be possible.
    Untried,
    /// It is proved that neither the decision nor its reasons change there, whatever the facts are: something else decides.
    Hidden,
    /// No facts reach it.
    Unreachable,
}

impl EdgeState {
    /// The state as reports name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tried => "tried",
            Self::Untried => "untried",
            Self::Hidden => "hidden",
            Self::Unreachable => "unreachable",
        }
    }
}

impl RuleCoverage {
    /// Whether some case met it and some case did not.
    pub fn is_covered(&self) -> bool {
        self.met && self.unmet
    }
}

impl EdgeCoverage {
    /// What is known of it.
    pub fn state(&self) -> EdgeState {
        match (self.before && self.after, self.reach) {
            (true, _) => EdgeState::Tried,
            (false, Reach::Open) => EdgeState::Untried,
            (false, Reach::Hidden) => EdgeState::Hidden,
            (false, Reach::Never) => EdgeState::Unreachable,
        }
    }
}

impl Coverage {
    /// The coverage of no cases.
    pub(super) fn empty(policies: &PolicySet) -> Self {
        let policies = policies
            .iter()
            .map(|(name, policy)| {
                let rules = policy.rules().iter().map(RuleCoverage::empty).collect();
                (name.clone(), PolicyCoverage { cases: 0, rules })
            })
            .collect();
        Self { policies }
    }

    /// Adds what this case tries of its policy.
    pub(super) fn record(&mut self, policy: &Policy, case: &Case) {
        let Some(coverage) = self.policies.get_mut(&case.request.policy) else {
            return;
        };
        coverage.cases = coverage.cases.saturating_add(1);
        let Some(given) = policy.judged(&case.facts()) else {
            return;
        };
        for (rule, coverage) in policy.rules().iter().zip(&mut coverage.rules) {
            if rule.requirement().holds(&given).contains(case.now) {
                coverage.met = true;
            } else {
                coverage.unmet = true;
            }
        }
        let edges = placed_edges(policy);
        for (instant, is_before) in [
            (after(case.now, MS), true),
            (case.now, false),
            (before(case.now, MS), false),
        ] {
            for placed in turned(policy, &edges, case, instant) {
                if let Some(edge) = coverage.edge_mut(&placed) {
                    edge.before |= is_before;
                    edge.after |= !is_before;
                }
            }
        }
    }

    /// Finds out which edges no case can try: see [`EdgeState::Hidden`] and [`EdgeState::Unreachable`]. An edge that the
    /// bounded search does not decide stays untried.
    pub fn find_hidden_edges(&mut self, policies: &PolicySet) {
        let steps = STEPS_MAX.checked_div(policies.len()).unwrap_or(STEPS_MAX);
        for (name, coverage) in &mut self.policies {
            let edges = || coverage.rules.iter().flat_map(|rule| &rule.edges);
            let untried = edges().any(|edge| edge.state() == EdgeState::Untried);
            let Some(policy) = policies.find(name).filter(|_| untried) else {
                continue;
            };
            let mut budget = WorkBudget::for_part(steps);
            let reaches = reaches(name, policy, &mut budget);
            let edges = coverage.rules.iter_mut().flat_map(|rule| &mut rule.edges);
            for (edge, reach) in edges.zip(reaches) {
                edge.reach = reach;
            }
        }
    }

    /// Every edge with the name of its policy.
    pub fn all_edges(&self) -> impl Iterator<Item = (&PolicyName, &EdgeCoverage)> {
        self.policies.iter().flat_map(|(name, policy)| {
            let edges = policy.rules.iter().flat_map(|rule| &rule.edges);
            edges.map(move |edge| (name, edge))
        })
    }

    /// How many edges are in this state.
    pub fn edges_in(&self, state: EdgeState) -> usize {
        let edges = self.all_edges();
        edges.filter(|(_, edge)| edge.state() == state).count()
    }

    /// How many rules there are, and how many of them are covered.
    pub fn rules(&self) -> (usize, usize) {
        let rules = || self.policies.values().flat_map(|policy| &policy.rules);
        (rules().count(), rules().filter(|r| r.is_covered()).count())
    }

    /// How many edges there are, and how many of them were tried from both sides.
    pub fn edges(&self) -> (usize, usize) {
        (self.all_edges().count(), self.edges_in(EdgeState::Tried))
    }
}

impl RuleCoverage {
    fn empty(rule: &Rule) -> Self {
        let edges = edges(rule).into_iter().map(|edge| EdgeCoverage {
            requirement: edge.requirement.to_string(),
            turn: edge.turn,
            before: false,
            after: false,
            reach: Reach::Open,
        });
        Self {
            rule: Arc::clone(rule.text()),
            met: false,
            unmet: false,
            edges: edges.collect(),
        }
    }
}

impl PolicyCoverage {
    fn edge_mut(&mut self, placed: &PlacedEdge<'_>) -> Option<&mut EdgeCoverage> {
        let rule = self.rules.get_mut(placed.atom.rule)?;
        rule.edges.get_mut(placed.number)
    }
}

/// The edges at this instant at which the policy changes: the outcome of a rule that has an edge there, on the same axis, differs
/// from that of a millisecond before.
fn turned<'p>(
    policy: &'p Policy,
    edges: &[PlacedEdge<'p>],
    case: &Case,
    instant: Timestamp,
) -> Vec<PlacedEdge<'p>> {
    let judged = |now| {
        policy.judged(&Facts {
            now,
            ..case.facts()
        })
    };
    let (Some(given), Some(_)) = (judged(instant), judged(before(instant, MS))) else {
        return Vec::new();
    };
    let here = edges
        .iter()
        .filter(|p| p.edge.is_at_one_of(&given, [instant]));
    let mut here: Vec<PlacedEdge<'p>> = here.copied().collect();
    let turned: Vec<PlacedEdge<'p>> = here
        .iter()
        .filter(|placed| placed.rule_turns(policy, &given, instant))
        .copied()
        .collect();
    here.retain(|placed| {
        let axis = placed.edge.anchor.axis();
        turned.iter().any(|other| other.edge.anchor.axis() == axis)
    });
    here
}

#[cfg(test)]
mod tests;
