//! The subtrees beside the way from a leaf to the root of its tree, and the root that their hashes lead to (RFC 9162, 2.1.3).

use super::subtrees::split;
use crate::journal::merkle::{Hash, leaf_hash, node_hash};

/// The subtrees beside the way of a leaf in a tree of this size, from the leaf upwards: their first leaves and their ends. `None` if the leaf
/// is not in the tree.
pub(super) fn beside(leaf: u64, size: u64) -> Option<Vec<(u64, u64)>> {
    if leaf >= size {
        return None;
    }
    let mut beside = Vec::new();
    let (mut first, mut end) = (0, size);
    while end.saturating_sub(first) > 1 {
        let middle = first.saturating_add(split(end.saturating_sub(first)));
        if leaf < middle {
            beside.push((middle, end));
            end = middle;
        } else {
            beside.push((first, middle));
            first = middle;
        }
    }
    beside.reverse();
    Some(beside)
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
    use super::{super::subtrees::Subtrees, *};
    use crate::journal::merkle::Tree;

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
        let mut subtrees = Subtrees::new(&beside(leaf, size)?, &tree(&lines[..from]))?;
        for (index, line) in (0..).zip(lines) {
            if index >= u64::try_from(from).unwrap() {
                subtrees.pass(index, leaf_hash(line));
            }
        }
        subtrees.finish()
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
        assert!(beside(3, 3).is_none());
    }
}
