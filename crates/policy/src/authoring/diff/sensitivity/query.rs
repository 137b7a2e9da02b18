//! Queries on a policy: where its limits matter.

use super::{
    super::{
        axis::Axis,
        budget::WorkBudget,
        error::CompareError,
        formula::{Formula, Level},
        partition::Partition,
        space::Conditions,
        witness::Witness,
    },
    atom::{Atom, TimeAxis, expression, part},
    chain::{Chain, Outcome},
    facts::Wanted,
    history::History,
    instants::Instants,
    ordered::OrderedSpace,
    point::Point,
    search::{Found, Path, Search, Walk},
};
use crate::{request::PolicyName, rule::Requirement, set::Policy};

/// A policy over the space of its checks, with one axis of time as the first variable.
#[derive(Debug)]
pub(in crate::authoring) struct Sensitivity<'p, 'w> {
    name: &'p PolicyName,
    policy: &'p Policy,
    pub(super) walk: Walk<'p, 'w>,
    axis: TimeAxis,
    /// The level of that axis.
    pub(super) level: Level,
    /// The chain of the policy's decision, made at its first use.
    decision: Option<Chain>,
}

/// A requirement at one of its limits.
#[derive(Debug, Clone, Copy)]
pub(in crate::authoring) struct Turning<'r> {
    pub(in crate::authoring) requirement: &'r Requirement,
    /// Whether it begins to hold there, or ends.
    pub(in crate::authoring) begins: bool,
    /// The regions just before the limit and just after it.
    pub(in crate::authoring) sides: [u16; 2],
}

impl Turning<'_> {
    fn after(&self) -> u16 {
        let [_, after] = self.sides;
        after
    }
}

impl<'p, 'w> Sensitivity<'p, 'w> {
    /// The policy with this axis first; `None` if no rule reads it.
    pub(in crate::authoring) fn of(
        name: &'p PolicyName,
        policy: &'p Policy,
        axis: TimeAxis,
        budget: &'w mut WorkBudget,
    ) -> Result<Option<Self>, CompareError> {
        let expressions = policy.rules().iter().map(|rule| expression(rule, None));
        let expressions: Vec<_> = expressions.collect();
        let conditions = Conditions::of(&expressions);
        budget.spend(conditions.size());
        let space = OrderedSpace::of(conditions, &expressions, axis.axis())?;
        let level = space.axes().find(|(other, ..)| **other == axis.axis());
        let Some(level) = level.map(|(_, level, _)| level) else {
            return Ok(None);
        };
        Ok(Some(Self {
            name,
            policy,
            walk: Walk::new(space, budget),
            axis,
            level,
            decision: None,
        }))
    }

    /// The checks for which the outcome of the policy, or of one rule, differs on the two sides of a limit, with all other facts equal.
    /// `accept` accepts or refuses each.
    pub(in crate::authoring) fn turning(
        &mut self,
        outcome: Outcome,
        turning: Turning<'_>,
        point: Point,
        instants: &Instants,
        accept: &mut dyn FnMut(Witness) -> bool,
    ) -> Search {
        let chain = self.chain(outcome, None);
        let sides = self.sides(&chain, turning);
        self.find(&chain, sides, turning.after(), point, instants, accept)
    }

    /// Whether it is proved that no outcome differs on the two sides of a limit, with all other facts equal, at any instant of this history.
    pub(in crate::authoring) fn turns_nowhere(
        &mut self,
        outcome: Outcome,
        turning: Turning<'_>,
        history: &History,
    ) -> bool {
        let (axis, sides) = (self.axis, turning.sides);
        let chain = self.chain(outcome, None);
        let both = self.sides(&chain, turning);
        let mut found = Found::new(self.level, turning.after());
        let nowhere = self
            .walk
            .descend(&chain, both, &mut found, &mut |space, path| {
                is_possible(space, path, axis, sides, history)
            });
        nowhere.is_ok() && !self.walk.formulas.is_exhausted()
    }

    /// The checks at these points, each with its region, for which the decision changes if the result of this requirement is inverted;
    /// tries one point after another until a check is accepted.
    pub(in crate::authoring) fn mattering(
        &mut self,
        atom: Atom,
        points: &[(u16, Point)],
        instants: &Instants,
        accept: &mut dyn FnMut(Witness) -> bool,
    ) -> Search {
        let chains = [true, false].map(|held| self.chain(Outcome::Decision, Some((atom, held))));
        let mut result = Search::Nowhere;
        for (region, point) in points {
            let sides = chains
                .each_ref()
                .map(|chain| self.walk.fix(&chain.formulas, self.level, *region));
            let [chain, _] = &chains;
            match self.find(chain, sides, *region, *point, instants, accept) {
                Search::Nowhere => {}
                Search::GaveUp => result = Search::GaveUp,
                Search::Accepted => return Search::Accepted,
            }
        }
        result
    }

