//! The chain of lines: each line of version 2 begins with its index and the hash of the line before, and is a leaf of the tree.

use std::io::Write as _;

use super::merkle::{Hash, Tree, leaf_hash};
use crate::policy::{Timestamp, rfc3339};

/// What each line of this version begins with.
const START: &[u8] = b"{\"v\":2,\"index\":";
const PREVIOUS: &[u8] = b",\"previous\":\"";
const AT: &[u8] = b"\",\"at\":\"";
/// Two characters for each byte of a hash.
const HEX_LENGTH: usize = 64;
const DIGITS: &[u8; 16] = b"0123456789abcdef";

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
        lines.extend_from_slice(START);
        // Writing to memory cannot fail.
        let _ = write!(lines, "{}", self.index());
        lines.extend_from_slice(PREVIOUS);
        push_hex(lines, &self.previous);
        lines.extend_from_slice(AT);
        lines.extend_from_slice(rfc3339(at).as_bytes());
        lines.extend_from_slice(b"\",");
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

/// A hash in lower-case hex.
pub fn hex(hash: &Hash) -> String {
    let mut text = Vec::with_capacity(HEX_LENGTH);
    push_hex(&mut text, hash);
    String::from_utf8(text).unwrap_or_default()
}

fn push_hex(to: &mut Vec<u8>, hash: &Hash) {
    for byte in hash {
        for half in [byte >> 4, byte & 15] {
            to.extend(DIGITS.get(usize::from(half)));
        }
    }
}

/// What a line of version 2 begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Prefix<'l> {
    pub(super) index: u64,
    /// In hex.
    pub(super) previous: &'l [u8],
    /// When: RFC 3339.
    pub(super) at: &'l str,
    /// What follows the comma after `at`.
    pub(super) rest: &'l [u8],
}

impl<'l> Prefix<'l> {
    /// Reads the beginning of a line; `None` if it is not of version 2.
    pub(super) fn of(line: &'l [u8]) -> Option<Self> {
        let (index, rest) = until(line.strip_prefix(START)?, b',')?;
        let index = str::from_utf8(index).ok()?.parse().ok()?;
        let (_, rest) = rest.split_at_checked(PREVIOUS.len().checked_sub(1)?)?;
        let (previous, rest) = rest.split_at_checked(HEX_LENGTH)?;
        let (at, rest) = until(rest.strip_prefix(AT)?, b'"')?;
        Some(Self {
            index,
            previous,
            at: str::from_utf8(at).ok()?,
            rest: rest.strip_prefix(b",")?,
        })
    }

    /// Whether the line is this event.
    pub(super) fn is_event(&self, name: &str) -> bool {
        let rest = self.rest.strip_prefix(b"\"event\":\"");
        let rest = rest.and_then(|rest| rest.strip_prefix(name.as_bytes()));
        rest.is_some_and(|rest| rest.first() == Some(&b'"'))
    }
}

/// What is before the first such byte, and what is after it.
fn until(bytes: &[u8], end: u8) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|byte| *byte == end)?;
    let (before, rest) = bytes.split_at_checked(at)?;
    Some((before, rest.get(1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;
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
        let second = Prefix::of(&lines[first.len()..]).unwrap();
        assert_eq!(second.index, 1);
        assert_eq!(second.previous, hash.as_bytes());
        assert_eq!(second.at, "1970-01-01T00:00:02.000Z");
        assert!(second.is_event("b") && !second.is_event("bb") && !second.is_event(""));
        let mut again = Chain::default();
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            again.push(line);
        }
        assert_eq!(again, chain);
    }

    #[test]
    fn no_part_of_a_prefix_is_taken_for_a_line() {
        let mut lines = Vec::new();
        Chain::default().append(&mut lines, from_millis(0), br#"{"event":"a"}"#);
        let start = lines.iter().position(|b| *b == b'e').unwrap();
        let body = lines.windows(7).position(|w| w == b"\"event\"").unwrap();
        assert!(start < body);
        for end in 0..body {
            assert_eq!(Prefix::of(&lines[..end]), None, "{end}");
        }
        for other in ["", "{}", r#"{"at":"x","decision":"allow"}"#, "\0\0\0\0"] {
            assert_eq!(Prefix::of(other.as_bytes()), None, "{other}");
        }
    }
}
