//! Cells: boxes in the space of checks.

use std::collections::{BTreeMap, HashMap};

use super::{axis::Axis, regions::Regions};

/// The checks whose values are in these regions; on an axis that has none here, any value will do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Cell {
    pub(super) regions: BTreeMap<Axis, Regions>,
}

/// The same checks in fewer cells: merges cells that differ on one axis only. `size` is the number of regions of an axis.
pub(super) fn merge(mut cells: Vec<Cell>, size: impl Fn(&Axis) -> u16) -> Vec<Cell> {
    loop {
        let count = cells.len();
        let axes = cells.iter().flat_map(|cell| cell.regions.keys().cloned());
        let mut axes: Vec<Axis> = axes.collect();
        axes.sort();
        axes.dedup();
        for axis in &axes {
            cells = merge_on(axis, cells, size(axis));
        }
        if cells.len() == count {
            return cells;
        }
    }
}

fn merge_on(axis: &Axis, cells: Vec<Cell>, size: u16) -> Vec<Cell> {
    let mut merged: Vec<(Cell, Regions)> = Vec::new();
    let mut indices: HashMap<Cell, usize> = HashMap::new();
    for mut cell in cells {
        let regions = cell.regions.remove(axis);
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
                cell.regions.insert(axis.clone(), regions);
            }
            cell
        })
        .collect()
}
