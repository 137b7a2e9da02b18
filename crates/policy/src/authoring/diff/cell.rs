//! Cells: boxes in the space of checks, in each of which both policies decide the same throughout.

use std::collections::{BTreeMap, HashMap};

use super::{
    formula::{Formulas, Level},
    regions::Regions,
};
use crate::effect::Effect;

/// The checks whose values are in these regions; on an axis that has none here, any value will do.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Cell {
    /// What the old policy decides.
    pub(super) old: Effect,
    /// What the new policy decides.
    pub(super) new: Effect,
    pub(super) regions: BTreeMap<Level, Regions>,
}

/// The same checks in fewer cells: cells that differ on one axis only become one. Stops early when the work budget is exhausted,
/// because a shorter answer is not another one.
pub(super) fn merge(mut cells: Vec<Cell>, formulas: &mut Formulas<'_>) -> Vec<Cell> {
    loop {
        let count = cells.len();
        let levels = cells.iter().flat_map(|c| c.regions.keys().copied());
        let mut levels: Vec<Level> = levels.collect();
        levels.sort_unstable();
        levels.dedup();
        for level in levels {
            let sizes = cells.iter().map(|cell| cell.regions.len());
            formulas.spend(sizes.sum());
            if formulas.is_exhausted() {
                return cells;
            }
            cells = merge_on(level, cells, formulas.size(level));
        }
        if cells.len() == count {
            return cells;
        }
    }
}

fn merge_on(level: Level, cells: Vec<Cell>, size: u16) -> Vec<Cell> {
    let mut merged: Vec<(Cell, Regions)> = Vec::new();
    let mut indices: HashMap<Cell, usize> = HashMap::new();
    for mut cell in cells {
        let regions = cell.regions.remove(&level);
        let regions = regions.unwrap_or_else(|| Regions::all(size));
        let index = *indices.entry(cell.clone()).or_insert(merged.len());
        match merged.get_mut(index) {
            Some((_, some)) => *some = some.or(&regions),
            None => merged.push((cell, regions)),
        }
    }
    let all = Regions::all(size);
    merged
        .into_iter()
        .map(|(mut cell, regions)| {
            if regions != all {
                cell.regions.insert(level, regions);
            }
            cell
        })
        .collect()
}
