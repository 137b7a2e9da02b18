//! The lines of all files of a journal, in their order.

use std::{io, path::PathBuf, sync::Arc, vec::IntoIter};

use super::{
    files::{JournalFile, JournalFiles},
    lines::{Ending, LineReader, ReadLine},
};

/// Reads the lines of a journal, one at a time.
#[derive(Debug)]
pub struct Stream {
    files: IntoIter<Arc<JournalFile>>,
    current: Option<(Arc<JournalFile>, LineReader)>,
}

/// A line as it is in its file.
#[derive(Debug, Clone)]
pub struct RawLine {
    /// The file.
    pub file: Arc<JournalFile>,
    /// The line of the file, from 1 on.
    pub number: u64,
    /// Where it begins, in bytes from the start of the file; of a compressed file, of its content.
    pub offset: u64,
    /// Its length in bytes.
    pub length: u64,
    /// How it ends.
    pub ending: Ending,
    /// Its bytes with the newline. If it is too long, those of its beginning.
    pub bytes: Vec<u8>,
}

/// Why lines cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The system cannot read the file.
    #[error("cannot read `{path}`: {error}", path = .0.display(), error = .1)]
    Unreadable(PathBuf, io::Error),
    /// What is compressed is damaged.
    #[error("`{name}` cannot be decompressed after line {line}: {error}", name = .file.name)]
    Damaged {
        /// The file.
        file: Arc<JournalFile>,
        /// The last line that could be read.
        line: u64,
        /// What the decoder says.
        error: io::Error,
    },
}

impl Stream {
    /// Begins with the first line.
    pub fn new(journal: &JournalFiles) -> Self {
        Self::of(journal.files.clone())
    }

    /// Begins with the first line of the first of these files.
    pub fn of(files: Vec<Arc<JournalFile>>) -> Self {
        Self {
            files: files.into_iter(),
            current: None,
        }
    }

    /// Begins with a line of the first file that begins at this offset, if the file was not compressed when it was found.
    pub(super) fn at(mut files: Vec<Arc<JournalFile>>, offset: u64) -> Result<Self, ReadError> {
        let seekable = files
            .first()
            .filter(|first| offset > 0 && first.is_seekable());
        let Some(first) = seekable.cloned() else {
            return Ok(Self::of(files));
        };
        files.remove(0);
        let opened = first.open_at(offset);
        let opened = opened.map_err(|error| ReadError::Unreadable(first.path.clone(), error))?;
        let mut stream = Self::of(files);
        stream.current = opened.map(|input| (first, LineReader::at(input, offset)));
        Ok(stream)
    }

    /// The next line; `None` at the end of the journal.
    pub fn next_line(&mut self) -> Result<Option<RawLine>, ReadError> {
        loop {
            let Some((file, reader)) = &mut self.current else {
                match self.files.next() {
                    Some(file) => self.begin(file)?,
                    None => return Ok(None),
                }
                continue;
            };
            let mut bytes = Vec::new();
            match reader.read(&mut bytes) {
                Ok(Some(read)) => return Ok(Some(raw(Arc::clone(file), read, bytes))),
                Ok(None) => self.current = None,
                Err(error) => {
                    let error = failed(file, reader, error);
                    self.current = None;
                    return Err(error);
                }
            }
        }
    }

    /// Passes over the other lines of the file whose line was read last.
    pub fn skip_file(&mut self) {
        self.current = None;
    }

    /// The file whose lines come after those of this one.
    pub fn next_file(&self) -> Option<&Arc<JournalFile>> {
        self.files.as_slice().first()
    }

    fn begin(&mut self, file: Arc<JournalFile>) -> Result<(), ReadError> {
        let opened = file.open();
        let opened = opened.map_err(|error| ReadError::Unreadable(file.path.clone(), error))?;
        self.current = opened.map(|input| (file, LineReader::new(input)));
        Ok(())
    }
}

pub(super) fn raw(file: Arc<JournalFile>, read: ReadLine, bytes: Vec<u8>) -> RawLine {
    RawLine {
        file,
        number: read.number,
        offset: read.offset,
        length: read.length,
        ending: read.ending,
        bytes,
    }
}

fn failed(file: &Arc<JournalFile>, reader: &LineReader, error: io::Error) -> ReadError {
    // Only the system's errors have a number: others are the decoder's.
    if error.raw_os_error().is_some() || !file.is_compressed() {
        return ReadError::Unreadable(file.path.clone(), error);
    }
    ReadError::Damaged {
        file: Arc::clone(file),
        line: reader.lines_read(),
        error,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_that_is_compressed_after_its_offset_was_found_is_read_from_there() {
        let folder = tempfile::tempdir().unwrap();
        let name = format!("decisions-{:020}.jsonl", 0);
        let path = folder.path().join(&name);
        fs::write(&path, "one\ntwo\nthree\n").unwrap();
        let found = JournalFiles::find(&[folder.path().to_owned()]).unwrap();
        let rest = || {
            let mut stream = Stream::at(found.files.clone(), 4).unwrap();
            let next = || stream.next_line().unwrap();
            let lines = std::iter::from_fn(next).map(|line| (line.offset, line.bytes));
            lines.collect::<Vec<_>>()
        };
        let expected = vec![(4, b"two\n".to_vec()), (8, b"three\n".to_vec())];
        assert_eq!(rest(), expected);
        let bytes = zstd::encode_all(&*fs::read(&path).unwrap(), 3).unwrap();
        fs::write(folder.path().join(format!("{name}.zst")), bytes).unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!(rest(), expected);
    }
}
