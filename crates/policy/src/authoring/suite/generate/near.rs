//! Cases in which one requirement alone decides, as near to its limit as possible: moving the limit past such a case changes its
//! decision. At the edge itself another rule may decide, but not a little further away.

use std::time::Duration;

use super::policy::Generator;
use crate::{
    authoring::{
        diff::sensitivity::{Instants, Point, Sensitivity, Side},
        suite::{
            case::Case,
            edge::{Anchor, Turn},
            placed::PlacedEdge,
        },
    },
    effect::Effect,
    rule::{Authenticated, Requirement, Rule},
    set::Policy,
};

impl<'g> Generator<'g> {
    /// The cases near this edge. If an age alone decides at the edge itself, those cases exist already.
    pub(super) fn near(
        &self,
        placed: &PlacedEdge<'g>,
        decides_alone: bool,
        sensitivity: &mut Sensitivity<'_, '_>,
        instants: &Instants,
    ) -> Vec<Case> {
        let (edge, begins) = (&placed.edge, placed.edge.turn == Turn::Begins);
        let points = match (edge.anchor, edge.requirement) {
            (Anchor::Weekly, Requirement::Schedule(schedule)) if begins => {
                sensitivity.weekly_points(schedule, instants)
            }
            (Anchor::AuthTime(_), _) if begins => Vec::new(),
            (Anchor::VerifiedAt(_) | Anchor::DateOfBirth(_) | Anchor::AuthTime(_), _)
                if !decides_alone =>
            {
                let limit = sensitivity.limit(edge.requirement, begins);
                let sides = limit.iter().flat_map(|limit| {
                    [Side::Before, Side::After].map(|side| sensitivity.away_from(limit, side))
                });
                sides.collect()
            }
            _ => Vec::new(),
        };
        let mut cases: Vec<Case> = Vec::new();
        for points in points {
            cases.extend(self.nearest(placed, &points, sensitivity, instants));
        }
        cases
    }

    /// A case at the first of these points at which the requirement alone decides.
    fn nearest(
        &self,
        placed: &PlacedEdge<'g>,
        points: &[(u16, Point)],
        sensitivity: &mut Sensitivity<'_, '_>,
        instants: &Instants,
    ) -> Option<Case> {
        let mut found = None;
        let requirement = placed.edge.requirement;
        sensitivity.mattering(placed.atom, points, instants, &mut |witness| {
            let case = self.seed(witness);
            if self.decides_alone(placed, &case) {
                let name = format!("{}: `{requirement}` alone decides", self.name);
                found = Some(self.expecting(&case, name, case.now));
            }
            found.is_some()
        });
        found
    }

    /// Whether the decision would differ if the result of the requirement were inverted.
    fn decides_alone(&self, placed: &PlacedEdge<'g>, case: &Case) -> bool {
        let effect = |held| -> Option<Effect> {
            let policy = forced(self.policy, placed, held);
            policy.judged(&case.facts())?;
            Some(policy.effect(&case.facts()))
        };
        match (effect(true), effect(false)) {
            (Some(held), Some(not)) => held != not,
            _ => false,
        }
    }
}

/// The policy with the time condition of this requirement always true, or always false.
fn forced(policy: &Policy, placed: &PlacedEdge<'_>, held: bool) -> Policy {
    let rules = policy.rules().iter().enumerate().map(|(index, rule)| {
        if index != placed.atom.rule {
            return rule.clone();
        }
        let requirement = replaced(rule.requirement(), &mut 0, placed.atom.leaf, held);
        Rule::new(requirement, rule.otherwise())
    });
    Policy::new(None, rules.collect(), policy.evidence(), Duration::ZERO)
}

fn replaced(requirement: &Requirement, leaf: &mut usize, wanted: usize, held: bool) -> Requirement {
    let mut inner = |parts: &[Requirement]| -> Vec<Requirement> {
        let parts = parts.iter();
        parts
            .map(|part| replaced(part, leaf, wanted, held))
            .collect()
    };
    match requirement {
        Requirement::AnyOf(parts) => Requirement::AnyOf(inner(parts)),
        Requirement::AllOf(parts) => Requirement::AllOf(inner(parts)),
        plain => {
            let number = *leaf;
            *leaf = leaf.saturating_add(1);
            match plain {
                _ if number != wanted => plain.clone(),
                Requirement::Authenticated(required) if held => {
                    Requirement::Authenticated(Authenticated {
                        within: Duration::MAX,
                        ..required.clone()
                    })
                }
                _ if held => Requirement::AllOf(Vec::new()),
                _ => Requirement::AnyOf(Vec::new()),
            }
        }
    }
}
