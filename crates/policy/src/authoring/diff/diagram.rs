//! Where two policies decide differently, as a multi-valued decision diagram. *Apply* walks both policies at once, axis by axis
//! in the variable order; regions with the same cofactors share a branch.

use std::collections::HashMap;

use super::{
    cofactor::Cofactor,
    direction::Direction,
    error::CompareError,
    formula::{Formula, Formulas, Level},
    limits::STATES_MAX,
    regions::Regions,
};
use crate::effect::Effect;

/// Which differences a diagram contains.
#[derive(Debug, Clone, Copy)]
pub(super) struct Interest {
    /// The direction of the differences.
    pub(super) direction: Direction,
    /// Only checks for which this holds.
    pub(super) cause: Formula,
    /// Only differences with this decision on the stricter side; any decision if `None`.
    pub(super) stricter: Option<Effect>,
}

impl Interest {
    /// Every difference of this direction.
    pub(super) fn all(direction: Direction) -> Self {
        Self {
            direction,
            cause: Formula::TRUE,
            stricter: None,
        }
    }
}

/// A kind of difference: what the old policy decides, and what the new one does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Kind {
    pub(super) old: Effect,
    pub(super) new: Effect,
}

/// The number of a node. A node has a higher one than its children.
pub(super) type NodeId = usize;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Node {
    /// Terminal: no difference of interest.
    Equal,
    /// Terminal: a difference of this kind.
    Differ(Kind),
    /// It depends on the axis of this level: a child for each set of regions.
    Branch(Level, Vec<(Regions, NodeId)>),
}

/// The nodes of a diagram, each once.
#[derive(Debug, Default)]
pub(super) struct UniqueTable {
    nodes: Vec<Node>,
    numbers: HashMap<Node, NodeId>,
}

impl UniqueTable {
    /// The number of this node, which is added if it is new.
    pub(super) fn intern(&mut self, node: Node) -> NodeId {
        if let Some(known) = self.numbers.get(&node) {
            return *known;
        }
        let number = self.nodes.len();
        self.nodes.push(node.clone());
        self.numbers.insert(node, number);
        number
    }

    /// The nodes, by their numbers.
    pub(super) fn into_nodes(self) -> Vec<Node> {
        self.nodes
    }
}

/// A diagram.
#[derive(Debug)]
pub(super) struct Diagram {
    pub(super) nodes: Vec<Node>,
    pub(super) root: NodeId,
}

impl Diagram {
    /// The diagram of the differences of interest.
    pub(super) fn of(
        [old, new]: [Cofactor; 2],
        interest: Interest,
        formulas: &mut Formulas<'_>,
    ) -> Result<Self, CompareError> {
        let mut builder = Builder {
            formulas,
            interest,
            nodes: UniqueTable::default(),
            memo: HashMap::new(),
        };
        builder.nodes.intern(Node::Equal);
        let root = builder.apply(old, new, interest.cause)?;
        Ok(Self {
            nodes: builder.nodes.into_nodes(),
            root,
        })
    }

    /// The node of this number.
    pub(super) fn node(&self, id: NodeId) -> &Node {
        self.nodes.get(id).unwrap_or(&Node::Equal)
    }
}

const EQUAL: NodeId = 0;

struct Builder<'f, 'w> {
    formulas: &'f mut Formulas<'w>,
    interest: Interest,
    nodes: UniqueTable,
    /// The memo table of [`Builder::apply`].
    memo: HashMap<(Cofactor, Cofactor, Formula), NodeId>,
}

impl Builder<'_, '_> {
    /// The node of two cofactors and the cofactor of the cause. Recurses once for each axis at most.
    fn apply(
        &mut self,
        old: Cofactor,
        new: Cofactor,
        cause: Formula,
    ) -> Result<NodeId, CompareError> {
        if cause == Formula::FALSE {
            return Ok(EQUAL);
        }
        let Some([old, new]) = self.simplify(old, new) else {
            return Ok(EQUAL);
        };
        if let (Some(old), Some(new), Formula::TRUE) = (old.terminal(), new.terminal(), cause) {
            return Ok(self.nodes.intern(Node::Differ(Kind { old, new })));
        }
        if let Some(known) = self.memo.get(&(old, new, cause)) {
            return Ok(*known);
        }
        let states = self.memo.len().max(self.formulas.len());
        if states >= STATES_MAX || self.formulas.is_exhausted() {
            return Err(CompareError::TooLarge);
        }
        let level = old
            .top_level(self.formulas)
            .min(new.top_level(self.formulas))
            .min(self.formulas.top_level(cause));
        let size = self.formulas.size(level);
        let mut branches: Vec<(Vec<u16>, NodeId)> = Vec::new();
        for region in 0..size {
            let fixed_old = old.fix(level, region, self.formulas);
            let fixed_new = new.fix(level, region, self.formulas);
            let fixed_cause = self.formulas.cofactor(cause, level, region);
            let child = self.apply(fixed_old, fixed_new, fixed_cause)?;
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
            self.nodes.intern(Node::Branch(level, branches.collect()))
        };
        self.memo.insert((old, new, cause), node);
        Ok(node)
    }

    /// Simplifies both sides while preserving the differences of interest; `None` if there can be none.
    fn simplify(&mut self, old: Cofactor, new: Cofactor) -> Option<[Cofactor; 2]> {
        let Interest {
            direction,
            stricter,
            ..
        } = self.interest;
        if let (Some(in_old), Some(in_new)) = (old.terminal(), new.terminal()) {
            let is_asked = stricter.is_none_or(|stricter| stricter == in_old.max(in_new));
            let is_of_interest = direction.includes(in_old, in_new) && is_asked;
            return is_of_interest.then_some([old, new]);
        }
        direction.simplify(old, new, self.formulas)
    }
}
