//! Three cases at an edge, made from a case whose facts have the edge. Confirms that the policy changes there and nothing else does.

use std::sync::Arc;

use super::{
    super::{
        case::{Case, Expect, NextChange, ValidUntil, verification_id},
        edge::MS,
        placed::PlacedEdge,
    },
    candidate::Candidate,
    policy::{EdgeCases, Generator},
};
use crate::{
    authoring::diff::{Witness, sensitivity::Outcome},
    evidence::{Datum, Finding},
    rule::Given,
    time::{Timestamp, after, before},
    yaml::Position,
};

impl<'g> Generator<'g> {
    /// The check as a case without a name, about the verification that all cases are about.
    pub(super) fn seed(&self, witness: Witness) -> Case {
        let Witness {
            mut request,
            mut evidence,
            now,
        } = witness;
        if let Some(id) = verification_id() {
            if let Finding::Present(verification) = &mut evidence.finding {
                verification.id = Some(id.as_str().into());
            }
            request.verification = id;
        }
        Case {
            name: String::new(),
            source: Arc::clone(self.source),
            position: Position::START,
            request,
            evidence,
            cached: None,
            now,
            expect: Expect::default(),
        }
    }

    /// The case at this instant, with this name and what the policy decides today.
    pub(super) fn expecting(&self, case: &Case, name: String, now: Timestamp) -> Case {
        let case = at(case, now);
        let decision = self.policy.decide(&case.facts());
        let codes = decision.reasons().iter().map(|reason| reason.code);
        Case {
            name,
            source: Arc::clone(self.source),
            position: Position::START,
            expect: Expect {
                effect: Some(decision.effect()),
                reasons: Some(codes.collect()),
                next_change: Some(NextChange::from(decision.next_change())),
                valid_until: decision.valid_until().map(ValidUntil::Until),
                ..Expect::default()
            },
            ..case
        }
    }

    /// The three cases at this edge of a case at the instant `edge_at`; `None` if the edge is not there, if the outcome does not change
    /// there, or if something on another axis changes at the same instant.
    pub(super) fn triple(
        &self,
        placed: &PlacedEdge<'g>,
        outcome: Outcome,
        case: &Case,
        edge_at: Timestamp,
    ) -> Option<EdgeCases> {
        let instants = [before(edge_at, MS), edge_at, after(edge_at, MS)];
        let judged = |now: &Timestamp| self.policy.judged(&at(case, *now).facts()).is_some();
        if !instants.iter().all(judged) || !self.turns(outcome, case, edge_at)? {
            return None;
        }
        if let Finding::Present(verification) = &case.evidence.finding
            && let Datum::Known(born) = &verification.born
            && !instants.iter().all(|now| born.plausible().contains(*now))
        {
            // The date of birth becomes readable at the birth itself.
            return None;
        }
        let turning = self.turning_at(case, edge_at)?;
        let is_here = turning.iter().any(|other| other.is(placed));
        let axis = placed.edge.anchor.axis();
        if !is_here || turning.iter().any(|other| other.edge.anchor.axis() != axis) {
            return None;
        }
        let (name, edge) = (self.name, &placed.edge);
        let names = ["1 ms before", "when", "1 ms after"];
        let cases = names.into_iter().zip(instants).map(|(when, now)| {
            let name = format!("{name}: {when} `{}` {}", edge.requirement, edge.turn);
            self.expecting(case, name, now)
        });
        Some(EdgeCases {
            cases: cases.collect(),
            decides_alone: outcome == Outcome::Decision && turning.len() == 1,
        })
    }

    /// Whether the outcome at this instant differs from that of a millisecond before.
    fn turns(&self, outcome: Outcome, case: &Case, edge_at: Timestamp) -> Option<bool> {
        let (earlier, later) = (at(case, before(edge_at, MS)), at(case, edge_at));
        Some(match outcome {
            Outcome::Decision => {
                self.policy.effect(&earlier.facts()) != self.policy.effect(&later.facts())
            }
            Outcome::Rule(rule) => {
                let given = self.policy.judged(&later.facts())?;
                let mut of_rule = self.edges.iter().filter(|placed| placed.atom.rule == rule);
                of_rule.next()?.rule_turns(self.policy, &given, edge_at)
            }
        })
    }

    /// The edges that are at this instant.
    fn turning_at(&self, case: &Case, edge_at: Timestamp) -> Option<Vec<PlacedEdge<'g>>> {
        let Finding::Present(verification) = &case.evidence.finding else {
            return None;
        };
        let given = Given {
            request: &case.request,
            verification,
        };
        let is_there = |placed: &&PlacedEdge<'g>| placed.edge.is_at_one_of(&given, [edge_at]);
        Some(self.edges.iter().filter(is_there).copied().collect())
    }

    /// The cases of a given case that is moved to the edge, if this outcome changes there.
    pub(super) fn moved_from_given(
        &self,
        placed: &PlacedEdge<'g>,
        outcome: Outcome,
        given: &[&Case],
    ) -> Option<EdgeCases> {
        let candidates = given
            .iter()
            .flat_map(|seed| Candidate::of_seed(&placed.edge, seed));
        let mut candidates = candidates.map(Candidate::into_parts);
        candidates.find_map(|(case, edge_at)| self.triple(placed, outcome, &case, edge_at))
    }
}

/// The same case at another instant, with evidence as recent.
pub(super) fn at(case: &Case, now: Timestamp) -> Case {
    let mut case = case.clone();
    case.now = now;
    case.evidence.seen_at = now;
    case.cached = None;
    case
}
