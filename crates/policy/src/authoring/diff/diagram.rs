//! Where two policies decide differently, as a multi-valued decision diagram. *Apply* walks both policies at once, axis by axis
//! in the variable order; regions with the same cofactors share a branch, so that the paths to a difference are few. Each such
//! path is a cell.

use std::collections::{BTreeMap, HashMap};

use super::{
    cell::{Cell, merge},
    cofactor::Cofactor,
    direction::Direction,
    error::CompareError,
    formula::{Formulas, Level},
    limits::{CELLS_MAX, STATES_MAX},
    regions::Regions,
};
use crate::effect::Effect;

/// The cells that were enumerated.
#[derive(Debug)]
pub(super) struct Cells {
    /// They do not overlap.
    pub(super) cells: Vec<Cell>,
    /// Whether there are more than these.
    pub(super) truncated: bool,
}

/// The cells in which the two policies decide differently in this direction.
pub(super) fn differing_cells(
    [old, new]: [Cofactor; 2],
    direction: Direction,
    formulas: &mut Formulas<'_>,
) -> Result<Cells, CompareError> {
    let mut diagram = Diagram {
        formulas,
        direction,
        nodes: vec![Node::Equal],
        numbers: HashMap::from([(Node::Equal, EQUAL)]),
        memo: HashMap::new(),
    };
    let root = diagram.apply(old, new)?;
    let mut cells = Vec::new();
    let complete = diagram.enumerate(root, &mut BTreeMap::new(), &mut cells);
    Ok(Cells {
        cells: merge(cells, diagram.formulas),
        truncated: !complete,
    })
}

/// The number of a node.
type NodeId = usize;

const EQUAL: NodeId = 0;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Node {
    /// Terminal: no difference of the direction.
    Equal,
    /// Terminal: the old policy decides the one, the new policy the other.
    Differ(Effect, Effect),
    /// It depends on the axis of this level: a child for each set of regions.
    Branch(Level, Vec<(Regions, NodeId)>),
}

struct Diagram<'f, 'w> {
    formulas: &'f mut Formulas<'w>,
    direction: Direction,
    nodes: Vec<Node>,
    /// The unique table: the number of each node.
    numbers: HashMap<Node, NodeId>,
    /// The memo table of [`Diagram::apply`].
    memo: HashMap<(Cofactor, Cofactor), NodeId>,
}

impl Diagram<'_, '_> {
    /// The node of two cofactors. Recurses once for each axis at most.
    fn apply(&mut self, old: Cofactor, new: Cofactor) -> Result<NodeId, CompareError> {
        if let (Some(old), Some(new)) = (old.terminal(), new.terminal())
            && self.direction.includes(old, new)
        {
            return Ok(self.intern(Node::Differ(old, new)));
        }
        let Some([old, new]) = self.direction.simplify(old, new, self.formulas) else {
            return Ok(EQUAL);
        };
        if let Some(known) = self.memo.get(&(old, new)) {
            return Ok(*known);
        }
        let states = self.memo.len().max(self.formulas.len());
        if states >= STATES_MAX || self.formulas.is_exhausted() {
            return Err(CompareError::TooLarge);
        }
        let level = old
            .top_level(self.formulas)
            .min(new.top_level(self.formulas));
        let size = self.formulas.size(level);
        let mut branches: Vec<(Vec<u16>, NodeId)> = Vec::new();
        for region in 0..size {
            let fixed_old = old.fix(level, region, self.formulas);
            let fixed_new = new.fix(level, region, self.formulas);
            let child = self.apply(fixed_old, fixed_new)?;
            self.formulas.spend(branches.len());
            match branches.iter_mut().find(|(_, known)| *known == child) {
                Some((regions, _)) => regions.push(region),
                None => branches.push((vec![region], child)),
            }
        }
        let node = if let [(_, only)] = branches.as_slice() {
            *only
        } else {
            let branches = branches
                .into_iter()
                .map(|(regions, child)| (Regions::of(size, regions), child));
            self.intern(Node::Branch(level, branches.collect()))
        };
        self.memo.insert((old, new), node);
        Ok(node)
    }

    fn intern(&mut self, node: Node) -> NodeId {
        if let Some(known) = self.numbers.get(&node) {
            return *known;
        }
        let number = self.nodes.len();
        self.nodes.push(node.clone());
        self.numbers.insert(node, number);
        number
    }

    /// Adds a cell for every path to a difference, up to [`CELLS_MAX`]; returns whether these are all.
    fn enumerate(
        &self,
        from: NodeId,
        path: &mut BTreeMap<Level, Regions>,
        cells: &mut Vec<Cell>,
    ) -> bool {
        match self.nodes.get(from).unwrap_or(&Node::Equal) {
            Node::Equal => {}
            Node::Differ(..) if cells.len() >= CELLS_MAX => return false,
            Node::Differ(old, new) => cells.push(Cell {
                old: *old,
                new: *new,
                regions: path.clone(),
            }),
            Node::Branch(level, branches) => {
                for (regions, child) in branches {
                    path.insert(*level, regions.clone());
                    if !self.enumerate(*child, path, cells) {
                        return false;
                    }
                }
                path.remove(level);
            }
        }
        true
    }
}
