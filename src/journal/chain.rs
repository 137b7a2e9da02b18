//! The chain of lines: each line of version 2 begins with its index and the hash of the line before, and is a leaf of the tree.

use super::{
    line_start::push_start,
    merkle::{Hash, Tree, leaf_hash},
};
use crate::policy::Timestamp;

/// The state of the chain after a line: all that the next line and the tree need of the lines before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Chain {
    tree: Tree,
    /// The hash of the last line; zeros before the first.
    previous: Hash,
}

impl Chain {
    /// The chain after lines whose tree is in this state, and the last of which has this hash.
    pub(super) fn after(tree: Tree, previous: Hash) -> Self {
        Self { tree, previous }
    }

    /// The index of the next line.
    pub(super) fn index(&self) -> u64 {
        self.tree.size()
    }

    /// The tree over all lines.
    pub(super) fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The hash of the last line.
    pub(super) fn previous(&self) -> &Hash {
        &self.previous
    }

    /// Appends a line with this body, the text of a JSON object that is not empty, to these lines.
    pub(super) fn append(&mut self, lines: &mut Vec<u8>, at: Timestamp, body: &[u8]) {
        let start = lines.len();
        push_start(lines, self.index(), &self.previous, at);
        // Without its opening brace.
        lines.extend_from_slice(body.get(1..).unwrap_or_default());
        lines.push(b'\n');
        self.push(lines.get(start..).unwrap_or_default());
    }

    /// Goes on after a line that is there already, its newline included.
    pub(super) fn push(&mut self, line: &[u8]) {
        self.previous = leaf_hash(line);
        self.tree.push(self.previous);
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::line_start::{LineStart, hex},
        *,
    };
    use crate::policy::from_millis;

    #[test]
    fn each_line_has_its_index_and_the_hash_of_the_line_before() {
        let (mut chain, mut lines) = (Chain::default(), Vec::new());
        chain.append(&mut lines, from_millis(1_500), br#"{"event":"a"}"#);
        let first = lines.clone();
        chain.append(&mut lines, from_millis(2_000), br#"{"event":"b"}"#);
        let zeros = "0".repeat(64);
        let hash = hex(&leaf_hash(&first));
        let expected = format!(
            "{{\"v\":2,\"index\":0,\"previous\":\"{zeros}\",\"at\":\"1970-01-01T00:00:01.500Z\",\"event\":\"a\"}}\n\
             {{\"v\":2,\"index\":1,\"previous\":\"{hash}\",\"at\":\"1970-01-01T00:00:02.000Z\",\"event\":\"b\"}}\n"
        );
        assert_eq!(String::from_utf8(lines.clone()).unwrap(), expected);
        let second = LineStart::parse(&lines[first.len()..]).unwrap();
        assert_eq!(second.index, 1);
        assert_eq!(second.previous, leaf_hash(&first));
        assert_eq!(second.at, from_millis(2_000));
        assert!(second.is_event("b") && !second.is_event("bb") && !second.is_event(""));
        let mut again = Chain::default();
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            again.push(line);
        }
        assert_eq!(again, chain);
    }
}
