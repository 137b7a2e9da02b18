//! What an edit is the cause of. A check is decided less strictly only if each rule that made the old decision has changed, and
//! more strictly only if each rule that makes the new decision has. So the checks of which an edit is a cause are those in which its
//! rule makes the stricter decision, and the edited part is what turned the rule. Every difference has an edit that is its cause.

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
    /// The differences of this direction of which the edit is a cause; none if it can be the cause of none.
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
            // Both are unmet, and the effect is another one.
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

    /// The effect of the rule on the side of the stricter decision; none if there is no rule on that side.
    fn stricter(&self, direction: Direction) -> Option<Refusal> {
        let [old, new] = self.refusals();
        match direction {
            Direction::Loosening => old,
            Direction::Tightening => new,
        }
    }

    /// Whether the edited part can make what it is in turn in this direction. Something that only comes, or only leaves, can do
    /// so in one direction.
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

    /// The axes that the edit touches; then those that say which alternative it is in.
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
    /// Adds that it does not hold on the stricter side, and does on the other.
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
