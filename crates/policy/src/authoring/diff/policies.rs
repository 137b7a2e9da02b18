//! Two policies of one name compared: their cells with a confirmed witness each, and their settings.

use std::collections::BTreeSet;

use super::{
    axis::Axis,
    budget::WorkBudget,
    cell::Cell,
    check::Check,
    cofactor::Cofactor,
    diagram::{Cells, differing_cells},
    direction::Direction,
    error::CompareError,
    expression::Expression,
    formula::Formulas,
    limits::CELLS_REPORTED_MAX,
    report::ChangedCell,
    space::{Conditions, Space},
    witness::Witness,
};
use crate::{
    decide::Facts, effect::Refusal, evidence::Finding, request::PolicyName, rule::Rule,
    set::Policy, text::Whole,
};

/// Two policies compared, with the space of their cells, in which any check can be located.
#[derive(Debug)]
pub(super) struct ComparedPolicies<'p> {
    old: &'p Policy,
    space: Space<'p>,
    cells: Vec<(Extent, ChangedCell)>,
    /// Whether there are more cells of the direction than these.
    pub(super) truncated: bool,
}

/// The checks of a cell.
#[derive(Debug)]
enum Extent {
    /// Every check while the evidence is unavailable.
    Outage,
    /// The checks that the rules judge and that lie in this cell.
    Judged(Cell),
}

impl<'p> ComparedPolicies<'p> {
    /// Compares two policies of this name.
    pub(super) fn of(
        name: &PolicyName,
        [old, new]: [&'p Policy; 2],
        direction: Direction,
    ) -> Result<Self, CompareError> {
        let mut cells = Vec::new();
        let [in_old, in_new] = [old, new].map(|policy| policy.evidence().unavailable.into());
        if direction.includes(in_old, in_new) {
            let changed = ChangedCell {
                old: in_old,
                new: in_new,
                when: "nothing is known of the verification".to_owned(),
                witness: Witness::of_outage(name)?,
            };
            cells.push((Extent::Outage, changed));
        }
        let mut budget = WorkBudget::for_comparison();
        let (space, found) = find_cells([old, new], direction, &mut budget)?;
        if found.truncated && direction == Direction::Both {
            return Err(CompareError::TooManyCells);
        }
        for cell in found.cells {
            if found.truncated && cells.len() >= CELLS_REPORTED_MAX {
                break;
            }
            if let Some(witness) = Witness::of(&cell, &space, name)? {
                let changed = ChangedCell {
                    old: cell.old,
                    new: cell.new,
                    when: space.describe(&cell),
                    witness,
                };
                cells.push((Extent::Judged(cell), changed));
            }
        }
        if found.truncated && cells.is_empty() {
            // Those that were enumerated are empty, and nothing is known of the others.
            return Err(CompareError::TooManyCells);
        }
        cells.sort_by_key(|(_, changed)| (!changed.loosens(), changed.old, changed.new));
        let compared = Self {
            old,
            space,
            cells,
            truncated: found.truncated,
        };
        compared.confirm(new)?;
        Ok(compared)
    }

    /// The cells, those that loosen first.
    pub(super) fn into_cells(self) -> Vec<ChangedCell> {
        self.cells.into_iter().map(|(_, changed)| changed).collect()
    }

    /// The cells that this check lies in: one where the two policies decide it differently, else none.
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
            Extent::Judged(cell) => self.old.judged(check).is_some_and(|given| {
                let now = check.now;
                self.space.contains(cell, &Check { given, now })
            }),
        }
    }

    /// Lets both policies decide every witness, and verifies that it lies in its cell.
    fn confirm(&self, new: &Policy) -> Result<(), CompareError> {
        for (extent, changed) in &self.cells {
            let check = changed.witness.facts();
            let decided = (self.old.effect(&check), new.effect(&check));
            if decided != (changed.old, changed.new) || !self.contains(extent, &check) {
                return Err(CompareError::WrongWitness(changed.when.clone()));
            }
        }
        Ok(())
    }
}

/// Whether two policies judge some verification differently, in this direction and within this work budget.
pub(in crate::authoring) fn policy_differs(
    name: &PolicyName,
    policies: [&Policy; 2],
    direction: Direction,
    budget: &mut WorkBudget,
) -> Result<bool, CompareError> {
    let (space, found) = find_cells(policies, direction, budget)?;
    for cell in &found.cells {
        if Witness::of(cell, &space, name)?.is_some() {
            return Ok(true);
        }
    }
    if found.truncated {
        return Err(CompareError::TooManyCells);
    }
    Ok(false)
}

/// The cells in which two policies differ in this direction, and the space of these cells. Some of the cells may be empty.
fn find_cells<'p>(
    policies: [&'p Policy; 2],
    direction: Direction,
    budget: &mut WorkBudget,
) -> Result<(Space<'p>, Cells), CompareError> {
    let rules = policies.map(expressions);
    let [old, new] = &rules;
    let conditions = Conditions::of(old.iter().chain(new).map(|(_, expression)| expression));
    budget.spend(conditions.size());
    let space = Space::of(conditions, differing_axes(policies))?;
    let mut formulas = Formulas::new(space.sizes(), budget);
    let cofactors = [old, new].map(|rules| cofactor(rules, &space, &mut formulas));
    if formulas.is_exhausted() {
        // The formulas are incomplete.
        return Err(CompareError::TooLarge);
    }
    let cells = differing_cells(cofactors, direction, &mut formulas)?;
    Ok((space, cells))
}

/// The rules of a policy as expressions, each with what happens where it does not hold.
fn expressions(policy: &Policy) -> Vec<(Refusal, Expression<'_>)> {
    let rules = policy.rules().iter();
    rules
        .map(|rule| (rule.otherwise(), Expression::of(rule.requirement())))
        .collect()
}

/// A policy with no axis fixed.
fn cofactor(
    rules: &[(Refusal, Expression<'_>)],
    space: &Space<'_>,
    formulas: &mut Formulas<'_>,
) -> Cofactor {
    let mut all_of = |refusal| {
        let rules = rules.iter().filter(|(otherwise, _)| *otherwise == refusal);
        let parts: Vec<_> = rules
            .map(|(_, expression)| space.formula(expression, formulas))
            .collect();
        formulas.all(parts)
    };
    let (deny, step_up) = (all_of(Refusal::Deny), all_of(Refusal::StepUp));
    Cofactor::new(deny, step_up, formulas)
}

/// The axes of the rules that only one of the two policies has.
fn differing_axes([old, new]: [&Policy; 2]) -> BTreeSet<Axis> {
    let key = |rule: &Rule| (Whole(rule.requirement()).to_string(), rule.otherwise());
    let keys = |policy: &Policy| -> BTreeSet<(String, Refusal)> {
        policy.rules().iter().map(key).collect()
    };
    let (in_old, in_new) = (keys(old), keys(new));
    let only_old = old
        .rules()
        .iter()
        .filter(|rule| !in_new.contains(&key(rule)));
    let only_new = new
        .rules()
        .iter()
        .filter(|rule| !in_old.contains(&key(rule)));
    let rules = only_old.chain(only_new);
    let expressions: Vec<_> = rules
        .map(|rule| Expression::of(rule.requirement()))
        .collect();
    Conditions::of(&expressions).into_axes()
}
