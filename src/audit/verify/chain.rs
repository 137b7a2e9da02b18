//! The walk along the lines: each is held against what the lines before it and the checkpoints say.

mod end;
mod tree;

use std::io;

use super::{
    broken::{Before, Break, GAP_WITHIN, is_explaining_gap},
    checkpoints::Checkpoints,
    files::FileState,
    position::Position,
    report::{Bad, Report},
};
use crate::{
    audit::{
        files::JournalFile,
        line::{Line, Parsed, to_hex},
        lines::{Ending, LINE_BYTES_MAX},
        stream::RawLine,
    },
    journal::merkle::{Hash, Tree},
};

const CHANGED: &str = "the line was changed: find the original, in a backup or at a collector, and find out who could change the file";
const OLDER: &str =
    "name the older files of the journal before this one, in the order of their lines";
const REMOVED: &str = "lines were removed, added or moved here: find the original, in a backup or at a collector, and find out who could change the files";

/// What to read next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Go {
    /// The next line.
    On,
    /// The first line of the next file.
    NextFile,
}

/// The state after the lines that were read.
#[derive(Debug)]
pub(super) struct Walk {
    is_folder: bool,
    report: Report,
    checkpoints: Checkpoints,
    files: FileState,
    /// The state of the chain; `None` before the first line of version 2.
    chain: Option<Chain>,
    broken: Option<Break>,
    /// If the first line has not index 0: that it is not known why.
    beginning_missing: Option<(Hash, Box<Bad>)>,
    /// The first line behind the last checkpoint that fits.
    uncovered: Option<Position>,
    /// A line that is not whole, as the last one of its file.
    torn: Option<Box<Bad>>,
}

/// The chain after a line.
#[derive(Debug, Clone)]
pub(super) struct Chain {
    /// The index of the next line.
    next: u64,
    /// The hash of the last line.
    previous: Hash,
    /// The tree over all lines; `None` where its state is not known.
    tree: Option<Tree>,
    /// The tree without the last line.
    tree_before: Option<Tree>,
    /// The last line.
    position: Position,
    /// Whether it was the end of a process.
    is_stopped: bool,
}

impl Walk {
    pub(super) fn new(is_folder: bool, checkpoints: Checkpoints) -> Self {
        let mut report = Report::default();
        report.checkpoints.signatures_checked = checkpoints.has_keys();
        Self {
            is_folder,
            report,
            checkpoints,
            files: FileState::default(),
            chain: None,
            broken: None,
            beginning_missing: None,
            uncovered: None,
            torn: None,
        }
    }

    /// Takes the next line. `next_first` is the index that the name of the next file has.
    pub(super) fn line(&mut self, raw: &RawLine, next_first: Option<u64>) -> Result<Go, Box<Bad>> {
        let is_first = self.files.is_first(raw);
        if is_first {
            self.files.begin(raw);
            self.report.files = self.report.files.saturating_add(1);
            self.torn_before();
        }
        let index = self.chain.as_ref().map_or(0, |chain| chain.next);
        let is_superseded = self.chain.is_some() && next_first == Some(index);
        if is_superseded && raw.ending != Ending::Torn {
            return Ok(self.superseded(raw, index));
        }
        match self.parsed(raw, index) {
            Ok(Some(Parsed::Chained(line))) => self.chained(raw, &line, is_first)?,
            Ok(Some(Parsed::Unchained)) => self.unchained(raw, index)?,
            Ok(None) => {}
            Err(bad) => return Err(self.decided(None).unwrap_or(bad)),
        }
        Ok(Go::On)
    }

