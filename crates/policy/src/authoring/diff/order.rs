//! The variable order of a diagram. An edit's axes come first, so that the projection on them is a prefix of every path. The
//! others follow by how often the policies read them: a diagram stays small if the axes that many rules share are fixed early,
//! and if the axes that only one rule reads are next to each other.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use super::{axis::Axis, expression::Expression, formula::Level};

/// How the policies read each axis: how often, and by which rule first.
#[derive(Debug, Default)]
pub(super) struct Uses(BTreeMap<Axis, (usize, usize)>);

impl Uses {
    /// Adds the uses of the rule with this index, which reads these axes.
    pub(super) fn add(&mut self, number: usize, rule: &Expression<'_>, axes: BTreeSet<Axis>) {
        for axis in axes {
            self.0.entry(axis).or_insert((0, number));
        }
        let mut count = |axis: &Axis| {
            if let Some((count, _)) = self.0.get_mut(axis) {
                *count = count.saturating_add(1);
            }
        };
        rule.visit(&mut |axis, _| count(axis), &mut |_| {});
    }

    /// The sort key of an axis. An axis that has a meaning only together with another has the same key, and comes after it.
    fn key(&self, axis: &Axis) -> (Reverse<usize>, usize) {
        let leading = match axis {
            Axis::IdentityMatch => &Axis::Identity,
            Axis::Amr(_) | Axis::Acr => &Axis::AuthTime,
            Axis::Status
            | Axis::VerifiedAt
            | Axis::Scope(_)
            | Axis::DateOfBirth
            | Axis::Phone
            | Axis::Identity
            | Axis::Project
            | Axis::Attribute(_)
            | Axis::AuthTime
            | Axis::Now => axis,
        };
        let (count, first) = self.0.get(leading).copied().unwrap_or((0, usize::MAX));
        (Reverse(count), first)
    }
}

/// The axes of a space in a variable order. The level of an axis is its place in it.
#[derive(Debug)]
pub(super) struct Order {
    axes: Vec<Axis>,
    levels: BTreeMap<Axis, Level>,
    sizes: Vec<u16>,
}

impl Order {
    /// The order of these axes, each with its number of regions, in which those of `groups` come first, group by group.
    pub(super) fn of<'a>(
        axes: impl Iterator<Item = (&'a Axis, u16)>,
        groups: &[BTreeSet<Axis>],
        uses: &Uses,
    ) -> Self {
        let group_of = |axis: &Axis| {
            let place = groups.iter().position(|group| group.contains(axis));
            place.unwrap_or(groups.len())
        };
        let mut axes: Vec<(Axis, u16)> = axes.map(|(axis, size)| (axis.clone(), size)).collect();
        axes.sort_by_cached_key(|(axis, _)| {
            let group = group_of(axis);
            let uses = (group == groups.len()).then(|| uses.key(axis));
            (group, uses, axis.clone())
        });
        let (axes, sizes): (Vec<Axis>, Vec<u16>) = axes.into_iter().unzip();
        Self {
            levels: axes.iter().cloned().zip(0..).collect(),
            axes,
            sizes,
        }
    }

    /// The level of an axis.
    pub(super) fn level(&self, axis: &Axis) -> Option<Level> {
        self.levels.get(axis).copied()
    }

    /// The axis of a level.
    pub(super) fn axis(&self, level: Level) -> Option<&Axis> {
        self.axes.get(usize::from(level))
    }

    /// How many axes there are.
    pub(super) fn len(&self) -> Level {
        Level::try_from(self.axes.len()).unwrap_or(Level::MAX)
    }

    /// How many regions the axis of each level has.
    pub(super) fn sizes(&self) -> &[u16] {
        &self.sizes
    }
}
