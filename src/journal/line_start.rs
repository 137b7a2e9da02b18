//! What each line of version 2 begins with, as it is written and as every reader requires it: one form, byte by byte.

use std::io::Write as _;

use super::merkle::Hash;
use crate::policy::{Timestamp, push_rfc3339, rfc3339};

const VERSION_AND_INDEX: &[u8] = b"{\"v\":2,\"index\":";
const PREVIOUS: &[u8] = b"\"previous\":\"";
const AT: &[u8] = b"\",\"at\":\"";
/// Two characters for each byte of a hash.
const HEX_LENGTH: usize = 64;
const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// More than the beginning of a line and its newline take.
pub(super) const LINE_START_MAX: usize = 160;

/// The beginning of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineStart<'l> {
    /// The place of the line in the journal.
    pub index: u64,
    /// The hash of the line before.
    pub previous: Hash,
    /// When it was recorded or, for a decision, decided.
    pub at: Timestamp,
    /// What follows the comma after `at`.
    pub(super) rest: &'l [u8],
}

impl<'l> LineStart<'l> {
    /// Reads the beginning of a line; `None` if it has not exactly the form of one.
    pub fn parse(line: &'l [u8]) -> Option<Self> {
        let (digits, rest) = until(line.strip_prefix(VERSION_AND_INDEX)?, b',')?;
        let digits = str::from_utf8(digits).ok()?;
        let index: u64 = digits.parse().ok()?;
        let (previous, rest) = rest.strip_prefix(PREVIOUS)?.split_at_checked(HEX_LENGTH)?;
        let previous = from_hex(str::from_utf8(previous).ok()?)?;
        let (text, rest) = until(rest.strip_prefix(AT)?, b'"')?;
        let text = str::from_utf8(text).ok()?;
        let at: Timestamp = text.parse().ok()?;
        let rest = rest.strip_prefix(b",")?;
        let is_canonical = index.to_string() == digits && rfc3339(at) == text;
        is_canonical.then_some(Self {
            index,
            previous,
            at,
            rest,
        })
    }

    /// Whether the line is this event.
    pub(super) fn is_event(&self, name: &str) -> bool {
        let rest = self.rest.strip_prefix(b"\"event\":\"");
        let rest = rest.and_then(|rest| rest.strip_prefix(name.as_bytes()));
        rest.is_some_and(|rest| rest.first() == Some(&b'"'))
    }
}

/// Appends the beginning of a line, the comma after `at` included.
pub(super) fn push_start(lines: &mut Vec<u8>, index: u64, previous: &Hash, at: Timestamp) {
    lines.extend_from_slice(VERSION_AND_INDEX);
    // Writing to memory cannot fail.
    let _ = write!(lines, "{index},");
    lines.extend_from_slice(PREVIOUS);
    push_hex(lines, previous);
    lines.extend_from_slice(AT);
    push_rfc3339(lines, at);
    lines.extend_from_slice(b"\",");
}

/// A hash in lower-case hex.
pub fn hex(hash: &Hash) -> String {
    let mut text = Vec::with_capacity(HEX_LENGTH);
    push_hex(&mut text, hash);
    String::from_utf8(text).unwrap_or_default()
}

/// A hash that is given in lower-case hex; `None` if the text is no such hash.
pub fn from_hex(text: &str) -> Option<Hash> {
    let digit = |byte: &u8| match byte {
        b'0'..=b'9' => Some(byte.wrapping_sub(b'0')),
        b'a'..=b'f' => Some(byte.wrapping_sub(b'a').wrapping_add(10)),
        _ => None,
    };
    if text.len() != HEX_LENGTH {
        return None;
    }
    let mut hash = Hash::default();
    for (byte, pair) in hash.iter_mut().zip(text.as_bytes().chunks(2)) {
        let [high, low] = pair else { return None };
        *byte = digit(high)? << 4 | digit(low)?;
    }
    Some(hash)
}

fn push_hex(to: &mut Vec<u8>, hash: &Hash) {
    let digit = |half: u8| DIGITS.get(usize::from(half)).copied().unwrap_or_default();
    let pairs = hash.map(|byte| [digit(byte >> 4), digit(byte & 15)]);
    to.extend_from_slice(pairs.as_flattened());
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
    fn no_part_of_a_beginning_is_taken_for_one() {
        let mut lines = Vec::new();
        push_start(&mut lines, 7, &[0xab; 32], from_millis(0));
        let body = lines.len();
        lines.extend_from_slice(b"\"event\":\"a\"}\n");
        let whole = LineStart::parse(&lines).unwrap();
        assert_eq!((whole.index, whole.previous), (7, [0xab; 32]));
        assert_eq!(whole.at, from_millis(0));
        assert_eq!(from_hex(&hex(&whole.previous)), Some(whole.previous));
        for end in 0..body {
            assert_eq!(LineStart::parse(&lines[..end]), None, "{end}");
        }
        for other in ["", "{}", r#"{"at":"x","decision":"allow"}"#, "\0\0\0\0"] {
            assert_eq!(LineStart::parse(other.as_bytes()), None, "{other}");
        }
    }
}
