//! The space of checks that two policies span: their axes in the variable order of the diagram, each cut into regions.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    axis::Axis,
    cell::Cell,
    check::Check,
    error::CompareError,
    expression::{Condition, Expression},
    formula::{Formula, Formulas, Level},
    limits::{AXES_MAX, END_MS, FIRST_MS, REGIONS_MAX},
    partition::{Groups, Partition},
    regions::Regions,
};

/// The conditions of two policies by their axes.
#[derive(Debug, Default)]
pub(super) struct Conditions<'p> {
    by_axis: BTreeMap<Axis, Vec<Condition<'p>>>,
    methods: Vec<&'p BTreeSet<Box<str>>>,
}

impl<'p> Conditions<'p> {
    /// The conditions of these expressions.
    pub(super) fn of<'e>(expressions: impl IntoIterator<Item = &'e Expression<'p>>) -> Self
    where
        'p: 'e,
    {
        let (mut by_axis, mut methods) = (BTreeMap::<Axis, Vec<_>>::new(), Vec::new());
        for expression in expressions {
            expression.visit(
                &mut |axis, condition| by_axis.entry(axis.clone()).or_default().push(condition),
                &mut |list| methods.push(list),
            );
        }
        Self { by_axis, methods }
    }

    /// How much there is to be compared, in steps of the work budget.
    pub(super) fn size(&self) -> usize {
        let lists = self.by_axis.values().flatten();
        let lists = lists.filter_map(|condition| condition.list());
        let lists = lists.chain(self.methods.iter().copied());
        let texts: usize = lists.map(BTreeSet::len).sum();
        texts.saturating_add(self.by_axis.len())
    }

    /// The axes that they are about, without those of methods.
    pub(super) fn into_axes(self) -> BTreeSet<Axis> {
        self.by_axis.into_keys().collect()
    }
}

/// The axes of two policies in the variable order of the diagram. The level of an axis is its place in that order.
#[derive(Debug)]
pub(super) struct Space<'p> {
    variables: Vec<Variable<'p>>,
    /// The level of each axis. Iterates in the order of [`Axis`], in which no fact depends on a later one.
    levels: BTreeMap<Axis, Level>,
    /// The groups of methods that the policies distinguish; each has an axis of its own, [`Axis::Amr`].
    methods: Groups<'p>,
}

#[derive(Debug)]
struct Variable<'p> {
    partition: Partition<'p>,
    size: u16,
}

impl<'p> Space<'p> {
    /// The space of these conditions. The axes of `first`, in which the policies differ, come first, so that a cell begins with
    /// what makes the difference.
    pub(super) fn of(
        conditions: Conditions<'p>,
        mut first: BTreeSet<Axis>,
    ) -> Result<Self, CompareError> {
        let methods = Groups::of(&conditions.methods);
        let method_axes: BTreeSet<Axis> = (0..methods.len()).map(Axis::Amr).collect();
        if first.contains(&Axis::AuthTime) {
            first.extend(method_axes.iter().cloned());
        }
        let by_axis = conditions.by_axis;
        let mut order: Vec<Axis> = by_axis.keys().cloned().chain(method_axes).collect();
        if order.len() > AXES_MAX {
            return Err(CompareError::TooLarge);
        }
        order.sort_by_key(|axis| (!first.contains(axis), axis.clone()));
        let variables = order.iter().map(|axis| {
            let conditions = by_axis.get(axis).map_or(&[][..], Vec::as_slice);
            let partition = Partition::of(axis, conditions, &methods);
            match u16::try_from(partition.len()) {
                Ok(size) if usize::from(size) <= REGIONS_MAX => Ok(Variable { partition, size }),
                _ => Err(CompareError::TooLarge),
            }
        });
        Ok(Self {
            variables: variables.collect::<Result<_, _>>()?,
            levels: order.into_iter().zip(0..).collect(),
            methods,
        })
    }

