//! The checkpoints of a journal, from beside it and from a second place, in the order of their sizes.

use std::{io, path::Path, sync::Arc};

use super::{
    notes::{Next, NoteReader, Noted, Order},
    options::Options,
    position::Position,
    report::Bad,
};
use crate::audit::stream::ReadError;

const ROLLED_BACK: &str = "the file of checkpoints was rolled back or lines of it were removed: find out who could do that, and keep the copy";

/// What there is of checkpoints.
#[derive(Debug)]
pub(super) struct Checkpoints {
    beside: Source,
    copy: Source,
    /// The name of the file beside the journal.
    name: Arc<str>,
    has_keys: bool,
    /// Whether the checkpoints of the copy must be beside the journal, too.
    is_compared: bool,
    /// What is wrong with the checkpoints themselves.
    pub(super) bad: Option<Box<Bad>>,
    /// Notes that are not whole, at the end of a file.
    pub(super) torn: Vec<Position>,
}

#[derive(Debug, Default)]
struct Source {
    reader: Option<NoteReader>,
    next: Option<Noted>,
    read: u64,
    /// Where the last checkpoint begins that was used.
    last_line: u64,
}

impl Checkpoints {
    pub(super) fn open(beside: Option<&Path>, options: Options<'_>) -> Result<Self, ReadError> {
        let unreadable = |path: &Path| {
            let path = path.to_owned();
            |error| ReadError::Unreadable(path, error)
        };
        // The copy first: what is in it must be beside the journal by the time that is read.
        let copy = match options.copy {
            Some(path) => match NoteReader::open(path, options.keys, Order::Repeated) {
                Ok(Some(reader)) => Some(reader),
                Ok(None) => return Err(unreadable(path)(io::Error::from(io::ErrorKind::NotFound))),
                Err(error) => return Err(unreadable(path)(error)),
            },
            None => None,
        };
        let reader = match beside {
            Some(path) => {
                let opened = NoteReader::open(path, options.keys, Order::Strict);
                opened.map_err(unreadable(path))?
            }
            None => None,
        };
        let name = beside.and_then(Path::file_name);
        let mut checkpoints = Self {
            is_compared: copy.is_some() && beside.is_some(),
            beside: Source::of(reader),
            copy: Source::of(copy),
            name: name.unwrap_or_default().to_string_lossy().into(),
            has_keys: !options.keys.is_empty(),
            bad: None,
            torn: Vec::new(),
        };
        checkpoints.fill();
        Ok(checkpoints)
    }

    /// Whether there is any, good or bad.
    pub(super) fn are_some(&self) -> bool {
        self.beside.read.max(self.copy.read) > 0 || self.bad.is_some()
    }

    /// Whether signatures are checked.
    pub(super) fn has_keys(&self) -> bool {
        self.has_keys
    }

    /// The next checkpoint over at most this many lines.
    pub(super) fn next_up_to(&mut self, size: u64) -> Option<Noted> {
        let (beside, copy) = (self.beside.size(), self.copy.size());
        let smallest = [beside, copy].into_iter().flatten().min()?;
        if smallest > size {
            return None;
        }
        let noted = match (beside == Some(smallest), copy == Some(smallest)) {
            (true, true) => self.both(),
            (true, false) => self.beside.next.take(),
            _ => self.copy.next.take(),
        }?;
        if beside == Some(smallest) {
            self.beside.last_line = noted.position.line;
        } else if self.is_compared && self.bad.is_none() {
            self.bad = Some(self.rolled_back(&noted));
        }
        self.fill();
        Some(noted)
    }

    /// Two checkpoints of the same size: the one beside the journal, unless they differ.
    fn both(&mut self) -> Option<Noted> {
        let (beside, copy) = (self.beside.next.take()?, self.copy.next.take()?);
        if beside.checkpoint == copy.checkpoint {
            return Some(beside);
        }
        let expected = format!(
            "the checkpoint over {} lines that the copy has",
            beside.checkpoint.size
        );
        let found = "another one over the same lines";
        let bad = Bad::new(beside.position.clone(), expected, found, ROLLED_BACK);
        self.bad.get_or_insert(bad);
        Some(beside)
    }

    fn rolled_back(&self, noted: &Noted) -> Box<Bad> {
        let position = Position {
            file: Arc::clone(&self.name),
            line: self.beside.last_line,
            offset: 0,
            index: noted.checkpoint.size.checked_sub(1),
        };
        let expected = format!(
            "the checkpoint over {} lines, which the copy has in line {}",
            noted.checkpoint.size, noted.position.line
        );
        Bad::new(position, expected, "a file without it", ROLLED_BACK)
    }

    fn fill(&mut self) {
        for source in [&mut self.beside, &mut self.copy] {
            let Some(reader) = source.reader.as_mut().filter(|_| source.next.is_none()) else {
                continue;
            };
            match reader.next() {
                Ok(Next::Checkpoint(noted)) => {
                    source.read = source.read.saturating_add(1);
                    source.next = Some(noted);
                }
                Ok(Next::Torn(position)) => {
                    self.torn.push(position);
                    source.reader = None;
                }
                Ok(Next::End) => source.reader = None,
                Err(bad) => {
                    self.bad.get_or_insert(bad);
                    source.reader = None;
                    // What one file has, the other cannot be held to any more.
                    self.is_compared = false;
                }
            }
        }
    }
}

impl Source {
    fn of(reader: Option<NoteReader>) -> Self {
        Self {
            reader,
            last_line: 1,
            ..Self::default()
        }
    }

    fn size(&self) -> Option<u64> {
        self.next.as_ref().map(|noted| noted.checkpoint.size)
    }
}
