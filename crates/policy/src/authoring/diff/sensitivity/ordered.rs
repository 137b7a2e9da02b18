//! A space with a variable order in which one axis comes first.

use super::super::{
    axis::Axis,
    error::CompareError,
    expression::Expression,
    formula::{Formula, Formulas, Level},
    order::Order,
    partition::{Partition, Schedules},
    space::{Conditions, Space},
};

/// The space of some expressions, and a variable order.
#[derive(Debug)]
pub(in crate::authoring) struct OrderedSpace<'p> {
    space: Space<'p>,
    order: Order,
}

impl<'p> OrderedSpace<'p> {
    /// The space of these conditions, which are the conditions of the expressions, with this axis first.
    pub(super) fn of(
        conditions: Conditions<'p>,
        expressions: &[Expression<'p>],
        first: Axis,
    ) -> Result<Self, CompareError> {
        let space = Space::of(conditions)?;
        let uses = space.uses(expressions.iter());
        let order = space.order(&[[first].into()], &uses);
        Ok(Self { space, order })
    }

    /// The axes with their levels and partitions, ordered so that no fact depends on a later one.
    pub(super) fn axes(&self) -> impl Iterator<Item = (&Axis, Level, &Partition<'p>)> {
        let axes = self.space.axes();
        axes.filter_map(|(axis, partition)| Some((axis, self.order.level(axis)?, partition)))
    }

    /// The partition of the instants of checks, if a schedule is read.
    pub(super) fn schedules(&self) -> Option<&Schedules<'p>> {
        self.space
            .axes()
            .find_map(|(_, partition)| match partition {
                Partition::Schedules(schedules) => Some(schedules),
                _ => None,
            })
    }

    /// How many regions the axis of each level has.
    pub(super) fn sizes(&self) -> Vec<u16> {
        self.order.sizes().to_vec()
    }

    /// See [`Space::formula`].
    pub(super) fn formula(
        &self,
        expression: &Expression<'_>,
        formulas: &mut Formulas<'_>,
    ) -> Formula {
        self.space.formula(expression, &self.order, formulas)
    }
}
