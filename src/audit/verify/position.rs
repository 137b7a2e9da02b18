//! Where a line is.

use std::sync::Arc;

use crate::audit::{files::JournalFile, stream::RawLine};

/// The place of a line in its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The name of the file.
    pub file: Arc<str>,
    /// The line, from 1 on.
    pub line: u64,
    /// Where it begins, in bytes from the start of the file.
    pub offset: u64,
    /// Its index, if it has one or should have one.
    pub index: Option<u64>,
}

impl Position {
    /// Of a line that was read, which should have this index.
    pub(super) fn of(raw: &RawLine, index: u64) -> Self {
        Self {
            file: Arc::from(&*raw.file.name),
            line: raw.number,
            offset: raw.offset,
            index: Some(index),
        }
    }

    /// Of the line behind the last one of a file that could be read.
    pub(super) fn after(file: &JournalFile, line: u64, index: u64) -> Self {
        Self {
            file: Arc::from(&*file.name),
            line: line.saturating_add(1),
            offset: 0,
            index: Some(index),
        }
    }
}
