//! The roots of some subtrees, computed while the leaves of the whole tree pass by.

use crate::journal::merkle::{Hash, Tree};

/// Subtrees, each with the state over those of its leaves that have passed.
#[derive(Debug)]
pub(super) struct Subtrees(Vec<Subtree>);

#[derive(Debug)]
struct Subtree {
    first: u64,
    end: u64,
    tree: Tree,
}

impl Subtrees {
    /// The subtrees of these leaves, given the state of the tree over some leaves: those from there on are then passed. `None` if a subtree
    /// cannot begin with that state.
    pub(super) fn new(ranges: &[(u64, u64)], before: &Tree) -> Option<Self> {
        let subtree = |(first, end): &(u64, u64)| {
            let tree = seeded(*first, *end, before)?;
            let (first, end) = (*first, *end);
            Some(Subtree { first, end, tree })
        };
        ranges.iter().map(subtree).collect::<Option<_>>().map(Self)
    }

    /// Passes the leaf of this index.
    pub(super) fn pass(&mut self, index: u64, hash: Hash) {
        let holding = self.0.iter_mut();
        let mut holding = holding.filter(|subtree| (subtree.first..subtree.end).contains(&index));
        if let Some(subtree) = holding.next()
            && subtree.first.saturating_add(subtree.tree.size()) == index
        {
            subtree.tree.push(hash);
        }
    }

    /// Their roots; `None` if not all leaves have passed.
    pub(super) fn finish(self) -> Option<Vec<Hash>> {
        let root = |subtree: &Subtree| {
            let is_whole = subtree.tree.size() == subtree.end.saturating_sub(subtree.first);
            is_whole.then(|| subtree.tree.root())
        };
        self.0.iter().map(root).collect()
    }
}

/// The tree over the leaves `first..end` that are among those of `before`.
fn seeded(first: u64, end: u64, before: &Tree) -> Option<Tree> {
    let (mut at, mut roots) = (0_u64, Vec::new());
    let mut bits = (0..u64::BITS)
        .rev()
        .filter(|bit| before.size() >> bit & 1 == 1);
    for root in before.subtrees() {
        let length = 1_u64 << bits.next()?;
        let next = at.saturating_add(length);
        if at >= first && next <= end {
            roots.push(*root);
        }
        at = next;
    }
    let size = before.size().min(end).saturating_sub(first);
    Tree::from_subtrees(size, roots)
}

/// The largest power of two below the size, which is more than one.
pub(super) fn split(size: u64) -> u64 {
    1 << size.saturating_sub(1).ilog2()
}
