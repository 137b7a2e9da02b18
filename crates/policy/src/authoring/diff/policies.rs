//! Two policies compared: their edits, and the cells that they decide differently because of them, each with a confirmed
//! witness.

use std::{
    cell::OnceCell,
    collections::{BTreeMap, BTreeSet},
    ops::ControlFlow,
};

use super::{
    axis::Axis,
    budget::WorkBudget,
    cell::Cell,
    check::Check,
    cofactor::Cofactor,
    diagram::{Diagram, Interest, Kind},
    direction::{Direction, Directions},
    edits::{Edit, Edits},
    error::CompareError,
    expression::Expression,
    formula::Formulas,
    limits::{CELLS_MAX, PATHS_MAX},
    order::{Order, Uses},
    outage::outage,
    projection::Part,
    regions::Regions,
    report::{ChangedCell, Common, RuleEdit},
    space::{Conditions, Space},
    witness::Witness,
    words::EditWords,
};
use crate::{
    decide::Facts,
    effect::{Effect, Refusal},
    evidence::Finding,
    request::PolicyName,
    rule::Rule,
    set::Policy,
};

/// Two policies compared, with the space of their cells, in which any check can be located.
#[derive(Debug)]
pub(super) struct ComparedPolicies<'p> {
    policies: [&'p Policy; 2],
    pub(super) space: Space<'p>,
    pub(super) edits: Vec<RuleEdit>,
    pub(super) cells: Vec<(Extent, ChangedCell)>,
}

/// The checks of a cell.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// Every check while the evidence is unavailable.
    Outage,
    /// The checks that the rules judge and that lie in this cell.
    Judged(Cell),
}

const BOTH: [Direction; 2] = [Direction::Loosening, Direction::Tightening];