    /// Reads a line; `None` if it is not whole.
    fn parsed(&mut self, raw: &RawLine, index: u64) -> Result<Option<Parsed>, Box<Bad>> {
        let expected = || match index {
            0 => "a line of a journal".to_owned(),
            index => format!("the line with index {index}"),
        };
        let position = Position::of(raw, index);
        match raw.ending {
            Ending::Whole => Parsed::parse(&raw.bytes)
                .map(Some)
                .map_err(|error| Bad::new(position, expected(), error.to_string(), CHANGED)),
            Ending::TooLong => {
                let found = format!("a line of more than {LINE_BYTES_MAX} bytes");
                Err(Bad::new(position, expected(), found, CHANGED))
            }
            Ending::Torn => {
                let found = format!("{} bytes without a newline", raw.length);
                self.torn = Some(Bad::new(position, expected(), found, CHANGED));
                Ok(None)
            }
        }
    }

    /// A line that is not whole may end the journal, because it is being written. Where another file follows, a `gap` must say why.
    fn torn_before(&mut self) {
        if let Some(behind) = self.torn.take() {
            self.broken.get_or_insert(Break {
                behind,
                before: None,
                is_torn: true,
                lines: 0,
            });
        }
    }

    /// The lines from this one on are recorded again in the next file. A `gap` there must say why.
    fn superseded(&mut self, raw: &RawLine, index: u64) -> Go {
        let position = Position::of(raw, index);
        let text = "lines from here on were not confirmed, and are in the next file".to_owned();
        self.report
            .note("recorded_again", Some(position.clone()), text);
        let expected =
            format!("the end of the file, because the next one begins with index {index}");
        self.broken.get_or_insert(Break {
            behind: Bad::new(position, expected, "another line", REMOVED),
            before: None,
            is_torn: false,
            lines: 0,
        });
        self.files.end(false);
        Go::NextFile
    }

    fn unchained(&mut self, raw: &RawLine, index: u64) -> Result<(), Box<Bad>> {
        if self.chain.is_some() || raw.file.first_index.is_some() {
            let expected = format!("the line with index {index}");
            let found = "a line without `v`: those of the first format stand before all others";
            let bad = Bad::new(Position::of(raw, index), expected, found, REMOVED);
            return Err(self.decided(None).unwrap_or(bad));
        }
        self.files.add(raw, false);
        self.report.unchained = self.report.unchained.saturating_add(1);
        Ok(())
    }

    fn chained(&mut self, raw: &RawLine, line: &Line, is_first: bool) -> Result<(), Box<Bad>> {
        let previous = self.chain.as_ref().map(|chain| chain.previous);
        let checked = self.files.check(raw, line, is_first, previous.as_ref());
        checked.or_else(|bad| Err(self.decided(Some(line)).unwrap_or(bad)))?;
        self.follow(raw, line)?;
        self.explained(raw, line)?;
        let chain = self.chain.take();
        let tree = self.state_of_tree(raw, line, chain.as_ref())?;
        let size = line.index;
        if let Some(noted) = self.compare(size, tree.as_ref()) {
            self.unfit(&noted)?;
        }
        let position = Position::of(raw, size);
        self.uncovered.get_or_insert(position.clone());
        self.files.add(raw, line.is_event("segment_closed"));
        self.report.lines = self.report.lines.saturating_add(1);
        self.report.first_index.get_or_insert(size);
        let mut after = tree.clone();
        if let Some(tree) = &mut after {
            tree.push(line.hash);
        }
        self.chain = Some(Chain {
            next: size.saturating_add(1),
            previous: line.hash,
            tree: after,
            tree_before: tree,
            position,
            is_stopped: line.is_event("journal_stopped"),
        });
        self.noted(raw, line);
        Ok(())
    }

    /// Holds the index and the hash of the line before against the lines before.
    fn follow(&mut self, raw: &RawLine, line: &Line) -> Result<(), Box<Bad>> {
        let Some(chain) = &self.chain else {
            return self.first(raw, line);
        };
        if line.index == chain.next && line.previous == chain.previous {
            return Ok(());
        }
        let is_start = line.index == 0 && line.previous == Hash::default();
        if is_start && !self.is_folder && line.is_event("journal_started") {
            let text = "another journal begins here, as with each process that writes to stdout";
            let position = Position::of(raw, 0);
            self.report
                .note("journal_started_again", Some(position), text.to_owned());
            self.chain = None;
            self.uncovered = None;
            return Ok(());
        }
        if let Some(bad) = self.decided(Some(line)) {
            return Err(bad);
        }
        self.broken = self.chain.as_ref().map(|chain| broken(raw, line, chain));
        Ok(())
    }

