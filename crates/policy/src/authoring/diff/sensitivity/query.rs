//! A policy, asked where its limits matter.

use super::{
    super::{
        budget::WorkBudget,
        error::CompareError,
        formula::{Formula, Level},
        limits::{END_MS, FIRST_MS},
        partition::{Partition, Stretch},
        space::Conditions,
        witness::Witness,
    },
    atom::{Atom, TimeAxis, expression},
    chain::{Chain, Outcome},
    facts::Wanted,
    instants::Instants,
    ordered::OrderedSpace,
    point::Point,
    search::{Found, Search, Walk},
};
use crate::{request::PolicyName, set::Policy};

/// A policy over the space of its checks, with one axis of time as the first variable.
#[derive(Debug)]
pub(in crate::authoring) struct Sensitivity<'p, 'w> {
    name: &'p PolicyName,
    policy: &'p Policy,
    pub(super) walk: Walk<'p, 'w>,
    axis: TimeAxis,
    /// The level of that axis.
    pub(super) level: Level,
}

impl<'p, 'w> Sensitivity<'p, 'w> {
    /// The policy with this axis first; none if no rule reads it.
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
        }))
    }

    /// The checks on which the policy, or one rule, comes out otherwise on the two sides of a limit, all else equal. `accept` takes one
    /// or refuses it.
    pub(in crate::authoring) fn turning(
        &mut self,
        outcome: Outcome,
        [before, after]: [u16; 2],
        point: Point,
        instants: &Instants,
        accept: &mut dyn FnMut(Witness) -> bool,
    ) -> Search {
        let chain = self.chain(outcome, None);
        let sides =
            [before, after].map(|region| self.walk.fix(&chain.formulas, self.level, region));
        self.find(&chain, sides, after, point, instants, accept)
    }

    /// Whether it is proved that nothing comes out otherwise on the two sides of a limit, all else equal.
    pub(in crate::authoring) fn turns_nowhere(
        &mut self,
        outcome: Outcome,
        [before, after]: [u16; 2],
    ) -> bool {
        let chain = self.chain(outcome, None);
        let sides =
            [before, after].map(|region| self.walk.fix(&chain.formulas, self.level, region));
        let mut found = Found::new(self.level, after);
        let nowhere = self
            .walk
            .descend(&chain, sides, &mut found, &mut |_, _| true);
        nowhere.is_ok() && !self.walk.formulas.is_exhausted()
    }

    /// The checks in a region of the axis on which the policy decides otherwise if this requirement alone came out otherwise.
    pub(in crate::authoring) fn mattering(
        &mut self,
        atom: Atom,
        region: u16,
        point: Point,
        instants: &Instants,
        accept: &mut dyn FnMut(Witness) -> bool,
    ) -> Search {
        let chains = [true, false].map(|held| self.chain(Outcome::Decision, Some((atom, held))));
        let sides = chains
            .each_ref()
            .map(|chain| self.walk.fix(&chain.formulas, self.level, region));
        let [chain, _] = chains;
        self.find(&chain, sides, region, point, instants, accept)
    }

    /// The search for a difference of two sides, of which each fact that is found lies in `region`.
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

    /// The chain of this outcome; with `forced`, as if the requirement held, or did not.
    fn chain(&mut self, outcome: Outcome, forced: Option<(Atom, bool)>) -> Chain {
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

    /// Every way in which the schedules begin and end, over all years that are compared.
    pub(in crate::authoring) fn history(&self) -> Vec<Stretch> {
        match self.partition() {
            Some(Partition::Schedules(schedules)) => schedules.stretches(FIRST_MS, END_MS),
            _ => Vec::new(),
        }
    }

    /// The partition of the axis that comes first.
    pub(super) fn partition(&self) -> Option<&Partition<'p>> {
        let mut axes = self.walk.space.axes();
        axes.find(|(_, level, _)| *level == self.level)
            .map(|(.., partition)| partition)
    }
}