impl<'p> ComparedPolicies<'p> {
    /// Compares two policies. The witnesses ask about `name`.
    pub(super) fn of(name: &PolicyName, policies: [&'p Policy; 2]) -> Result<Self, CompareError> {
        let edits = Edits::of(policies);
        let walk = Walk::of(policies)?;
        let mut found = Vec::new();
        for (number, edit) in edits.edits.iter().enumerate() {
            for direction in BOTH {
                walk.cells(name, (number, edit), direction, &mut found)?;
            }
        }
        let mut compared = Self {
            edits: rule_edits(
                name,
                policies[0],
                &edits,
                &found,
                &mut WorkBudget::for_comparison(),
            ),
            policies,
            space: walk.space,
            cells: found,
        };
        compared.add_outage(name)?;
        compared.merge_cells();
        compared.confirm()?;
        Ok(compared)
    }

    /// The edits and the cells, with loosening cells first.
    pub(super) fn into_parts(self) -> (Vec<RuleEdit>, Vec<ChangedCell>) {
        let cells = self.cells.into_iter().map(|(_, changed)| changed);
        (self.edits, cells.collect())
    }

    fn add_outage(&mut self, name: &PolicyName) -> Result<(), CompareError> {
        if let Some((edit, cell)) = outage(name, self.policies, self.edits.len())? {
            self.edits.push(edit);
            self.cells.push((Extent::Outage, cell));
        }
        Ok(())
    }

    /// Merges cells with the same description and kind into one cell with several edits.
    fn merge_cells(&mut self) {
        let mut merged: Vec<(Extent, ChangedCell)> = Vec::new();
        for (extent, changed) in self.cells.drain(..) {
            let same = merged.iter_mut().find(|(known_extent, known)| {
                *known_extent == extent
                    && (known.old, known.new) == (changed.old, changed.new)
                    && known.touched == changed.touched
            });
            match same {
                Some((_, known)) => known.edits.extend(changed.edits),
                None => merged.push((extent, changed)),
            }
        }
        merged.sort_by_key(|(_, changed)| (!changed.loosens(), changed.old, changed.new));
        self.cells = merged;
    }

    /// The cells that this check lies in.
    #[cfg(any(test, feature = "testing"))]
    pub(super) fn cells_of(&self, check: &Facts<'_>) -> Vec<ChangedCell> {
        let cells = self.cells.iter();
        cells
            .filter(|(extent, _)| self.contains(extent, check))
            .map(|(_, changed)| changed.clone())
            .collect()
    }

    fn contains(&self, extent: &Extent, check: &Facts<'_>) -> bool {
        match extent {
            Extent::Outage => matches!(check.evidence.finding, Finding::Unknown),
            Extent::Judged(cell) => self.policies[0].judged(check).is_some_and(|given| {
                let now = check.now;
                self.space.contains(cell, &Check { given, now })
            }),
        }
    }

    /// Lets both policies decide every witness, and verifies that it lies in its cell.
    fn confirm(&self) -> Result<(), CompareError> {
        for (extent, changed) in &self.cells {
            let check = changed.witness.facts();
            let [old, new] = self.policies.map(|policy| policy.effect(&check));
            if (old, new) != (changed.old, changed.new) || !self.contains(extent, &check) {
                return Err(CompareError::WrongWitness(changed.when()));
            }
        }
        Ok(())
    }
}

/// The edits, each with the directions of its cells, and with the directions that it has as the only edit. They are unknown of an edit
/// without cells that this work budget does not suffice to try as the only one.
pub(super) fn rule_edits(
    name: &PolicyName,
    old: &Policy,
    edits: &Edits<'_>,
    cells: &[(Extent, ChangedCell)],
    budget: &mut WorkBudget,
) -> Vec<RuleEdit> {
    let numbered = edits.edits.iter().enumerate();
    let rule_edits = numbered.map(|(number, edit)| {
        let its = cells
            .iter()
            .filter(|(_, cell)| cell.edits.contains(&number));
        let its = its.map(|(_, cell)| cell.directions());
        let mut directions = its.fold(Directions::default(), Directions::or);
        let mut is_tried = true;
        if edits.edits.len() > 1 {
            let alone = Policy::new(None, edits.alone(number), old.evidence(), old.reuse_allow());
            for direction in BOTH {
                match policy_difference(name, [old, &alone], direction, budget) {
                    Ok(Some(_)) => directions = directions.or(direction.into()),
                    Ok(None) => {}
                    Err(_) => is_tried = false,
                }
            }
        }
        RuleEdit {
            words: EditWords::of(edit),
            directions: (is_tried || directions.is_some()).then_some(directions),
        }
    });
    rule_edits.collect()
}

/// A check that two policies decide differently, in this direction and within this work budget; `None` if there is no such check.
pub(in crate::authoring) fn policy_difference(
    name: &PolicyName,
    policies: [&Policy; 2],
    direction: Direction,
    budget: &mut WorkBudget,
) -> Result<Option<Witness>, CompareError> {
    let walk = Walk::of(policies)?;
    let order = walk.space.order(&[], &walk.uses);
    let mut formulas = walk.formulas(&order, budget);
    let diagram = walk.diagram(&order, Interest::all(direction), &mut formulas)?;
    for kind in diagram.kinds() {
        let part = Part::of(&diagram, &order, kind, &Cell::default());
        let found = walk.witness(name, &part)?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// A rule as an expression, with its effect if it does not hold.
type Expressed<'p> = (Refusal, Expression<'p>);

/// Two policies in one space.
struct Walk<'p> {
    rules: [Vec<Expressed<'p>>; 2],
    space: Space<'p>,
    uses: Uses,
    size: usize,
    /// See [`Walk::ordinary`]: for each policy, one each for ALLOW, STEP_UP and DENY.
    ordinary: [[OnceCell<Cell>; 3]; 2],
}

static NO_CELL: Cell = Cell {
    regions: BTreeMap::new(),
};

impl<'p> Walk<'p> {
    fn of(policies: [&'p Policy; 2]) -> Result<Self, CompareError> {
        let rules = policies.map(expressions);
        let all = || rules.iter().flatten().map(|(_, expression)| expression);
        let conditions = Conditions::of(all());
        let size = conditions.size();
        let space = Space::of(conditions)?;
        let uses = space.uses(all());
        Ok(Self {
            rules,
            space,
            uses,
            size,
            ordinary: Default::default(),
        })
    }

    fn formulas<'w>(&self, order: &Order, budget: &'w mut WorkBudget) -> Formulas<'w> {
        budget.spend(self.size);
        Formulas::new(order.sizes().to_vec(), budget)
    }

    fn diagram(
        &self,
        order: &Order,
        interest: Interest,
        formulas: &mut Formulas<'_>,
    ) -> Result<Diagram, CompareError> {
        let [old, new] = &self.rules;
        let cofactors = [old, new].map(|rules| cofactor(rules, &self.space, order, formulas));
        if formulas.is_exhausted() {
            // The work budget is exhausted, so the formulas are incomplete.
            return Err(CompareError::TooLarge);
        }
        Diagram::of(cofactors, interest, formulas)
    }

    /// Adds the cells of this direction that an edit causes.
    fn cells(
        &self,
        name: &PolicyName,
        (number, edit): (usize, &Edit<'p>),
        direction: Direction,
        cells: &mut Vec<(Extent, ChangedCell)>,
    ) -> Result<(), CompareError> {
        let axes = edit.axes(&self.space);
        let order = self.space.order(&axes, &self.uses);
        let levels = axes.iter().map(BTreeSet::len).sum::<usize>();
        let levels = u16::try_from(levels).unwrap_or(u16::MAX);
        let mut budget = WorkBudget::for_comparison();
        let mut formulas = self.formulas(&order, &mut budget);
        let Some(interest) = edit.interest(direction, &self.space, &order, &mut formulas) else {
            return Ok(());
        };
        let diagram = self.diagram(&order, interest, &mut formulas)?;
        for kind in diagram.kinds() {
            // Fewer axes give fewer cells; without axes there is one.
            let boxes = (0..=levels)
                .rev()
                .find_map(|levels| diagram.project(kind, levels, &order, CELLS_MAX));
            for cell in boxes.unwrap_or_default() {
                cells.extend(self.changed(name, number, kind, &cell, &diagram, &order)?);
            }
        }
        Ok(())
    }

    /// The checks of this kind in this cell; `None` if there are none.
    fn changed(
        &self,
        name: &PolicyName,
        number: usize,
        kind: Kind,
        cell: &Cell,
        diagram: &Diagram,
        order: &Order,
    ) -> Result<Option<(Extent, ChangedCell)>, CompareError> {
        let part = Part::of(diagram, order, kind, cell);
        let Some(witness) = self.witness(name, &part)? else {
            return Ok(None);
        };
        let hull = part.hull();
        let [lax, strict] = self.ordinary(kind);
        let is_ordinary = |axis: &Axis, regions: &Regions, touched: bool| {
            let lax = lax.regions.get(axis);
            match (lax, strict.regions.get(axis).filter(|_| !touched)) {
                (Some(lax), Some(strict)) => lax.and(strict).and(regions) == lax.and(strict),
                (Some(one), None) | (None, Some(one)) => one.and(regions) == *one,
                (None, None) => false,
            }
        };
        let describe = |touched: bool| {
            let regions = hull.regions.iter();
            let regions = regions.filter(|(axis, _)| cell.regions.contains_key(axis) == touched);
            regions
                .map(|(axis, regions)| Common {
                    words: self.space.describe(axis, regions),
                    is_ordinary: is_ordinary(axis, regions, touched),
                })
                .collect()
        };
        let changed = ChangedCell {
            old: kind.old,
            new: kind.new,
            edits: [number].into(),
            touched: describe(true),
            besides: describe(false),
            is_whole: Part::of(diagram, order, kind, &hull).is_whole(),
            witness,
        };
        Ok(Some((Extent::Judged(hull), changed)))
    }

    /// The hulls of two sets of checks: those for which the less strict policy decides as this kind says, and those for which the
    /// stricter one does.
    fn ordinary(&self, Kind { old, new }: Kind) -> [&Cell; 2] {
        let hull = |side: usize, effect: Effect| {
            let place = match effect {
                Effect::Allow => 0,
                Effect::StepUp => 1,
                Effect::Deny => 2,
            };
            let cell = self.ordinary.get(side).and_then(|cells| cells.get(place));
            match (cell, self.rules.get(side)) {
                (Some(cell), Some(rules)) => cell.get_or_init(|| self.hull_of(rules, effect)),
                _ => &NO_CELL,
            }
        };
        if new < old {
            [hull(1, new), hull(0, old)]
        } else {
            [hull(0, old), hull(1, new)]
        }
    }

    /// The smallest cell with all checks for which these rules make this decision; the whole space if the work budget is exceeded.
    fn hull_of(&self, rules: &[Expressed<'p>], effect: Effect) -> Cell {
        if effect == Effect::Deny {
            // Checks are denied for many reasons, so they have little in common.
            return Cell::default();
        }
        let order = self.space.order(&[], &self.uses);
        let mut budget = WorkBudget::for_comparison();
        let mut formulas = self.formulas(&order, &mut budget);
        let decided = cofactor(rules, &self.space, &order, &mut formulas);
        let interest = Interest::all(Direction::Loosening);
        let diagram = match Diagram::of([Cofactor::DENY, decided], interest, &mut formulas) {
            Ok(diagram) if !formulas.is_exhausted() => diagram,
            Ok(_) | Err(_) => return Cell::default(),
        };
        let kind = Kind {
            old: Effect::Deny,
            new: effect,
        };
        Part::of(&diagram, &order, kind, &Cell::default()).hull()
    }

    /// One of these checks; `None` if there is none, because no verification is that old.
    fn witness(&self, name: &PolicyName, part: &Part<'_>) -> Result<Option<Witness>, CompareError> {
        let mut result = Ok(None);
        let mut paths: usize = 0;
        let _ = part.paths(&mut |path| {
            paths = paths.saturating_add(1);
            match Witness::of(path, &self.space, name) {
                Ok(Some(witness)) => {
                    result = Ok(Some(witness));
                    return ControlFlow::Break(());
                }
                Ok(None) => {}
                Err(error) => result = Err(error),
            }
            if paths < PATHS_MAX {
                return ControlFlow::Continue(());
            }
            // The paths that were tried have no check, and the others are unknown.
            result = Err(CompareError::TooLarge);
            ControlFlow::Break(())
        });
        result
    }
}

/// The rules of a policy as expressions.
fn expressions(policy: &Policy) -> Vec<Expressed<'_>> {
    let rules = policy.rules().iter();
    rules
        .map(|rule: &Rule| (rule.otherwise(), Expression::of(rule.requirement())))
        .collect()
}

/// A policy with no axis fixed.
fn cofactor(
    rules: &[Expressed<'_>],
    space: &Space<'_>,
    order: &Order,
    formulas: &mut Formulas<'_>,
) -> Cofactor {
    let mut all_of = |refusal| {
        let rules = rules.iter().filter(|(otherwise, _)| *otherwise == refusal);
        let parts: Vec<_> = rules
            .map(|(_, expression)| space.formula(expression, order, formulas))
            .collect();
        formulas.all(parts)
    };
    let (deny, step_up) = (all_of(Refusal::Deny), all_of(Refusal::StepUp));
    Cofactor::new(deny, step_up, formulas)
}
