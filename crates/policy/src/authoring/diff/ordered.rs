//! A space with one variable order for good.

use std::collections::BTreeSet;

use super::{
    axis::Axis,
    error::CompareError,
    expression::Expression,
    formula::{Formula, Formulas, Level},
    order::{Order, Uses},
    partition::Partition,
    space::{Conditions, Space},
};

/// A space, and the levels of its axes.
#[derive(Debug)]
pub(super) struct OrderedSpace<'p> {
    space: Space<'p>,
    order: Order,
}

impl<'p> OrderedSpace<'p> {
    /// The space of these conditions, with the axes of `first` first.
    pub(super) fn of(
        conditions: Conditions<'p>,
        first: BTreeSet<Axis>,
    ) -> Result<Self, CompareError> {
        let space = Space::of(conditions)?;
        let order = space.order(&[first], &Uses::default());
        Ok(Self { space, order })
    }

    /// How many regions the axis of each level has.
    pub(super) fn sizes(&self) -> Vec<u16> {
        self.order.sizes().to_vec()
    }

    /// The axes with their levels and partitions, in an order in which no fact depends on a later one.
    pub(super) fn axes(&self) -> impl Iterator<Item = (&Axis, Level, &Partition<'p>)> {
        let axes = self.space.axes();
        axes.filter_map(|(axis, partition)| Some((axis, self.order.level(axis)?, partition)))
    }

    /// An expression as a formula over the axes, as [`Space::formula`] makes it.
    pub(super) fn formula(
        &self,
        expression: &Expression<'_>,
        formulas: &mut Formulas<'_>,
    ) -> Formula {
        self.space.formula(expression, &self.order, formulas)
    }
}
