//! Projects a diagram on some axes: for values on these axes it says whether some values on the other axes give a check that is
//! decided differently.

use std::ops::ControlFlow;

use super::{
    axis::Axis,
    cell::{Cell, merge},
    diagram::{Diagram, Kind, Node, NodeId, UniqueTable},
    formula::Level,
    order::Order,
    regions::Regions,
};

/// The checks of a diagram that are of one kind and lie in one cell.
#[derive(Debug)]
pub(super) struct Part<'d> {
    diagram: &'d Diagram,
    order: &'d Order,
    kind: Kind,
    /// The regions of each level; `None` for any value.
    allowed: Vec<Option<Regions>>,
    /// For each node whether a path leads from it to a difference of the kind.
    leads: Vec<bool>,
}

impl Diagram {
    /// The kinds of the differences that it has.
    pub(super) fn kinds(&self) -> Vec<Kind> {
        let kinds = self.nodes.iter().filter_map(|node| match node {
            Node::Differ(kind) => Some(*kind),
            Node::Equal | Node::Branch(..) => None,
        });
        let mut kinds: Vec<Kind> = kinds.collect();
        kinds.sort();
        kinds
    }

    /// The differences of a kind, projected on the axes of the first `levels` levels, as disjoint cells, merged where possible.
    /// `None` if there are more than `cells_max`.
    pub(super) fn project(
        &self,
        kind: Kind,
        levels: Level,
        order: &Order,
        cells_max: usize,
    ) -> Option<Vec<Cell>> {
        // 0 means no difference, 1 means a difference.
        let mut projected = UniqueTable::default();
        projected.intern(Node::Equal);
        projected.intern(Node::Differ(kind));
        let leads = self.leads_to(kind, |_, _| true);
        // A node has a higher number than its children.
        let mut images: Vec<NodeId> = Vec::with_capacity(self.nodes.len());
        for (node, leads) in self.nodes.iter().zip(leads) {
            let image = match node {
                Node::Branch(level, branches) if *level < levels => {
                    branch(&mut projected, *level, branches, &images, order)
                }
                Node::Branch(..) | Node::Equal | Node::Differ(_) => usize::from(leads),
            };
            images.push(image);
        }
        let root = images.get(self.root).copied().unwrap_or_default();
        let mut cells = Vec::new();
        let diagram = Self {
            nodes: projected.into_nodes(),
            root,
        };
        let part = Part::of(&diagram, order, kind, &Cell::default());
        let complete = part.walk(root, &mut Cell::default(), &mut |cell| {
            cells.push(cell.clone());
            if cells.len() > cells_max.saturating_mul(PATHS_PER_CELL) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        if complete.is_break() {
            return None;
        }
        let merged = merge(cells, |axis| axis_size(order, axis));
        (merged.len() <= cells_max).then_some(merged)
    }

    /// For each node whether a path of permitted branches leads from it to a difference of this kind.
    fn leads_to(&self, kind: Kind, permitted: impl Fn(Level, &Regions) -> bool) -> Vec<bool> {
        let mut leads: Vec<bool> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let leads_there = match node {
                Node::Equal => false,
                Node::Differ(some) => *some == kind,
                Node::Branch(level, branches) => branches.iter().any(|(regions, child)| {
                    leads.get(*child) == Some(&true) && permitted(*level, regions)
                }),
            };
            leads.push(leads_there);
        }
        leads
    }
}

/// How many paths are merged for each cell that is reported.
const PATHS_PER_CELL: usize = 16;

fn axis_size(order: &Order, axis: &Axis) -> u16 {
    let level = order.level(axis).map(usize::from);
    let size = level.and_then(|level| order.sizes().get(level));
    size.copied().unwrap_or(0)
}

/// The projected branch, whose children have these images.
fn branch(
    projected: &mut UniqueTable,
    level: Level,
    branches: &[(Regions, NodeId)],
    images: &[NodeId],
    order: &Order,
) -> NodeId {
    let size = order.sizes().get(usize::from(level)).copied().unwrap_or(0);
    let mut merged: Vec<(Regions, NodeId)> = Vec::new();
    for (regions, child) in branches {
        let image = images.get(*child).copied().unwrap_or_default();
        match merged.iter_mut().find(|(_, known)| *known == image) {
            Some((some, _)) => *some = some.or(regions),
            None => merged.push((regions.clone(), image)),
        }
    }
    if let [(regions, only)] = merged.as_slice()
        && *regions == Regions::all(size)
    {
        return *only;
    }
    projected.intern(Node::Branch(level, merged))
}

impl<'d> Part<'d> {
    /// The checks of this kind that lie in this cell.
    pub(super) fn of(diagram: &'d Diagram, order: &'d Order, kind: Kind, cell: &Cell) -> Self {
        let levels = 0..order.len();
        let allowed: Vec<Option<Regions>> = levels
            .map(|level| order.axis(level).and_then(|axis| cell.regions.get(axis)))
            .map(|regions: Option<&_>| regions.cloned())
            .collect();
        let leads = diagram.leads_to(kind, |level, regions| meets(&allowed, level, regions));
        Self {
            diagram,
            order,
            kind,
            allowed,
            leads,
        }
    }

