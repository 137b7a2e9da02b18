//! The cases of one policy.

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    authoring::{
        diff::{
            WorkBudget,
            sensitivity::{Instants, Outcome, Point, Search, Sensitivity, TimeAxis},
        },
        suite::{
            case::Case,
            edge::{Anchor, Edge, Turn},
            placed::{PlacedEdge, open_schedules, placed_edges},
            write::write_case,
        },
    },
    request::PolicyName,
    rule::Requirement,
    set::Policy,
    yaml::SourceText,
};

/// How many instants of one edge of a schedule are tried.
const TRANSITIONS_MAX: usize = 64;

/// The cases of one policy, and the edges without one.
#[derive(Debug, Default)]
pub(super) struct PolicyCases {
    pub(super) cases: Vec<Case>,
    pub(super) unreached: Vec<String>,
}

/// The state of generating for one policy.
#[derive(Debug)]
pub(super) struct Generator<'g> {
    pub(super) name: &'g PolicyName,
    pub(super) policy: &'g Policy,
    pub(super) edges: Vec<PlacedEdge<'g>>,
    pub(super) source: &'g Arc<SourceText>,
}

/// The cases of an edge, and whether it alone decides them.
#[derive(Debug)]
pub(super) struct EdgeCases {
    pub(super) cases: Vec<Case>,
    pub(super) decides_alone: bool,
}

/// Generates the cases of one policy. The search for edges, and that for a check that is allowed, may each take this many steps.
pub(super) fn generate_for(
    name: &PolicyName,
    policy: &Policy,
    given: &[&Case],
    source: &Arc<SourceText>,
    steps: usize,
) -> PolicyCases {
    let budget = &mut WorkBudget::for_part(steps);
    let generator = Generator {
        name,
        policy,
        edges: placed_edges(policy),
        source,
    };
    let open = open_schedules(policy);
    let mut found: Vec<(usize, Vec<Case>)> = Vec::new();
    for axis in TimeAxis::ALL {
        let of_axis = |placed: &&PlacedEdge<'_>| placed.edge.anchor.axis() == axis;
        let mut numbered: Vec<_> = generator.edges.iter().enumerate().collect();
        numbered.retain(|(_, placed)| of_axis(placed));
        let open = open.iter().filter(of_axis);
        if numbered.is_empty() && open.clone().next().is_none() {
            continue;
        }
        // A policy that reads too many facts gets only the cases that are made from given ones.
        let sensitivity = Sensitivity::of(name, policy, axis, budget);
        let mut sensitivity = sensitivity.ok().flatten();
        let instants = sensitivity.as_ref().map(Sensitivity::instants);
        let instants = instants.unwrap_or_default();
        for (number, placed) in numbered {
            let cases = generator.cases_of(placed, given, sensitivity.as_mut(), &instants);
            found.push((number, cases));
        }
        if let Some(sensitivity) = &mut sensitivity {
            let cases = open.flat_map(|placed| {
                let cases = generator.near(placed, false, sensitivity, &instants);
                without_repeated(cases)
            });
            found.push((usize::MAX, cases.collect()));
        }
    }
    found.sort_by_key(|(number, _)| *number);
    let mut collected = generator.collected(found);
    let known = given.iter().map(|case| (*case).clone());
    let known: Vec<Case> = known.chain(collected.cases.iter().cloned()).collect();
    let of_settings = generator.setting_cases(&known, &mut WorkBudget::for_part(steps));
    collected.cases.extend(of_settings);
    collected
}

impl<'g> Generator<'g> {
    /// The cases in the order of the edges, and the edges without one.
    fn collected(&self, found: Vec<(usize, Vec<Case>)>) -> PolicyCases {
        let mut collected = PolicyCases::default();
        for (number, cases) in found {
            if let (true, Some(placed)) = (cases.is_empty(), self.edges.get(number)) {
                let (requirement, turn) = (placed.edge.requirement, placed.edge.turn);
                let name = self.name;
                collected
                    .unreached
                    .push(format!("{name}: `{requirement}` {turn}"));
            }
            collected.cases.extend(cases);
        }
        collected
    }

    fn cases_of(
        &self,
        placed: &PlacedEdge<'g>,
        given: &[&Case],
        sensitivity: Option<&mut Sensitivity<'_, '_>>,
        instants: &Instants,
    ) -> Vec<Case> {
        let Some(sensitivity) = sensitivity else {
            let found = self.moved_from_given(placed, Outcome::Decision, given);
            return found.map(|found| found.cases).unwrap_or_default();
        };
        let sides = sides_of(&placed.edge, sensitivity, instants);
        let outcomes = placed.outcomes(&self.edges);
        let at_edge = outcomes.into_iter().find_map(|outcome| {
            let found = self.moved_from_given(placed, outcome, given);
            found.or_else(|| self.search(placed, outcome, &sides, sensitivity, instants))
        });
        let decides_alone = at_edge.as_ref().is_some_and(|found| found.decides_alone);
        let mut cases = at_edge.map(|found| found.cases).unwrap_or_default();
        cases.extend(self.near(placed, decides_alone, sensitivity, instants));
        // The nearest case may be at the edge itself.
        without_repeated(cases)
    }

    /// Searches for three cases at the edge at which this outcome changes.
    fn search(
        &self,
        placed: &PlacedEdge<'g>,
        outcome: Outcome,
        sides: &[([u16; 2], Point)],
        sensitivity: &mut Sensitivity<'_, '_>,
        instants: &Instants,
    ) -> Option<EdgeCases> {
        for (sides, point) in sides {
            let mut found = None;
            let turning = placed.edge.turning(*sides);
            let result = sensitivity.turning(outcome, turning, *point, instants, &mut |witness| {
                let case = self.seed(witness);
                found = self.triple(placed, outcome, &case, case.now);
                found.is_some()
            });
            if result == Search::Accepted {
                return found;
            }
        }
        None
    }
}

/// The cases, without those that repeat the facts of an earlier one: several searches may find the same case.
fn without_repeated(mut cases: Vec<Case>) -> Vec<Case> {
    let mut seen = BTreeSet::new();
    cases.retain(|case| {
        let facts = Case {
            name: String::new(),
            ..case.clone()
        };
        seen.insert(write_case(&facts, 0))
    });
    cases
}

/// The regions on the two sides of an edge, and the point of a check at it; for a schedule, one for each kind of beginning or end.
fn sides_of(
    edge: &Edge<'_>,
    sensitivity: &Sensitivity<'_, '_>,
    instants: &Instants,
) -> Vec<([u16; 2], Point)> {
    let begins = edge.turn == Turn::Begins;
    match (edge.anchor, edge.requirement) {
        (Anchor::Weekly, Requirement::Schedule(schedule)) => {
            let transitions = sensitivity.transitions(schedule, begins, instants.stretches());
            let mut seen = BTreeSet::new();
            let new = transitions.into_iter().filter(|t| seen.insert(t.sides));
            new.take(TRANSITIONS_MAX)
                .map(|transition| (transition.sides, Point::At(transition.at_ms)))
                .collect()
        }
        _ => {
            let limit = sensitivity.limit(edge.requirement, begins).into_iter();
            limit.map(|limit| (limit.sides, limit.at)).collect()
        }
    }
}
