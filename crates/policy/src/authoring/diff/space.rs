//! The space of checks that policies span: their axes, each cut into regions.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    axis::Axis,
    cell::Cell,
    check::Check,
    error::CompareError,
    expression::{Condition, Expression},
    formula::{Formula, Formulas},
    limits::{AXES_MAX, END_MS, FIRST_MS, REGIONS_MAX},
    order::{Order, Uses},
    partition::{Groups, Partition},
    regions::Regions,
};

/// The conditions of policies by their axes.
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
}

/// The space of checks that some policies span.
#[derive(Debug)]
pub(super) struct Space<'p> {
    /// Iterates in the order of [`Axis`], in which no fact depends on a later one.
    variables: BTreeMap<Axis, Variable<'p>>,
    /// The groups of methods that the policies distinguish; each has an axis of its own, [`Axis::Amr`].
    methods: Groups<'p>,
}

#[derive(Debug)]
struct Variable<'p> {
    partition: Partition<'p>,
    size: u16,
}

impl<'p> Space<'p> {
    /// The space of these conditions.
    pub(super) fn of(conditions: Conditions<'p>) -> Result<Self, CompareError> {
        let methods = Groups::of(&conditions.methods);
        let by_axis = conditions.by_axis;
        let method_axes = (0..methods.len()).map(Axis::Amr);
        let axes: BTreeSet<Axis> = by_axis.keys().cloned().chain(method_axes).collect();
        if axes.len() > AXES_MAX {
            return Err(CompareError::TooLarge);
        }
        let variables = axes.into_iter().map(|axis| {
            let conditions = by_axis.get(&axis).map_or(&[][..], Vec::as_slice);
            let partition = Partition::of(&axis, conditions, &methods);
            match u16::try_from(partition.len()) {
                Ok(size) if usize::from(size) <= REGIONS_MAX => {
                    Ok((axis, Variable { partition, size }))
                }
                _ => Err(CompareError::TooLarge),
            }
        });
        Ok(Self {
            variables: variables.collect::<Result<_, _>>()?,
            methods,
        })
    }

    /// How these rules read the axes.
    pub(super) fn uses<'e>(&self, rules: impl Iterator<Item = &'e Expression<'p>>) -> Uses
    where
        'p: 'e,
    {
        let mut uses = Uses::default();
        for (number, rule) in rules.enumerate() {
            uses.add(number, rule, self.axes_of(rule));
        }
        uses
    }

    /// The axes with their partitions, ordered so that no fact depends on a later one.
    pub(super) fn axes(&self) -> impl Iterator<Item = (&Axis, &Partition<'p>)> {
        let variables = self.variables.iter();
        variables.map(|(axis, variable)| (axis, &variable.partition))
    }

    /// The variable order in which the axes of `groups` come first.
    pub(super) fn order(&self, groups: &[BTreeSet<Axis>], uses: &Uses) -> Order {
        let axes = self.variables.iter();
        Order::of(
            axes.map(|(axis, variable)| (axis, variable.size)),
            groups,
            uses,
        )
    }

    /// The axes that an expression reads.
    pub(super) fn axes_of(&self, expression: &Expression<'_>) -> BTreeSet<Axis> {
        let (mut axes, mut groups) = (BTreeSet::new(), BTreeSet::new());
        expression.visit(
            &mut |axis, _| {
                axes.insert(axis.clone());
            },
            &mut |list| groups.extend(self.methods.inside(list)),
        );
        axes.extend(groups.into_iter().map(Axis::Amr));
        axes
    }

    /// An expression as a formula over the axes in this order. Its conditions are among those that the space was made of.
    /// Meaningless once the work budget is exhausted.
    pub(super) fn formula(
        &self,
        expression: &Expression<'_>,
        order: &Order,
        formulas: &mut Formulas<'_>,
    ) -> Formula {
        if formulas.is_exhausted() {
            return Formula::FALSE;
        }
        match expression {
            Expression::On(axis, condition) => self.condition(axis, *condition, order, formulas),
            Expression::AnyMethod(list) => {
                let groups = self.methods.inside(list).map(Axis::Amr);
                let parts: Vec<Formula> = groups
                    .map(|axis| self.condition(&axis, Condition::Known, order, formulas))
                    .collect();
                formulas.any(parts)
            }
            Expression::All(parts) => {
                let parts = parts.iter();
                let parts: Vec<Formula> = parts
                    .map(|part| self.formula(part, order, formulas))
                    .collect();
                formulas.all(parts)
            }
            Expression::Any(parts) => {
                let parts = parts.iter();
                let parts: Vec<Formula> = parts
                    .map(|part| self.formula(part, order, formulas))
                    .collect();
                formulas.any(parts)
            }
        }
    }

    fn condition(
        &self,
        axis: &Axis,
        condition: Condition<'_>,
        order: &Order,
        formulas: &mut Formulas<'_>,
    ) -> Formula {
        let (Some(level), Some(variable)) = (order.level(axis), self.variables.get(axis)) else {
            return Formula::FALSE;
        };
        formulas.spend(variable.size.into());
        let meeting = variable.partition.meeting(condition);
        formulas.inside(level, Regions::of(variable.size, meeting))
    }

    /// These regions of an axis; `None` if no policy reads it.
    pub(super) fn regions(
        &self,
        axis: &Axis,
        regions: impl IntoIterator<Item = u16>,
    ) -> Option<Regions> {
        let variable = self.variables.get(axis)?;
        Some(Regions::of(variable.size, regions))
    }

    /// Where on its axis a condition is met that is one of those that the space was made of.
    pub(super) fn where_met(
        &self,
        axis: &Axis,
        condition: Condition<'_>,
    ) -> Option<(Axis, Regions)> {
        let meeting = self.variables.get(axis)?.partition.meeting(condition);
        Some((axis.clone(), self.regions(axis, meeting)?))
    }

    /// The other regions of an axis.
    pub(super) fn others(&self, axis: Axis, regions: &Regions) -> Option<(Axis, Regions)> {
        let others = regions.complement(self.variables.get(&axis)?.size);
        Some((axis, others))
    }

    /// The axes with the regions that a cell has on each, in an order in which no fact depends on a later one.
    pub(super) fn extents<'s>(
        &'s self,
        cell: &'s Cell,
    ) -> impl Iterator<Item = (&'s Partition<'p>, Regions)> {
        self.variables.iter().map(|(axis, variable)| {
            let all = || Regions::all(variable.size);
            let regions = cell.regions.get(axis).cloned().unwrap_or_else(all);
            (&variable.partition, regions)
        })
    }

    /// Whether a check lies in this cell. One at an instant that is not compared lies in none.
    pub(super) fn contains(&self, cell: &Cell, check: &Check<'_>) -> bool {
        let compared = FIRST_MS..END_MS;
        compared.contains(&check.now.as_millisecond())
            && cell.regions.iter().all(|(axis, regions)| {
                let variable = self.variables.get(axis);
                let region = variable.and_then(|variable| variable.partition.region_of(check));
                region.is_some_and(|region| regions.contains(region))
            })
    }

    /// What values in these regions of an axis have in common, in words.
    pub(super) fn describe(&self, axis: &Axis, regions: &Regions) -> String {
        let variable = self.variables.get(axis);
        variable.map_or_else(String::new, |variable| variable.partition.describe(regions))
    }
}