    fn leads(&self, node: NodeId) -> bool {
        self.leads.get(node) == Some(&true)
    }

    /// The smallest cell that has all of these checks.
    pub(super) fn hull(&self) -> Cell {
        let mut regions: Vec<Option<Regions>> = vec![None; self.allowed.len()];
        let mut any = vec![false; self.allowed.len()];
        let mut skip = |from: usize, to: usize| {
            for any in any.iter_mut().take(to).skip(from) {
                *any = true;
            }
        };
        let mut seen = vec![false; self.diagram.nodes.len()];
        if let Some(seen) = seen.get_mut(self.diagram.root) {
            *seen = self.leads(self.diagram.root);
        }
        skip(0, self.level(self.diagram.root));
        for id in (0..self.diagram.nodes.len()).rev() {
            if seen.get(id) != Some(&true) {
                continue;
            }
            let Node::Branch(level, branches) = self.diagram.node(id) else {
                continue;
            };
            for (some, child) in branches {
                if !self.leads(*child) || !meets(&self.allowed, *level, some) {
                    continue;
                }
                if let Some(hull) = regions.get_mut(usize::from(*level)) {
                    *hull = Some(hull.as_ref().map_or_else(|| some.clone(), |h| h.or(some)));
                }
                if let Some(seen) = seen.get_mut(*child) {
                    *seen = true;
                }
                skip(usize::from(*level).saturating_add(1), self.level(*child));
            }
        }
        let mut hull = Cell::default();
        let levels = regions.into_iter().zip(any).zip(&self.allowed).zip(0..);
        for (((regions, any), allowed), level) in levels {
            let regions = match (allowed, regions, any) {
                (Some(allowed), Some(some), false) => Some(allowed.and(&some)),
                (Some(allowed), _, _) => Some(allowed.clone()),
                (None, some, false) => some,
                (None, _, true) => None,
            };
            let size = self.order.sizes().get(usize::from(level)).copied();
            let regions = regions.filter(|some| *some != Regions::all(size.unwrap_or(0)));
            if let (Some(regions), Some(axis)) = (regions, self.order.axis(level)) {
                hull.regions.insert(axis.clone(), regions);
            }
        }
        hull
    }

    /// The level of a node; for a terminal, the level after the last one.
    fn level(&self, id: NodeId) -> usize {
        match self.diagram.node(id) {
            Node::Branch(level, _) => usize::from(*level),
            Node::Equal | Node::Differ(_) => self.allowed.len(),
        }
    }

    /// Whether every check in the cell is of this kind.
    pub(super) fn is_whole(&self) -> bool {
        let mut whole: Vec<bool> = Vec::with_capacity(self.diagram.nodes.len());
        for node in &self.diagram.nodes {
            let is_whole = match node {
                Node::Equal => false,
                Node::Differ(kind) => *kind == self.kind,
                Node::Branch(level, branches) => branches.iter().all(|(regions, child)| {
                    whole.get(*child) == Some(&true) || !meets(&self.allowed, *level, regions)
                }),
            };
            whole.push(is_whole);
        }
        whole.get(self.diagram.root) == Some(&true)
    }

    /// Calls `visit` with the cell of every path to a difference, until it breaks. The cells do not overlap.
    pub(super) fn paths(
        &self,
        visit: &mut impl FnMut(&Cell) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let levels = self.allowed.iter().zip(0..);
        let regions = levels.filter_map(|(regions, level)| {
            Some((self.order.axis(level)?.clone(), regions.clone()?))
        });
        let mut cell = Cell {
            regions: regions.collect(),
        };
        self.walk(self.diagram.root, &mut cell, visit)
    }

    /// Recurses once for each axis at most.
    fn walk(
        &self,
        from: NodeId,
        path: &mut Cell,
        visit: &mut impl FnMut(&Cell) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        if !self.leads(from) {
            return ControlFlow::Continue(());
        }
        let Node::Branch(level, branches) = self.diagram.node(from) else {
            return visit(path);
        };
        let Some(axis) = self.order.axis(*level) else {
            return ControlFlow::Continue(());
        };
        let before = path.regions.get(axis).cloned();
        for (regions, child) in branches {
            let some = match self.allowed.get(usize::from(*level)) {
                Some(Some(allowed)) => regions.and(allowed),
                _ => regions.clone(),
            };
            if some.is_empty() {
                continue;
            }
            path.regions.insert(axis.clone(), some);
            self.walk(*child, path, visit)?;
        }
        match before {
            Some(before) => path.regions.insert(axis.clone(), before),
            None => path.regions.remove(axis),
        };
        ControlFlow::Continue(())
    }
}

/// Whether some of these regions of a level are allowed.
fn meets(allowed: &[Option<Regions>], level: Level, regions: &Regions) -> bool {
    match allowed.get(usize::from(level)) {
        Some(Some(allowed)) => !allowed.and(regions).is_empty(),
        _ => true,
    }
}
