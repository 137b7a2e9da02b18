//! The signed notes of a file of checkpoints, one after the other.

use std::{
    fs::File,
    io::{self, BufReader, Read as _},
    path::Path,
    sync::Arc,
};

use super::{position::Position, report::Bad};
use crate::{
    audit::lines::{Ending, LineReader},
    journal::{
        checkpoint::Checkpoint,
        signed_note::{NOTE_BYTES_MAX, Note, VerifierKey, is_signature_line},
    },
};

const HINT: &str =
    "compare the file with the checkpoints of the second place, and find out who could change it";

/// Reads checkpoints, as many as there are when it is opened.
#[derive(Debug)]
pub(in crate::audit) struct NoteReader {
    name: Arc<str>,
    keys: Vec<VerifierKey>,
    lines: LineReader,
    /// A line that was read, and belongs to the next note.
    held: Option<Piece>,
    /// How the sizes must ascend.
    order: Order,
    last: Option<Checkpoint>,
}

/// How sizes ascend from one checkpoint to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::audit) enum Order {
    /// Each is larger.
    Strict,
    /// The same checkpoint may be there again: it may be sent twice.
    Repeated,
}

/// A checkpoint, and the line where its note begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::audit) struct Noted {
    pub(in crate::audit) checkpoint: Checkpoint,
    pub(in crate::audit) position: Position,
    /// The whole note.
    pub(in crate::audit) note: Vec<u8>,
}

/// What follows in the file.
#[derive(Debug)]
pub(in crate::audit) enum Next {
    Checkpoint(Noted),
    /// A note that is not whole, at the end of the file.
    Torn(Position),
    End,
}

#[derive(Debug)]
struct Piece {
    bytes: Vec<u8>,
    number: u64,
    offset: u64,
    is_whole: bool,
}

impl NoteReader {
    /// Opens the file; `None` if there is none.
    pub(in crate::audit) fn open(
        path: &Path,
        keys: &[VerifierKey],
        order: Order,
    ) -> io::Result<Option<Self>> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let length = file.metadata()?.len();
        let name = path.file_name().unwrap_or(path.as_os_str());
        Ok(Some(Self {
            name: Arc::from(name.to_string_lossy()),
            keys: keys.to_vec(),
            lines: LineReader::new(Box::new(BufReader::new(file.take(length)))),
            held: None,
            order,
            last: None,
        }))
    }

    /// The next checkpoint. After an error there is no other.
    pub(in crate::audit) fn next(&mut self) -> Result<Next, Box<Bad>> {
        let (note, position) = match self.note()? {
            Assembled::Note(note, position) => (note, position),
            Assembled::Torn(position) => return Ok(Next::Torn(position)),
            Assembled::End => return Ok(Next::End),
        };
        let checkpoint = self.checkpoint(&note, &position)?;
        let position = Position {
            index: checkpoint.size.checked_sub(1),
            ..position
        };
        let follows = match &self.last {
            Some(last) if self.order == Order::Repeated && *last == checkpoint => true,
            Some(last) => last.size < checkpoint.size,
            None => true,
        };
        if !follows {
            let last = self.last.as_ref().map_or(0, |last| last.size);
            let expected = format!("a checkpoint over more than {last} lines");
            let found = format!("one over {} lines", checkpoint.size);
            return Err(Bad::new(position, expected, found, HINT));
        }
        self.last = Some(checkpoint.clone());
        Ok(Next::Checkpoint(Noted {
            checkpoint,
            position,
            note,
        }))
    }

    /// The checkpoint in a note, if a key that was given signed it.
    fn checkpoint(&self, note: &[u8], position: &Position) -> Result<Checkpoint, Box<Bad>> {
        let bad = |found: String| {
            let expected = "a signed checkpoint of the journal";
            Bad::new(position.clone(), expected, found, HINT)
        };
        let parsed =
            Note::parse(note).map_err(|error| bad(format!("a note that is none: {error}")))?;
        let mut text = None;
        let mut failure = None;
        for key in &self.keys {
            match parsed.verified_by(key) {
                Ok(verified) => text = Some((verified, key.name())),
                Err(error) => failure = Some(error),
            }
        }
        let (text, signer) = match (text, failure) {
            (Some((text, name)), _) => (text, Some(name)),
            (None, Some(error)) => return Err(bad(format!("a checkpoint, but {error}"))),
            (None, None) => (parsed.unverified_text(), None),
        };
        let checkpoint =
            Checkpoint::parse(text).map_err(|error| bad(format!("a note, but {error}")))?;
        match signer {
            Some(name) if *checkpoint.origin != *name => Err(bad(format!(
                "a checkpoint of `{}`, signed with the key of `{name}`",
                checkpoint.origin
            ))),
            _ => Ok(checkpoint),
        }
    }

    /// The bytes of the next note.
    fn note(&mut self) -> Result<Assembled, Box<Bad>> {
        let Some(first) = self.piece()? else {
            return Ok(Assembled::End);
        };
        let position = Position {
            file: Arc::clone(&self.name),
            line: first.number,
            offset: first.offset,
            index: None,
        };
        let (mut note, mut part, mut line) = (Vec::new(), Part::Text, first);
        loop {
            let is_empty = line.bytes == b"\n";
            let is_signature = is_signature_line(&line.bytes);
            part = match part {
                _ if !line.is_whole => return Ok(Assembled::Torn(position)),
                Part::Text if is_empty => Part::Empty,
                Part::Text => Part::Text,
                // The reader of notes says what is wrong with it.
                Part::Empty => Part::Signatures,
                Part::Signatures if is_signature => Part::Signatures,
                Part::Signatures => {
                    self.held = Some(line);
                    return Ok(Assembled::Note(note, position));
                }
            };
            note.extend(&line.bytes);
            if note.len() > NOTE_BYTES_MAX {
                let found = "one that does not end";
                return Err(Bad::new(position, "a signed checkpoint", found, HINT));
            }
            line = match (self.piece()?, part) {
                (Some(line), _) => line,
                (None, Part::Signatures) => return Ok(Assembled::Note(note, position)),
                (None, _) => return Ok(Assembled::Torn(position)),
            };
        }
    }

    fn piece(&mut self) -> Result<Option<Piece>, Box<Bad>> {
        if let Some(held) = self.held.take() {
            return Ok(Some(held));
        }
        let mut bytes = Vec::new();
        let read = self.lines.read(&mut bytes).map_err(|error| {
            let position = Position {
                file: Arc::clone(&self.name),
                line: self.lines.lines_read().saturating_add(1),
                offset: 0,
                index: None,
            };
            Bad::new(position, "a file that can be read", error.to_string(), HINT)
        })?;
        Ok(read.map(|read| Piece {
            bytes,
            number: read.number,
            offset: read.offset,
            is_whole: read.ending != Ending::Torn,
        }))
    }
}

enum Assembled {
    Note(Vec<u8>, Position),
    Torn(Position),
    End,
}

/// Which part of a note the last line was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Text,
    Empty,
    Signatures,
}
