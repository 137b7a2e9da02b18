//! The cases of one policy.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::dates::PAST_THE_DOUBTFUL;
use crate::{
    authoring::{
        diff::{
            WorkBudget,
            sensitivity::{Instants, Outcome, Point, Search, Sensitivity, TimeAxis, Transition},
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

/// How many kinds of beginnings, or ends, of a schedule are tried.
const TRANSITIONS_MAX: usize = 1024;

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

/// The cases at an edge, and whether it alone decides them.
#[derive(Debug)]
pub(super) struct EdgeCases {
    pub(super) cases: Vec<Case>,
    pub(super) decides_alone: bool,
}

/// An edge, and what was found for it.
#[derive(Debug)]
struct Found<'g> {
    placed: PlacedEdge<'g>,
    at_edge: Option<EdgeCases>,
    near: Vec<Case>,
}

/// Which instants are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Years {
    /// Those of one year.
    One,
    /// Those too that show in another year what does not show in that one.
    All,
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
    let mut edges: Vec<Found<'_>> = generator.edges.iter().copied().map(Found::new).collect();
    let open = open_schedules(policy).into_iter();
    let mut open: Vec<Found<'_>> = open.map(Found::new).collect();
    let mut all = edges.iter().chain(&open);
    let has_schedules = all.any(|found| found.placed.edge.anchor == Anchor::Weekly);
    // The other years come last, so that they take no steps from the one.
    let other_years = has_schedules.then_some(Years::All);
    for years in std::iter::once(Years::One).chain(other_years) {
        for axis in TimeAxis::ALL {
            let of_axis = |found: &&mut Found<'_>| found.placed.edge.anchor.axis() == axis;
            let edges = edges.iter_mut().filter(of_axis).collect();
            let open = open.iter_mut().filter(of_axis).collect();
            generator.add_cases_of_axis(axis, years, given, [edges, open], budget);
        }
    }
    let mut collected = generator.collected(edges);
    let of_open = open.into_iter().flat_map(Found::into_cases);
    collected.cases.extend(of_open);
    let known = given.iter().map(|case| (*case).clone());
    let known: Vec<Case> = known.chain(collected.cases.iter().cloned()).collect();
    let of_settings = generator.setting_cases(&known, &mut WorkBudget::for_part(steps));
    collected.cases.extend(of_settings);
    collected
}

impl<'g> Found<'g> {
    fn new(placed: PlacedEdge<'g>) -> Self {
        Self {
            placed,
            at_edge: None,
            near: Vec::new(),
        }
    }

    fn into_cases(self) -> Vec<Case> {
        let at_edge = self.at_edge.into_iter().flat_map(|found| found.cases);
        // The nearest case may be at the edge itself.
        without_repeated(at_edge.chain(self.near).collect())
    }
}

impl<'g> Generator<'g> {
    /// The cases in the order of the edges, and the edges without one.
    fn collected(&self, edges: Vec<Found<'g>>) -> PolicyCases {
        let mut collected = PolicyCases::default();
        for found in edges {
            let edge = found.placed.edge;
            let cases = found.into_cases();
            if cases.is_empty() {
                let (name, requirement, turn) = (self.name, edge.requirement, edge.turn);
                collected
                    .unreached
                    .push(format!("{name}: `{requirement}` {turn}"));
            }
            collected.cases.extend(cases);
        }
        collected
    }

    /// Adds the cases of the edges and the open schedules of this axis.
    fn add_cases_of_axis(
        &self,
        axis: TimeAxis,
        years: Years,
        given: &[&Case],
        [edges, open]: [Vec<&mut Found<'g>>; 2],
        budget: &mut WorkBudget,
    ) {
        if edges.is_empty() && open.is_empty() {
            return;
        }
        let sensitivity = Sensitivity::of(self.name, self.policy, axis, budget);
        let Some(mut sensitivity) = sensitivity.ok().flatten() else {
            // A policy that reads too many facts gets only the cases that are made from given ones.
            for found in edges {
                let moved = || self.moved_from_given(&found.placed, Outcome::Decision, given);
                found.at_edge = found.at_edge.take().or_else(moved);
            }
            return;
        };
        let instants = match years {
            Years::One => Some(sensitivity.instants()),
            Years::All => sensitivity.instants_of_all_years(),
        };
        let Some(instants) = instants else {
            return;
        };
        for found in edges {
            self.add_cases(found, given, &mut sensitivity, &instants);
        }
        for found in open {
            let near = self.near(&found.placed, false, &mut sensitivity, &instants);
            found.near.extend(near);
        }
    }

    /// Adds the cases of this edge at these instants: those at the edge, unless they are known, and those near it.
    fn add_cases(
        &self,
        found: &mut Found<'g>,
        given: &[&Case],
        sensitivity: &mut Sensitivity<'_, '_>,
        instants: &Instants,
    ) {
        let placed = &found.placed;
        if found.at_edge.is_none() {
            let sides = sides_of(&placed.edge, sensitivity, instants);
            let outcomes = placed.outcomes(&self.edges);
            found.at_edge = outcomes.into_iter().find_map(|outcome| {
                let moved = self.moved_from_given(placed, outcome, given);
                moved.or_else(|| self.search(placed, outcome, &sides, sensitivity, instants))
            });
        }
        let at_edge = found.at_edge.as_ref();
        let decides_alone = at_edge.is_some_and(|found| found.decides_alone);
        let near = self.near(placed, decides_alone, sensitivity, instants);
        found.near.extend(near);
    }

    /// Searches for three cases at the edge at which this outcome changes.
    fn search(
        &self,
        placed: &PlacedEdge<'g>,
        outcome: Outcome,
        sides: &[([u16; 2], Vec<Point>)],
        sensitivity: &mut Sensitivity<'_, '_>,
        instants: &Instants,
    ) -> Option<EdgeCases> {
        for (sides, points) in sides {
            let turning = placed.edge.turning(*sides);
            for point in points {
                let mut found = None;
                let accept = &mut |witness| {
                    let case = self.seed(witness);
                    found = self.triple(placed, outcome, &case, case.now);
                    found.is_some()
                };
                match sensitivity.turning(outcome, turning, *point, instants, accept) {
                    Search::Accepted => return found,
                    // So it is at every point.
                    Search::Nowhere => break,
                    Search::GaveUp => {}
                }
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

/// The regions on the two sides of an edge, and points of a check at it; for a schedule, of each kind of beginning or end.
fn sides_of(
    edge: &Edge<'_>,
    sensitivity: &Sensitivity<'_, '_>,
    instants: &Instants,
) -> Vec<([u16; 2], Vec<Point>)> {
    let begins = edge.turn == Turn::Begins;
    match (edge.anchor, edge.requirement) {
        (Anchor::Weekly, Requirement::Schedule(schedule)) => {
            let transitions = sensitivity.transitions(schedule, begins, instants.stretches());
            kinds_of(&transitions)
        }
        _ => {
            let limit = sensitivity.limit(edge.requirement, begins).into_iter();
            limit.map(|limit| (limit.sides, vec![limit.at])).collect()
        }
    }
}

/// The kinds of these transitions, each with a few of its instants: the first, the first that is some weeks away from that, and the
/// latest. At one of them a date of birth may be unreadable, or a verification too old to exist.
fn kinds_of(transitions: &[Transition]) -> Vec<([u16; 2], Vec<Point>)> {
    let mut kinds: Vec<[u16; 2]> = Vec::new();
    let mut instants: BTreeMap<[u16; 2], Vec<i64>> = BTreeMap::new();
    for transition in transitions {
        let of_kind = instants.entry(transition.sides).or_default();
        if of_kind.is_empty() {
            kinds.push(transition.sides);
        }
        of_kind.push(transition.at_ms);
    }
    kinds.truncate(TRANSITIONS_MAX);
    let with_points = kinds.into_iter().filter_map(|sides| {
        let instants = instants.get(&sides)?;
        let first = *instants.first()?;
        let is_far = |at: &&i64| u128::from(at.abs_diff(first)) >= PAST_THE_DOUBTFUL.as_millis();
        let (far, latest) = (instants.iter().find(is_far), instants.iter().max());
        let mut chosen = vec![first];
        for at in [far, latest].into_iter().flatten() {
            if !chosen.contains(at) {
                chosen.push(*at);
            }
        }
        Some((sides, chosen.into_iter().map(Point::At).collect()))
    });
    with_points.collect()
}
