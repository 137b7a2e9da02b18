//! Where two policies decide differently, as a decision diagram: axis by axis, with regions that lead to the same rest as
//! one branch, so that every path through it is a cell and the cells are few.

use std::collections::{BTreeMap, HashMap};

use super::{
    NotCompared,
    direction::Sought,
    formula::{Formula, Formulas, Rank},
    regions::Regions,
};
use crate::effect::Effect;

/// How many formulas and states may be looked at: a second's work.
const STATES_MAX: usize = 200_000;
/// How many cells there may be: more than anybody reads.
pub(super) const CELLS_MAX: usize = 10_000;

/// What is left of a policy on the way through the axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Rest {
    /// Where this does not hold, the decision is DENY.
    pub(super) deny: Formula,
    /// Where this does not hold either, it is STEP_UP.
    pub(super) step_up: Formula,
}

/// A region of the inputs: on each axis that is named, some regions; on the others, all.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Cell {
    pub(super) old: Effect,
    pub(super) new: Effect,
    pub(super) limits: BTreeMap<Rank, Regions>,
}

/// Cells that were found.
#[derive(Debug)]
pub(super) struct Found {
    /// They do not overlap.
    pub(super) cells: Vec<Cell>,
    /// Whether there are others: these are as many as may be.
    pub(super) more: bool,
}

/// The cells in which the two decide differently in a way that is asked for.
pub(super) fn cells(
    old: Rest,
    new: Rest,
    sought: Sought,
    formulas: &mut Formulas,
) -> Result<Found, NotCompared> {
    let mut diagram = Diagram {
        formulas,
        sought,
        nodes: vec![Node::Same],
        numbers: HashMap::from([(Node::Same, SAME)]),
        seen: HashMap::new(),
    };
    let root = diagram.node(old, new)?;
    let mut cells = Vec::new();
    let all = diagram.paths(root, &mut BTreeMap::new(), &mut cells);
    Ok(Found {
        cells: joined(cells, diagram.formulas),
        more: !all,
    })
}

/// The number of a node.
type Number = usize;

const SAME: Number = 0;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Node {
    /// Both decide the same, whatever follows.
    Same,
    /// They decide so, whatever follows.
    Differ(Effect, Effect),
    /// It depends on this axis.
    Split(Rank, Vec<(Regions, Number)>),
}

struct Diagram<'f> {
    formulas: &'f mut Formulas,
    sought: Sought,
    nodes: Vec<Node>,
    numbers: HashMap<Node, Number>,
    seen: HashMap<(Rest, Rest), Number>,
}

impl Diagram<'_> {
    /// The node for what is left of both. As deep as there are axes.
    fn node(&mut self, old: Rest, new: Rest) -> Result<Number, NotCompared> {
        if let (Some(old), Some(new)) = (old.effect(), new.effect())
            && self.sought.has(old, new)
        {
            return Ok(self.number(Node::Differ(old, new)));
        }
        let Some([old, new]) = self.sought.focus(old, new, self.formulas) else {
            return Ok(SAME);
        };
        if let Some(known) = self.seen.get(&(old, new)) {
            return Ok(*known);
        }
        let states = self.seen.len().max(self.formulas.count());
        if states >= STATES_MAX || self.formulas.work.is_done() {
            return Err(NotCompared::TooLarge);
        }
        let parts = [old.deny, old.step_up, new.deny, new.step_up];
        let tops = parts.map(|part| self.formulas.top(part));
        let axis = tops.into_iter().min().unwrap_or(Rank::MAX);
        let size = self.formulas.size(axis);
        let mut branches: Vec<(Vec<u16>, Number)> = Vec::new();
        for region in 0..size {
            let (left_old, left_new) = (
                old.decide(axis, region, self.formulas),
                new.decide(axis, region, self.formulas),
            );
            let child = self.node(left_old, left_new)?;
            self.formulas.work.cost(branches.len());
            match branches.iter_mut().find(|(_, number)| *number == child) {
                Some((regions, _)) => regions.push(region),
                None => branches.push((vec![region], child)),
            }
        }
        let number = match branches.as_slice() {
            [(_, only)] => *only,
            _ => {
                let branches = branches
                    .into_iter()
                    .map(|(regions, child)| (Regions::of(size, regions), child));
                self.number(Node::Split(axis, branches.collect()))
            }
        };
        self.seen.insert((old, new), number);
        Ok(number)
    }

    fn number(&mut self, node: Node) -> Number {
        if let Some(known) = self.numbers.get(&node) {
            return *known;
        }
        let number = self.nodes.len();
        self.nodes.push(node.clone());
        self.numbers.insert(node, number);
        number
    }

    /// Every path to a difference, as many as there may be; whether these are all.
    fn paths(
        &self,
        from: Number,
        limits: &mut BTreeMap<Rank, Regions>,
        cells: &mut Vec<Cell>,
    ) -> bool {
        match self.nodes.get(from).unwrap_or(&Node::Same) {
            Node::Same => {}
            Node::Differ(..) if cells.len() >= CELLS_MAX => return false,
            Node::Differ(old, new) => cells.push(Cell {
                old: *old,
                new: *new,
                limits: limits.clone(),
            }),
            Node::Split(axis, branches) => {
                for (regions, child) in branches {
                    limits.insert(*axis, regions.clone());
                    if !self.paths(*child, limits, cells) {
                        return false;
                    }
                }
                limits.remove(axis);
            }
        }
        true
    }
}

