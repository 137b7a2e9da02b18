//! A block: the lines that are written at once.

use bytes::Bytes;

use super::{
    chain::Chain,
    line_start::LINE_START_MAX,
    own::{Header, Own},
};
use crate::policy::Timestamp;

/// What becomes a line.
#[derive(Debug, Clone)]
pub(super) enum Item<'g> {
    /// An event of the journal itself, recorded now.
    Own(Own),
    /// When it was recorded, and its body.
    Record(Timestamp, &'g [u8]),
}

/// Lines, and the chain before them.
#[derive(Debug)]
pub(super) struct Block {
    before: Chain,
    bytes: Vec<u8>,
    /// The end of each line.
    ends: Vec<usize>,
}

impl Block {
    /// The lines of these items after this chain, in the file whose first line has the index `first`.
    pub(super) fn new(
        items: &[Item<'_>],
        chain: &Chain,
        header: &Header,
        first: u64,
        now: Timestamp,
    ) -> (Self, Chain) {
        let mut after = chain.clone();
        let bodies = items.iter().map(|item| match item {
            Item::Own(_) => 0,
            Item::Record(_, body) => body.len().saturating_add(LINE_START_MAX),
        });
        let mut bytes = Vec::with_capacity(bodies.sum());
        let mut ends = Vec::with_capacity(items.len());
        for item in items {
            match item {
                Item::Own(own) => {
                    let body = own.body(header, &after, first);
                    after.append(&mut bytes, now, &body);
                }
                Item::Record(at, body) => after.append(&mut bytes, *at, body),
            }
            ends.push(bytes.len());
        }
        let block = Self {
            before: chain.clone(),
            bytes,
            ends,
        };
        (block, after)
    }

    /// What is left to write after this many bytes.
    pub(super) fn after(&self, written: usize) -> &[u8] {
        self.bytes.get(written..).unwrap_or_default()
    }

    /// How many lines are whole in its first bytes.
    pub(super) fn whole_lines(&self, written: usize) -> usize {
        self.ends.partition_point(|end| *end <= written)
    }

    /// A copy of its first lines, for those who export them: most journals have nobody who does.
    pub(super) fn first_lines(&self, count: usize) -> Bytes {
        let end = count.checked_sub(1).and_then(|last| self.ends.get(last));
        let lines = self.bytes.get(..end.copied().unwrap_or(0));
        Bytes::copy_from_slice(lines.unwrap_or_default())
    }

    /// How many lines it has.
    pub(super) fn lines(&self) -> usize {
        self.ends.len()
    }

    /// The index of its first line.
    pub(super) fn first(&self) -> u64 {
        self.before.index()
    }

    /// The chain after this many of its lines.
    pub(super) fn chain_after(&self, lines: usize) -> Chain {
        let mut chain = self.before.clone();
        let mut start = 0;
        for end in self.ends.iter().take(lines) {
            chain.push(self.bytes.get(start..*end).unwrap_or_default());
            start = *end;
        }
        chain
    }
}
