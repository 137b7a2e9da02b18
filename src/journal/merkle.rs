//! The Merkle tree of RFC 6962 over the lines of the journal, kept as the roots of its complete subtrees: what it takes to append a line
//! and to compute the root, whatever the size of the tree.

use ring::digest::{Context, SHA256};

/// A SHA-256 digest: the hash of a leaf, of a node or of the whole tree.
pub type Hash = [u8; 32];

/// What the hash of a leaf begins with, so that no leaf is a node.
const LEAF: u8 = 0;
/// What the hash of a node begins with.
const NODE: u8 = 1;

/// The hash of a leaf: of one zero byte and its bytes. Of a line these are all of its bytes, the newline included.
pub fn leaf_hash(bytes: &[u8]) -> Hash {
    hash(LEAF, &[bytes])
}

/// The hash of a node with these children.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    hash(NODE, &[left, right])
}

fn hash(prefix: u8, parts: &[&[u8]]) -> Hash {
    let mut context = Context::new(&SHA256);
    context.update(&[prefix]);
    for part in parts {
        context.update(part);
    }
    digest(context)
}

fn digest(context: Context) -> Hash {
    let mut hash = Hash::default();
    // Both are 32 bytes.
    for (to, from) in hash.iter_mut().zip(context.finish().as_ref()) {
        *to = *from;
    }
    hash
}

/// The state of the tree over the first lines of a journal. Empty in the default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    /// The number of leaves.
    size: u64,
    /// The roots of the complete subtrees, largest first: one for each bit of the size that is 1.
    subtrees: Vec<Hash>,
}

impl Tree {
    /// The tree of this size with these roots of complete subtrees, largest first; `None` unless they are as many as the size has bits that
    /// are 1.
    pub fn from_subtrees(size: u64, subtrees: Vec<Hash>) -> Option<Self> {
        let expected = usize::try_from(size.count_ones()).ok()?;
        (subtrees.len() == expected).then_some(Self { size, subtrees })
    }

    /// The number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The roots of the complete subtrees, largest first.
    pub fn subtrees(&self) -> &[Hash] {
        &self.subtrees
    }

    /// Appends the leaf with this hash: see [`leaf_hash`].
    pub fn push(&mut self, leaf: Hash) {
        let mut root = leaf;
        // As in an addition of 1: each bit that is 1 carries into the next one.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.subtrees.pop() {
                root = node_hash(&left, &root);
            }
        }
        self.subtrees.push(root);
        self.size = self.size.saturating_add(1);
    }

    /// The root of the tree; of the empty one the hash of no bytes.
    pub fn root(&self) -> Hash {
        let from_smallest = self.subtrees.iter().rev().copied();
        from_smallest
            .reduce(|right, left| node_hash(&left, &right))
            .unwrap_or_else(|| digest(Context::new(&SHA256)))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{super::line_start::hex, *};

    /// The leaves of the well-known vectors.
    pub(crate) const LEAVES: [&[u8]; 8] = [
        b"",
        &[0x00],
        &[0x10],
        &[0x20, 0x21],
        &[0x30, 0x31],
        &[0x40, 0x41, 0x42, 0x43],
        &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
        &[
            0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d,
            0x6e, 0x6f,
        ],
    ];

    /// The roots of the trees of their first 0 to 8.
    const ROOTS: [&str; 9] = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    #[test]
    fn the_roots_are_those_of_rfc_6962() {
        let mut tree = Tree::default();
        let mut roots = vec![hex(&tree.root())];
        for leaf in LEAVES {
            tree.push(leaf_hash(leaf));
            roots.push(hex(&tree.root()));
        }
        assert_eq!(roots, ROOTS);
    }

    /// The definition of the RFC: split at the largest power of two below the size.
    fn root_by_definition(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => digest(Context::new(&SHA256)),
            [leaf] => *leaf,
            _ => {
                let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
                node_hash(&root_by_definition(left), &root_by_definition(right))
            }
        }
    }

    #[test]
    fn the_root_of_each_size_is_that_of_the_definition_and_a_tree_goes_on_from_its_subtrees() {
        let leaves: Vec<Hash> = (0..300_u32).map(|n| leaf_hash(&n.to_be_bytes())).collect();
        let mut tree = Tree::default();
        for (n, leaf) in leaves.iter().enumerate() {
            assert_eq!(tree.root(), root_by_definition(&leaves[..n]), "{n}");
            tree = Tree::from_subtrees(tree.size(), tree.subtrees().to_vec()).unwrap();
            tree.push(*leaf);
        }
        assert_eq!(tree.size(), 300);
    }

    #[test]
    fn a_state_of_another_size_is_none() {
        for (size, subtrees) in [(0, 1), (1, 0), (3, 1), (4, 2), (u64::MAX, 63)] {
            let subtrees = vec![Hash::default(); subtrees];
            assert_eq!(Tree::from_subtrees(size, subtrees), None, "{size}");
        }
    }
}