impl Rest {
    /// A policy's part in a comparison.
    pub(super) fn new(deny: Formula, step_up: Formula, formulas: &mut Formulas) -> Self {
        // Where the decision is DENY anyhow, nobody asks for the other rules; where it is not, what it asks for holds.
        let step_up = if deny == Formula::FALSE {
            Formula::TRUE
        } else {
            formulas.without(step_up, deny)
        };
        Self { deny, step_up }
    }

    fn effect(self) -> Option<Effect> {
        match (self.deny, self.step_up) {
            (Formula::FALSE, _) => Some(Effect::Deny),
            (Formula::TRUE, Formula::FALSE) => Some(Effect::StepUp),
            (Formula::TRUE, Formula::TRUE) => Some(Effect::Allow),
            _ => None,
        }
    }

    fn decide(self, axis: Rank, region: u16, formulas: &mut Formulas) -> Self {
        let deny = formulas.decide(self.deny, axis, region);
        let step_up = formulas.decide(self.step_up, axis, region);
        Self::new(deny, step_up, formulas)
    }
}

/// The same cells, with those as one that differ on one axis only; as far as the work goes, for it only makes an answer shorter.
fn joined(mut cells: Vec<Cell>, formulas: &mut Formulas) -> Vec<Cell> {
    loop {
        let count = cells.len();
        let axes: Vec<Rank> = {
            let mut axes: Vec<Rank> = cells
                .iter()
                .flat_map(|c| c.limits.keys().copied())
                .collect();
            axes.sort_unstable();
            axes.dedup();
            axes
        };
        for axis in axes {
            let limits = cells.iter().map(|cell| cell.limits.len());
            formulas.work.cost(limits.sum());
            if formulas.work.is_done() {
                return cells;
            }
            cells = joined_on(axis, cells, formulas.size(axis));
        }
        if cells.len() == count {
            return cells;
        }
    }
}

fn joined_on(axis: Rank, cells: Vec<Cell>, size: u16) -> Vec<Cell> {
    let mut joined: Vec<(Cell, Regions)> = Vec::new();
    let mut places: HashMap<Cell, usize> = HashMap::new();
    for mut cell in cells {
        let regions = cell.limits.remove(&axis);
        let regions = regions.unwrap_or_else(|| Regions::all(size));
        let place = *places.entry(cell.clone()).or_insert(joined.len());
        match joined.get_mut(place) {
            Some((_, some)) => *some = some.or(&regions),
            None => joined.push((cell, regions)),
        }
    }
    let whole = Regions::all(size);
    joined
        .into_iter()
        .map(|(mut cell, regions)| {
            if regions != whole {
                cell.limits.insert(axis, regions);
            }
            cell
        })
        .collect()
}
