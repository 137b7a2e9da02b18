//! Cases in which one requirement alone decides, as near to its limit as it does: a limit that is moved over one of them changes its
//! decision. At the edge itself other rules may decide, and not a little further away.

use std::time::Duration;

use super::policy::Generator;
use crate::{
    authoring::{
        diff::sensitivity::{Instants, Point, Search, Sensitivity, Side},
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
    /// The cases near this edge. Where it alone decides at the edge itself, those of an age are there already.
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
            if let Some(case) = self.nearest(placed, &points, sensitivity, instants)
                && !cases
                    .iter()
                    .any(|other| other.now == case.now && other.name == case.name)
            {
                cases.push(case);
            }
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
        for (region, point) in points {
            let mut found = None;
            let result =
                sensitivity.mattering(placed.atom, *region, *point, instants, &mut |witness| {
                    let case = self.seed(witness);
                    if self.decides_alone(placed, &case) {
                        let requirement = placed.edge.requirement;
                        let name = format!(
                            "{}: `{requirement}` alone decides at {}",
                            self.name, case.now
                        );
                        found = Some(self.expecting(&case, name, case.now));
                    }
                    found.is_some()
                });
            if result == Search::Accepted {
                return found;
            }
        }
        None
    }

    /// Whether the decision would be another one if the requirement came out otherwise.
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

/// The policy as if the time were never too late for this requirement, or always.
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
