//! Which subtrees prove that one tree is the beginning of another, and what their hashes show (RFC 9162, 2.1.4).

use crate::{
    audit::proof::subtrees::split,
    journal::{
        checkpoint::Checkpoint,
        merkle::{Hash, node_hash},
    },
};

/// The subtrees whose roots prove that the tree over `old` leaves is the beginning of that over `size`, in the order of the proof: their first
/// leaves and their ends. `None` if there is no such proof.
pub(super) fn ranges(old: u64, size: u64) -> Option<Vec<(u64, u64)>> {
    if old == 0 || old > size {
        return None;
    }
    let (mut ranges, mut first, mut end) = (Vec::new(), 0_u64, size);
    while old < end {
        let middle = first.saturating_add(split(end.saturating_sub(first)));
        if old <= middle {
            ranges.push((middle, end));
            end = middle;
        } else {
            ranges.push((first, middle));
            first = middle;
        }
    }
    // The whole old tree is one of its subtrees, whose root the verifier has.
    if first > 0 {
        ranges.push((first, end));
    }
    ranges.reverse();
    Some(ranges)
}

/// Whether these hashes lead from one checkpoint to the other.
pub(super) fn holds(old: &Checkpoint, new: &Checkpoint, path: &[Hash]) -> bool {
    if old.size == 0 || old.size > new.size {
        return false;
    }
    if old.size == new.size {
        return path.is_empty() && old.root == new.root;
    }
    let mut hashes = path.iter();
    let seed = if old.size.is_power_of_two() {
        Some(&old.root)
    } else {
        hashes.next()
    };
    let Some(seed) = seed else { return false };
    let (mut index, mut last) = (old.size.saturating_sub(1), new.size.saturating_sub(1));
    let shift = index.trailing_ones();
    index >>= shift;
    last >>= shift;
    let (mut of_old, mut of_new) = (*seed, *seed);
    for hash in hashes {
        if last == 0 {
            return false;
        }
        if index & 1 == 1 || index == last {
            of_old = node_hash(hash, &of_old);
            of_new = node_hash(hash, &of_new);
            while index & 1 == 0 && index != 0 {
                index >>= 1;
                last >>= 1;
            }
        } else {
            of_new = node_hash(&of_new, hash);
        }
        index >>= 1;
        last >>= 1;
    }
    last == 0 && of_old == old.root && of_new == new.root
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        audit::proof::subtrees::Subtrees,
        journal::{
            hex,
            merkle::{Tree, leaf_hash, tests::LEAVES},
        },
    };

    fn tree(leaves: &[Hash]) -> Tree {
        let mut tree = Tree::default();
        for leaf in leaves {
            tree.push(*leaf);
        }
        tree
    }

    fn checkpoint(leaves: &[Hash]) -> Checkpoint {
        Checkpoint {
            origin: "test".into(),
            size: u64::try_from(leaves.len()).unwrap(),
            root: tree(leaves).root(),
        }
    }

    /// The proof from the first `old` of these leaves to all of them, from the state over the first `from`.
    fn path(leaves: &[Hash], old: usize, from: usize) -> Vec<Hash> {
        let sizes = [old, leaves.len()].map(|size| u64::try_from(size).unwrap());
        let ranges = ranges(sizes[0], sizes[1]).unwrap();
        let mut subtrees = Subtrees::new(&ranges, &tree(&leaves[..from])).unwrap();
        for (index, leaf) in leaves.iter().enumerate().skip(from) {
            subtrees.pass(u64::try_from(index).unwrap(), *leaf);
        }
        subtrees.finish().unwrap()
    }

    #[test]
    fn the_proofs_are_those_of_the_well_known_vectors() {
        let leaves = LEAVES.map(leaf_hash);
        for (old, size, expected) in [
            (1, 1, &[][..]),
            (
                3,
                7,
                &[
                    "0298d122906dcfc1",
                    "07506a85fd9dd2f1",
                    "fac54203e7cc696c",
                    "837dbb152e9b0790",
                ][..],
            ),
            (
                6,
                8,
                &["0ebc5d3437fbe2db", "ca854ea128ed050b", "d37ee418976dd957"][..],
            ),
        ] {
            let path = path(&leaves[..size], old, 0);
            let starts: Vec<String> = path
                .iter()
                .map(|hash| hex(hash).chars().take(16).collect())
                .collect();
            assert_eq!(starts, expected, "{old} {size}");
        }
    }

    #[test]
    fn each_beginning_of_each_tree_is_proven_from_any_state_before_its_end() {
        let leaves: Vec<Hash> = (0..35_u32).map(|n| leaf_hash(&n.to_be_bytes())).collect();
        for size in 1..=leaves.len() {
            let leaves = &leaves[..size];
            for old in 1..=size {
                let (before, after) = (checkpoint(&leaves[..old]), checkpoint(leaves));
                for from in 0..=old {
                    let path = path(leaves, old, from);
                    assert!(holds(&before, &after, &path), "{old} of {size} from {from}");
                }
            }
        }
    }

    #[test]
    fn another_history_size_or_path_is_not_proven() {
        let leaves: Vec<Hash> = (0..20_u32).map(|n| leaf_hash(&n.to_be_bytes())).collect();
        for size in 2..=leaves.len() {
            for old in 1..size {
                let leaves = &leaves[..size];
                let path = path(leaves, old, 0);
                let (before, after) = (checkpoint(&leaves[..old]), checkpoint(leaves));
                // A line of the old tree was written again, or the sizes are others.
                let mut other = leaves.to_vec();
                other[old - 1] = [9; 32];
                assert!(!holds(&before, &checkpoint(&other), &path));
                assert!(!holds(&checkpoint(&other[..old]), &after, &path));
                for wrong in (0..=size + 1).filter(|wrong| *wrong != old) {
                    let size = u64::try_from(wrong).unwrap();
                    let before = Checkpoint {
                        size,
                        ..before.clone()
                    };
                    assert!(!holds(&before, &after, &path), "{wrong} for {old}");
                }
                // A hash more, a hash less, another hash.
                let longer = [&path[..], &[[0; 32]]].concat();
                assert!(!holds(&before, &after, &longer));
                for at in 0..path.len() {
                    let mut other = path.clone();
                    other[at][0] ^= 1;
                    assert!(!holds(&before, &after, &other));
                    other.remove(at);
                    assert!(!holds(&before, &after, &other));
                }
            }
        }
        assert_eq!(ranges(0, 3), None);
        assert_eq!(ranges(4, 3), None);
        let empty = checkpoint(&[]);
        assert!(!holds(&empty, &checkpoint(&leaves), &[]));
    }
}
