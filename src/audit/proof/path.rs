//! The hashes beside the way from a leaf to the root of its tree: collected while the leaves pass by, and the root that they lead to
//! (RFC 9162, 2.1.3).

use crate::journal::merkle::{Hash, Tree, leaf_hash, node_hash};

/// Collects the hashes that prove a leaf, while all leaves of the tree pass by.
#[derive(Debug)]
pub(super) struct PathBuilder {
    /// The subtrees beside the way from the leaf to the root, from the leaf upwards.
    beside: Vec<Beside>,
}

/// The leaves of a subtree, and the tree over those that have passed.
#[derive(Debug)]
struct Beside {
    first: u64,
    end: u64,
    tree: Tree,
}

impl PathBuilder {
    /// For the leaf of this index in a tree of this size, given the state of the tree over some leaves before it: the leaves from there on
    /// are then passed. `None` if the leaf is not in the tree, or is before that.
    pub(super) fn new(leaf: u64, size: u64, before: &Tree) -> Option<Self> {
        if leaf >= size || before.size() > leaf {
            return None;
        }
        let mut beside = Vec::new();
        let (mut first, mut end) = (0, size);
        while end.saturating_sub(first) > 1 {
            let middle = first.saturating_add(split(end.saturating_sub(first)));
            let other = if leaf < middle {
                let other = (middle, end);
                end = middle;
                other
            } else {
                let other = (first, middle);
                first = middle;
                other
            };
            let tree = seeded(other.0, other.1, before)?;
            beside.push(Beside {
                first: other.0,
                end: other.1,
                tree,
            });
        }
        beside.reverse();
        Some(Self { beside })
    }

    /// Passes the leaf of this index.
    pub(super) fn pass(&mut self, index: u64, hash: Hash) {
        let holding = self.beside.iter_mut();
        let mut holding = holding.filter(|beside| (beside.first..beside.end).contains(&index));
        if let Some(beside) = holding.next()
            && beside.first.saturating_add(beside.tree.size()) == index
        {
            beside.tree.push(hash);
        }
    }

    /// The hashes, from the leaf upwards; `None` if not all leaves have passed.
    pub(super) fn finish(self) -> Option<Vec<Hash>> {
        let hash = |beside: &Beside| {
            let is_whole = beside.tree.size() == beside.end.saturating_sub(beside.first);
            is_whole.then(|| beside.tree.root())
        };
        self.beside.iter().map(hash).collect()
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
fn split(size: u64) -> u64 {
    1 << size.saturating_sub(1).ilog2()
}

/// The root that a leaf has with these hashes in a tree of this size; `None` if they are too few or too many, or the leaf is not in the tree.
pub(super) fn root_of(leaf: u64, size: u64, line: &[u8], path: &[Hash]) -> Option<Hash> {
    if leaf >= size {
        return None;
    }
    let (mut index, mut last) = (leaf, size.saturating_sub(1));
    let mut hash = leaf_hash(line);
    for beside in path {
        if last == 0 {
            return None;
        }
        if index & 1 == 1 || index == last {
            hash = node_hash(beside, &hash);
            while index & 1 == 0 && index != 0 {
                index >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, beside);
        }
        index >>= 1;
        last >>= 1;
    }
    (last == 0).then_some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(count: u64) -> Vec<Vec<u8>> {
        (0..count).map(|n| n.to_be_bytes().to_vec()).collect()
    }

    fn tree(lines: &[Vec<u8>]) -> Tree {
        let mut tree = Tree::default();
        for line in lines {
            tree.push(leaf_hash(line));
        }
        tree
    }

    fn path(lines: &[Vec<u8>], leaf: u64, from: usize) -> Option<Vec<Hash>> {
        let size = u64::try_from(lines.len()).unwrap();
        let mut builder = PathBuilder::new(leaf, size, &tree(&lines[..from]))?;
        for (index, line) in (0..).zip(lines) {
            if index >= u64::try_from(from).unwrap() {
                builder.pass(index, leaf_hash(line));
            }
        }
        builder.finish()
    }

    #[test]
    fn the_path_of_leaf_5_of_8_is_that_of_the_well_known_vectors() {
        let leaves = [
            vec![],
            vec![0x00],
            vec![0x10],
            vec![0x20, 0x21],
            vec![0x30, 0x31],
            vec![0x40, 0x41, 0x42, 0x43],
            vec![0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
            (0x60..=0x6f).collect(),
        ];
        let path = path(&leaves, 5, 0).unwrap();
        let starts: Vec<String> = path
            .iter()
            .map(|hash| crate::journal::hex(hash).chars().take(16).collect())
            .collect();
        assert_eq!(
            starts,
            ["bc1a0643b12e4d2d", "ca854ea128ed050b", "d37ee418976dd957"]
        );
    }

    #[test]
    fn each_leaf_of_each_tree_is_proven_from_any_state_before_it() {
        for size in 1..=35_u64 {
            let lines = lines(size);
            let root = tree(&lines).root();
            for (leaf, line) in (0..).zip(&lines) {
                for from in 0..=leaf {
                    let path = path(&lines, leaf, usize::try_from(from).unwrap()).unwrap();
                    assert_eq!(
                        root_of(leaf, size, line, &path),
                        Some(root),
                        "{leaf} of {size}"
                    );
                }
            }
        }
    }

    #[test]
    fn another_line_index_or_path_is_not_proven() {
        for size in 1..=20_u64 {
            let lines = lines(size);
            let root = tree(&lines).root();
            for (leaf, line) in (0..).zip(&lines) {
                let path = path(&lines, leaf, 0).unwrap();
                let proves = |leaf, size, line: &[u8], path: &[Hash]| {
                    root_of(leaf, size, line, path) == Some(root)
                };
                assert!(!proves(leaf, size, b"other", &path));
                for other in (0..size + 2).filter(|other| *other != leaf) {
                    assert!(
                        !proves(other, size, line, &path),
                        "{other} for {leaf} of {size}"
                    );
                }
                let mut longer = path.clone();
                longer.push([0; 32]);
                assert!(!proves(leaf, size, line, &longer));
                if let [shorter @ .., _] = path.as_slice() {
                    assert!(!proves(leaf, size, line, shorter));
                }
                for at in 0..path.len() {
                    let mut changed = path.clone();
                    changed[at][0] ^= 1;
                    assert!(!proves(leaf, size, line, &changed));
                }
            }
        }
        assert!(PathBuilder::new(3, 3, &Tree::default()).is_none());
        assert!(PathBuilder::new(1, 3, &tree(&lines(2))).is_none());
    }
}