    /// The first line of version 2.
    fn first(&mut self, raw: &RawLine, line: &Line) -> Result<(), Box<Bad>> {
        let position = || Position::of(raw, line.index);
        if line.index > 0 {
            let expected = format!(
                "the lines 0 to {}, or a `segment_removed` that says that retention removed them",
                line.index.saturating_sub(1)
            );
            let found = format!("the line with index {} as the first one", line.index);
            let hint = if line.json.get("previous_file").is_some() && !self.is_folder {
                OLDER
            } else {
                REMOVED
            };
            let bad = Bad::new(position(), expected, found, hint);
            self.beginning_missing = Some((line.previous, bad));
        } else if line.previous != Hash::default() {
            let expected = "64 zeros as `previous`, because nothing is before index 0";
            return Err(Bad::new(
                position(),
                expected,
                to_hex(&line.previous),
                CHANGED,
            ));
        }
        Ok(())
    }

    /// Whether the broken place is explained by this line, or by none.
    fn explained(&mut self, raw: &RawLine, line: &Line) -> Result<(), Box<Bad>> {
        if let Some(broken) = &mut self.broken {
            broken.lines = broken.lines.saturating_add(1);
            if broken.is_explained_by(line) {
                self.broken = None;
            } else if broken.is_over() {
                // The line before this one follows the place.
                return Err(self.decided(Some(line)).unwrap_or_else(|| {
                    Bad::new(Position::of(raw, line.index), "a `gap`", "none", REMOVED)
                }));
            }
        }
        // A file that was truncated goes on with the index that comes next, and says so.
        if !self.is_folder && self.report.lines < GAP_WITHIN && is_explaining_gap(line) {
            self.beginning_missing = None;
        }
        Ok(())
    }

    /// The bad line of a broken place that nothing has explained, if this line, or none, comes next.
    fn decided(&mut self, next: Option<&Line>) -> Option<Box<Bad>> {
        let broken = self.broken.take()?;
        let chain = self.chain.as_ref();
        let last = chain.map(|chain| chain.previous).unwrap_or_default();
        Some(broken.decided(&last, next))
    }

    /// That a compressed file is damaged.
    pub(super) fn damaged(&mut self, file: &JournalFile, line: u64, error: &io::Error) -> Bad {
        let index = self.chain.as_ref().map_or(0, |chain| chain.next);
        let bad = Bad::new(
            Position::after(file, line, index),
            format!("the line with index {index}"),
            format!("what cannot be decompressed: {error}"),
            CHANGED,
        );
        *self.decided(None).unwrap_or(bad)
    }
}

/// The place between the last line and this one, which does not follow it.
fn broken(raw: &RawLine, line: &Line, chain: &Chain) -> Break {
    let next = chain.next;
    let (expected, found) = if line.index == next {
        (
            format!(
                "`previous` {}, the hash of the line before",
                to_hex(&chain.previous)
            ),
            to_hex(&line.previous),
        )
    } else {
        (
            format!("the line with index {next}"),
            format!("index {}", line.index),
        )
    };
    let before = (line.index == next).then(|| Before {
        bad: Bad::new(
            chain.position.clone(),
            format!(
                "a line with the hash {}, which the next line has as `previous`",
                to_hex(&line.previous)
            ),
            format!("one with the hash {}", to_hex(&chain.previous)),
            CHANGED,
        ),
        tree: chain.tree_before.clone(),
        claimed: line.previous,
    });
    let hint = if before.is_some() { CHANGED } else { REMOVED };
    Break {
        behind: Bad::new(Position::of(raw, next), expected, found, hint),
        before,
        is_torn: false,
        lines: 0,
    }
}
