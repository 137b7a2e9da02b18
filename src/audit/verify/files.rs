//! Where files of a journal begin and end: their names, headers and trailers.

use std::sync::Arc;

use super::{position::Position, report::Bad};
use crate::{
    audit::{
        files::JournalFile,
        line::{Line, number},
        stream::RawLine,
    },
    journal::{from_hex, hex, merkle::Hash},
    json::StrictJson,
};

const HINT: &str = "find the original of this file, in a backup or at a collector, and find out who could change it";

/// The file whose lines are read, and the one before it.
#[derive(Debug, Default)]
pub(super) struct FileState {
    file: Option<Arc<JournalFile>>,
    /// Whether its last line was read.
    is_closed: bool,
    /// The bytes of its whole lines.
    bytes: u64,
    /// How many those are.
    lines: u64,
    before: Option<FileEnd>,
}

#[derive(Debug)]
struct FileEnd {
    file: Arc<JournalFile>,
    bytes: u64,
    is_closed: bool,
    /// Whether all of its lines belong to the journal.
    is_whole: bool,
}

impl FileState {
    /// Whether this line is the first of its file.
    pub(super) fn is_first(&self, raw: &RawLine) -> bool {
        self.file
            .as_ref()
            .is_none_or(|file| !Arc::ptr_eq(file, &raw.file))
    }

    /// Begins with the first line of a file.
    pub(super) fn begin(&mut self, raw: &RawLine) {
        self.end(true);
        self.file = Some(Arc::clone(&raw.file));
        self.is_closed = false;
        self.bytes = 0;
        self.lines = 0;
    }

    /// Ends with the file whose lines were read.
    pub(super) fn end(&mut self, is_whole: bool) {
        if let Some(file) = self.file.take() {
            self.before = Some(FileEnd {
                file,
                bytes: self.bytes,
                is_closed: self.is_closed,
                is_whole,
            });
        }
    }

    /// What is wrong with the place of a line in its file, given the hash of the line before.
    pub(super) fn check(
        &self,
        raw: &RawLine,
        line: &Line,
        is_first: bool,
        previous: Option<&Hash>,
    ) -> Result<(), Box<Bad>> {
        let bad = |expected: String, found: String| misplaced(raw, line, expected, found);
        if self.is_closed {
            let expected = "the end of the file, which `segment_closed` ended".to_owned();
            return bad(expected, "another line".to_owned());
        }
        let Some(index) = raw.file.first_index.filter(|_| is_first) else {
            return Ok(());
        };
        if line.index != index {
            let expected = format!("the line with index {index}, as the name of the file says");
            return bad(expected, format!("index {}", line.index));
        }
        if !line.is_event("segment_opened") {
            let expected = "the event `segment_opened` as the first line of a segment".to_owned();
            return bad(expected, "another line".to_owned());
        }
        let Some(header) = line.json.get("previous_file") else {
            return match index {
                0 => Ok(()),
                _ => bad(
                    "`previous_file`".to_owned(),
                    "a header without it".to_owned(),
                ),
            };
        };
        self.check_header(raw, line, header, previous)
    }

    fn check_header(
        &self,
        raw: &RawLine,
        line: &Line,
        header: &StrictJson,
        previous: Option<&Hash>,
    ) -> Result<(), Box<Bad>> {
        let bad = |expected: String, found: String| misplaced(raw, line, expected, found);
        let last_hash = header.get("last_hash").and_then(StrictJson::text);
        if last_hash.and_then(from_hex) != Some(line.previous) {
            let expected = format!("`previous_file.last_hash` {}", hex(&line.previous));
            return bad(expected, last_hash.unwrap_or("none").to_owned());
        }
        // Where lines are missing, the file before is not there.
        let Some(before) = self
            .before
            .as_ref()
            .filter(|_| previous == Some(&line.previous))
        else {
            return Ok(());
        };
        let name = header.get("name").and_then(StrictJson::text);
        if name != Some(before.file.plain_name()) {
            let expected = format!("`previous_file.name` `{}`", before.file.plain_name());
            return bad(expected, format!("`{}`", name.unwrap_or("none")));
        }
        let size = number(header, "size");
        if before.is_whole && size != Some(before.bytes) {
            let expected = format!("`previous_file.size` {}", before.bytes);
            return bad(
                expected,
                size.map_or("none".to_owned(), |size| size.to_string()),
            );
        }
        if before.file.is_compressed() && !before.is_closed {
            let expected = format!("`{}` with `segment_closed` at its end", before.file.name);
            return bad(expected, "a compressed file without it".to_owned());
        }
        Ok(())
    }

    /// Counts a whole line.
    pub(super) fn add(&mut self, raw: &RawLine, is_closing: bool) {
        self.bytes = self.bytes.saturating_add(raw.length);
        self.lines = self.lines.saturating_add(1);
        self.is_closed = is_closing;
    }

    /// The last file, if it is compressed although it has no end.
    pub(super) fn unclosed_compressed(&self) -> Option<&Arc<JournalFile>> {
        let before = self.before.as_ref()?;
        let is_unclosed = before.file.is_compressed() && before.file.first_index.is_some();
        (is_unclosed && !before.is_closed).then_some(&before.file)
    }

    /// How many whole lines of the file were read.
    pub(super) fn lines(&self) -> u64 {
        self.lines
    }

    /// The name of the file that was read last.
    pub(super) fn last(&self) -> Option<&Arc<JournalFile>> {
        let before = self.before.as_ref().map(|before| &before.file);
        self.file.as_ref().or(before)
    }
}

/// A line is not what belongs to its place in the file.
fn misplaced(raw: &RawLine, line: &Line, expected: String, found: String) -> Result<(), Box<Bad>> {
    let position = Position::of(raw, line.index);
    Err(Bad::new(position, expected, found, HINT))
}
