//! What a verification finds.

use super::position::Position;
use crate::journal::merkle::Hash;

/// Notes that are kept; beyond that they are counted.
const NOTES_MAX: usize = 1000;

/// What a verification has found.
#[derive(Debug, Default)]
pub struct Report {
    /// The first bad line; `None` if all holds.
    pub bad: Option<Bad>,
    /// What is not bad, but to be known.
    pub notes: Vec<Note>,
    /// Notes beyond those.
    pub notes_suppressed: u64,
    /// How many files were read.
    pub files: u64,
    /// How many lines of version 2 were read.
    pub lines: u64,
    /// How many lines of the first format, which are in no chain.
    pub unchained: u64,
    /// The index of the first line.
    pub first_index: Option<u64>,
    /// The index that the next line would have: the size of the tree.
    pub next_index: u64,
    /// The root of the tree over all lines; `None` if its state is not known.
    pub root: Option<Hash>,
    /// The checkpoints.
    pub checkpoints: CheckpointCounts,
}

/// What was found of checkpoints.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CheckpointCounts {
    /// Whether signatures were verified.
    pub signatures_checked: bool,
    /// How many fit the lines.
    pub matched: u64,
    /// How many are about lines that are not here any more, so that they could not be compared.
    pub not_comparable: u64,
    /// How many lines the last one that fits covers.
    pub covered: Option<u64>,
}

/// A line that should not be as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bad {
    /// Where it is.
    pub position: Position,
    /// What should be there.
    pub expected: String,
    /// What is there.
    pub found: String,
    /// What to do.
    pub hint: &'static str,
}

/// Something that is not bad, but to be known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Its kind, for programs.
    pub kind: &'static str,
    /// Where it is.
    pub position: Option<Position>,
    /// What it is.
    pub text: String,
}

impl Report {
    pub(super) fn note(&mut self, kind: &'static str, position: Option<Position>, text: String) {
        if self.notes.len() < NOTES_MAX {
            self.notes.push(Note {
                kind,
                position,
                text,
            });
        } else {
            self.notes_suppressed = self.notes_suppressed.saturating_add(1);
        }
    }
}

impl Bad {
    pub(super) fn new(
        position: Position,
        expected: impl Into<String>,
        found: impl Into<String>,
        hint: &'static str,
    ) -> Box<Self> {
        Box::new(Self {
            position,
            expected: expected.into(),
            found: found.into(),
            hint,
        })
    }
}
