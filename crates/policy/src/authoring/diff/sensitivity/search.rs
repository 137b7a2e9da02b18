//! The search for a check for which the outcomes of two sides differ: depth first, axis by axis in the variable order.

use std::collections::{BTreeMap, HashSet};

use super::{
    super::{
        budget::WorkBudget,
        formula::{Formula, Formulas, Level},
        limits::STATES_MAX,
        partition::Partition,
    },
    chain::Chain,
    ordered::OrderedSpace,
};

/// How many checks are refused before a search gives up.
const REFUSED_MAX: usize = 64;

/// What a search has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::authoring) enum Search {
    /// A check, which was accepted.
    Accepted,
    /// There is no such check.
    Nowhere,
    /// There may be one: the work budget is exhausted, or the checks that were found were refused.
    GaveUp,
}

/// The regions on a path.
pub(super) type Path = BTreeMap<Level, u16>;

/// The state of a search.
#[derive(Debug)]
pub(super) struct Found {
    path: Path,
    refused: usize,
}

/// How a part of a search ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    Accepted,
    GaveUp,
}

impl Found {
    pub(super) fn new(level: Level, region: u16) -> Self {
        Self {
            path: Path::from([(level, region)]),
            refused: 0,
        }
    }

    pub(super) fn result(&self, result: Result<(), Ended>) -> Search {
        match result {
            Err(Ended::Accepted) => Search::Accepted,
            Ok(()) if self.refused == 0 => Search::Nowhere,
            Ok(()) | Err(Ended::GaveUp) => Search::GaveUp,
        }
    }
}

/// A space, its formulas, and what has been derived from them.
#[derive(Debug)]
pub(super) struct Walk<'p, 'w> {
    pub(super) space: OrderedSpace<'p>,
    pub(super) formulas: Formulas<'w>,
    /// Pairs of sides that do not differ anywhere.
    same: HashSet<[Vec<Formula>; 2]>,
}

impl<'p, 'w> Walk<'p, 'w> {
    pub(super) fn new(space: OrderedSpace<'p>, budget: &'w mut WorkBudget) -> Self {
        Self {
            formulas: Formulas::new(space.sizes(), budget),
            space,
            same: HashSet::new(),
        }
    }

    /// The side with the axis of this level fixed. Formulas after one that cannot hold do not matter.
    pub(super) fn fix(&mut self, side: &[Formula], level: Level, region: u16) -> Vec<Formula> {
        let mut never = false;
        let fixed = side.iter().map(|formula| {
            let cofactor = if never {
                Formula::FALSE
            } else {
                self.formulas.cofactor(*formula, level, region)
            };
            never |= cofactor == Formula::FALSE;
            cofactor
        });
        fixed.collect()
    }

    /// Visits the checks on which the sides differ, until one is accepted.
    pub(super) fn descend(
        &mut self,
        chain: &Chain,
        sides: [Vec<Formula>; 2],
        found: &mut Found,
        accept: &mut dyn FnMut(&OrderedSpace<'p>, &Path) -> bool,
    ) -> Result<(), Ended> {
        let [one, other] = &sides;
        if one == other {
            return Ok(());
        }
        if let (Some(one), Some(other)) = (chain.outcome(one), chain.outcome(other)) {
            if one == other {
                return Ok(());
            }
            if accept(&self.space, &found.path) {
                return Err(Ended::Accepted);
            }
            found.refused = found.refused.saturating_add(1);
            return if found.refused > REFUSED_MAX {
                Err(Ended::GaveUp)
            } else {
                Ok(())
            };
        }
        if self.same.contains(&sides) {
            return Ok(());
        }
        let states = self.same.len().max(self.formulas.len());
        if states >= STATES_MAX || self.formulas.is_exhausted() {
            return Err(Ended::GaveUp);
        }
        let refused = found.refused;
        let levels = sides.iter().flatten();
        let levels = levels.map(|formula| self.formulas.top_level(*formula));
        let level = levels.min().unwrap_or(Level::MAX);
        for region in self.regions(level) {
            self.formulas.spend(1);
            let fixed = sides.each_ref().map(|side| self.fix(side, level, region));
            found.path.insert(level, region);
            self.descend(chain, fixed, found, accept)?;
        }
        found.path.remove(&level);
        if found.refused == refused {
            self.same.insert(sides);
        }
        Ok(())
    }

    /// The regions of an axis, the simpler ones first: an unknown fact comes last.
    fn regions(&self, level: Level) -> Vec<u16> {
        let size = self.formulas.size(level);
        let mut axes = self.space.axes();
        let partition = axes.find(|(_, other, _)| *other == level);
        let unknown_is_first = partition.is_some_and(|(.., partition)| {
            matches!(
                partition,
                Partition::Ages(_) | Partition::Births(_) | Partition::Phones(_)
            )
        });
        if unknown_is_first {
            (1..size).chain([0]).collect()
        } else {
            (0..size).collect()
        }
    }
}
