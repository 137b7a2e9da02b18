//! The differences that an edit causes. A check is decided less strictly only if each rule that made the old decision has changed,
//! and more strictly only if each rule that makes the new decision has changed. So an edit causes those differences in which its
//! rule makes the stricter decision and the edited part changes whether the rule is met. Every difference is caused by at least one
//! edit.

use std::collections::BTreeSet;

use super::{
    axis::Axis,
    diagram::Interest,
    direction::Direction,
    edits::{Connective, Edit, Step},
    expression::Expression,
    formula::{Formula, Formulas},
    order::Order,
    space::Space,
};
use crate::{effect::Refusal, rule::Requirement};

impl<'p> Edit<'p> {
    /// The differences of this direction that the edit causes; `None` if it cannot cause any.
    pub(super) fn interest(
        &self,
        direction: Direction,
        space: &Space<'p>,
        order: &Order,
        formulas: &mut Formulas<'_>,
    ) -> Option<Interest> {
        let stricter = self.stricter(direction)?.into();
        let mut parts = Vec::new();
        if self.is_otherwise {
            // Both are unmet, with different effects.
            let [old, new] = self.refusals();
            if old == new || old.max(new) != Some(self.stricter(direction)?) {
                return None;
            }
            for requirement in [self.edited.old, self.edited.new].into_iter().flatten() {
                let holds = formula(requirement, space, order, formulas);
                parts.push(formulas.not(holds));
            }
        } else {
            if !self.may_change(direction) {
                return None;
            }
            let steps = self.within.iter().map(|(_, step)| *step);
            for step in steps.chain([self.edited]) {
                step.turns(direction, &mut parts, space, order, formulas);
            }
        }
        Some(Interest {
            direction,
            cause: formulas.all(parts),
            stricter: Some(stricter),
        })
    }

    /// The effect of the rule in the policy with the stricter decision; `None` if that policy does not have the rule.
    fn stricter(&self, direction: Direction) -> Option<Refusal> {
        let [old, new] = self.refusals();
        match direction {
            Direction::Loosening => old,
            Direction::Tightening => new,
        }
    }

    /// Whether the edited part can change the requirement around it in this direction. An addition, or a removal, can do so in one
    /// direction only.
    fn may_change(&self, direction: Direction) -> bool {
        let last = self.within.last().map(|(connective, _)| *connective);
        let connective = last.unwrap_or(Connective::AllOf);
        match (connective, direction) {
            (Connective::AllOf, Direction::Loosening)
            | (Connective::AnyOf, Direction::Tightening) => self.edited.old.is_some(),
            (Connective::AllOf, Direction::Tightening)
            | (Connective::AnyOf, Direction::Loosening) => self.edited.new.is_some(),
        }
    }

    /// The axes that the edit touches; then those that identify the alternative that it is in.
    pub(super) fn axes(&self, space: &Space<'p>) -> [BTreeSet<Axis>; 2] {
        let of = |requirements: &mut dyn Iterator<Item = &'p Requirement>| {
            let mut axes = BTreeSet::new();
            for requirement in requirements {
                axes.extend(space.axes_of(&Expression::of(requirement)));
            }
            axes
        };
        let touched = of(&mut [self.edited.old, self.edited.new].into_iter().flatten());
        let mut beside = of(&mut self.beside.iter().copied());
        beside.retain(|axis| !touched.contains(axis));
        [touched, beside]
    }
}

impl<'p> Step<'p> {
    /// Adds the condition that it does not hold on the stricter side and holds on the other.
    fn turns(
        self,
        direction: Direction,
        parts: &mut Vec<Formula>,
        space: &Space<'p>,
        order: &Order,
        formulas: &mut Formulas<'_>,
    ) {
        let (unmet, met) = match direction {
            Direction::Loosening => (self.old, self.new),
            Direction::Tightening => (self.new, self.old),
        };
        if let Some(unmet) = unmet {
            let holds = formula(unmet, space, order, formulas);
            parts.push(formulas.not(holds));
        }
        if let Some(met) = met {
            parts.push(formula(met, space, order, formulas));
        }
    }
}

fn formula(
    requirement: &Requirement,
    space: &Space<'_>,
    order: &Order,
    formulas: &mut Formulas<'_>,
) -> Formula {
    space.formula(&Expression::of(requirement), order, formulas)
}