    /// How many regions the axis of each level has.
    pub(super) fn sizes(&self) -> Vec<u16> {
        self.variables
            .iter()
            .map(|variable| variable.size)
            .collect()
    }

    /// The axes with their levels and partitions, in an order in which no fact depends on a later one.
    pub(super) fn axes(&self) -> impl Iterator<Item = (&Axis, Level, &Partition<'p>)> {
        let levels = self.levels.iter();
        levels.filter_map(|(axis, level)| Some((axis, *level, &self.variable(*level)?.partition)))
    }

    fn variable(&self, level: Level) -> Option<&Variable<'p>> {
        self.variables.get(usize::from(level))
    }

    /// An expression as a formula over the axes. Its conditions are among those that the space was made of. Meaningless once
    /// the work budget is exhausted.
    pub(super) fn formula(
        &self,
        expression: &Expression<'_>,
        formulas: &mut Formulas<'_>,
    ) -> Formula {
        if formulas.is_exhausted() {
            return Formula::FALSE;
        }
        match expression {
            Expression::On(axis, condition) => self.condition(axis, *condition, formulas),
            Expression::AnyMethod(list) => {
                let groups = self.methods.inside(list);
                let parts: Vec<Formula> = groups
                    .map(|group| self.condition(&Axis::Amr(group), Condition::Known, formulas))
                    .collect();
                formulas.any(parts)
            }
            Expression::All(parts) => {
                let parts: Vec<Formula> = self.formula_of_each(parts, formulas);
                formulas.all(parts)
            }
            Expression::Any(parts) => {
                let parts: Vec<Formula> = self.formula_of_each(parts, formulas);
                formulas.any(parts)
            }
        }
    }

    fn formula_of_each(
        &self,
        parts: &[Expression<'_>],
        formulas: &mut Formulas<'_>,
    ) -> Vec<Formula> {
        let parts = parts.iter();
        parts.map(|part| self.formula(part, formulas)).collect()
    }

    fn condition(
        &self,
        axis: &Axis,
        condition: Condition<'_>,
        formulas: &mut Formulas<'_>,
    ) -> Formula {
        let level = self.levels.get(axis).copied();
        let Some((level, variable)) = level.and_then(|l| Some((l, self.variable(l)?))) else {
            return Formula::FALSE;
        };
        formulas.spend(variable.size.into());
        let meeting = variable.partition.meeting(condition);
        formulas.inside(level, Regions::of(variable.size, meeting))
    }

    /// The axes with the regions that a cell has on each, in an order in which no fact depends on a later one.
    pub(super) fn extents<'s>(
        &'s self,
        cell: &'s Cell,
    ) -> impl Iterator<Item = (&'s Partition<'p>, Regions)> {
        self.levels.values().filter_map(|level| {
            let variable = self.variable(*level)?;
            let all = || Regions::all(variable.size);
            let regions = cell.regions.get(level).cloned().unwrap_or_else(all);
            Some((&variable.partition, regions))
        })
    }

    /// Whether a check lies in this cell. One at an instant that is not compared lies in none.
    pub(super) fn contains(&self, cell: &Cell, check: &Check<'_>) -> bool {
        let compared = FIRST_MS..END_MS;
        compared.contains(&check.now.as_millisecond())
            && cell.regions.iter().all(|(level, regions)| {
                let variable = self.variable(*level);
                let region = variable.and_then(|variable| variable.partition.region_of(check));
                region.is_some_and(|region| regions.contains(region))
            })
    }

    /// What the checks of a cell have in common, in words.
    pub(super) fn describe(&self, cell: &Cell) -> String {
        let parts = cell.regions.iter().filter_map(|(level, regions)| {
            let variable = self.variable(*level)?;
            Some(variable.partition.describe(regions))
        });
        let parts: Vec<String> = parts.collect();
        if parts.is_empty() {
            return "every verification".to_owned();
        }
        parts.join(", ")
    }
}