    /// The two sides of a limit of a requirement, on the checks on which the requirement turns there.
    fn sides(&mut self, chain: &Chain, turning: Turning<'_>) -> [Vec<Formula>; 2] {
        let requirement = part(turning.requirement, &mut 0, None);
        let Walk {
            space, formulas, ..
        } = &mut self.walk;
        let requirement = [space.formula(&requirement, formulas)];
        let [before, after] = turning.sides;
        let held_in = if turning.begins { after } else { before };
        let held = self.walk.fix(&requirement, self.level, held_in);
        turning.sides.map(|region| {
            let side = self.walk.fix(&chain.formulas, self.level, region);
            let side = side.into_iter();
            side.map(|formula| {
                let both = held.iter().copied().chain([formula]);
                self.walk.formulas.all(both)
            })
            .collect()
        })
    }

    /// The search for a difference of two sides with the checks in `region`.
    fn find(
        &mut self,
        chain: &Chain,
        sides: [Vec<Formula>; 2],
        region: u16,
        point: Point,
        instants: &Instants,
        accept: &mut dyn FnMut(Witness) -> bool,
    ) -> Search {
        if self.walk.formulas.is_exhausted() {
            return Search::GaveUp;
        }
        let mut found = Found::new(self.level, region);
        let at = Wanted {
            name: self.name,
            axis: self.axis,
            level: self.level,
            point,
        };
        let result = self
            .walk
            .descend(chain, sides, &mut found, &mut |space, path| {
                at.checks(space, path, instants)
                    .into_iter()
                    .any(&mut *accept)
            });
        found.result(result)
    }

    /// The chain of this outcome; with `forced`, as if the requirement held, or did not hold.
    fn chain(&mut self, outcome: Outcome, forced: Option<(Atom, bool)>) -> Chain {
        if let (Outcome::Decision, None, Some(known)) = (outcome, forced, &self.decision) {
            return known.clone();
        }
        let chain = self.new_chain(outcome, forced);
        if (outcome, forced) == (Outcome::Decision, None) {
            self.decision = Some(chain.clone());
        }
        chain
    }

    fn new_chain(&mut self, outcome: Outcome, forced: Option<(Atom, bool)>) -> Chain {
        let (
            policy,
            Walk {
                space, formulas, ..
            },
        ) = (self.policy, &mut self.walk);
        match outcome {
            Outcome::Decision => Chain::of_policy(policy, forced, space, formulas),
            Outcome::Rule(rule) => Chain::of_rule(policy, rule, space, formulas),
        }
    }

    /// The instants of this policy's checks.
    pub(in crate::authoring) fn instants(&self) -> Instants {
        Instants::of(&self.walk.space)
    }

    /// The same with instants of other years, where those show more; `None` if none does.
    pub(in crate::authoring) fn instants_of_all_years(&self) -> Option<Instants> {
        self.instants().with_other_years(&self.walk.space)
    }

    /// The schedules of this policy, over all years that are compared.
    pub(in crate::authoring) fn history(&self) -> History {
        History::of(&self.walk.space)
    }

    /// The partition of the first axis.
    pub(super) fn partition(&self) -> Option<&Partition<'p>> {
        let mut axes = self.walk.space.axes();
        axes.find(|(_, level, _)| *level == self.level)
            .map(|(.., partition)| partition)
    }
}

/// Whether there is a check on this path that is at a limit of the first axis, with these regions on its two sides.
fn is_possible(
    space: &OrderedSpace<'_>,
    path: &Path,
    axis: TimeAxis,
    sides: [u16; 2],
    history: &History,
) -> bool {
    let (mut instant, mut oldest) = (None, None);
    for (other, level, partition) in space.axes() {
        let region = path.get(&level).copied();
        match partition {
            Partition::Schedules(_) => instant = region,
            Partition::Ages(ages) if *other == Axis::VerifiedAt => {
                oldest = region.and_then(|region| ages.bounds(region).0);
            }
            _ => {}
        }
    }
    let is_old_enough = match (axis, instant, oldest) {
        (_, _, None) | (_, None, _) => true,
        (TimeAxis::Now, Some(_), Some(age_ms)) => history.may_be_so_old_between(sides, age_ms),
        (_, Some(region), Some(age_ms)) => history.may_be_so_old_in(region, age_ms),
    };
    let has_room = axis != TimeAxis::DateOfBirth
        || instant.is_none_or(|region| history.has_room_for_birthday(region));
    is_old_enough && has_room
}
