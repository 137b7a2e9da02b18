//! The lines that are added to a journal while it is written.

use std::{fs, io, os::unix::fs::MetadataExt as _, path::PathBuf, sync::Arc};

use super::{
    files::{FindError, JournalFile, JournalFiles},
    lines::{Ending, LineReader},
    stream::{RawLine, ReadError, raw},
};

/// Reads what is new in a journal each time that it is asked.
#[derive(Debug)]
pub struct Follow {
    paths: Vec<PathBuf>,
    file: Arc<JournalFile>,
    /// Which file that is, as the system knows it.
    inode: u64,
    /// Where its next line begins.
    offset: u64,
}

/// Why a journal cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// There is no file.
    #[error(transparent)]
    Find(#[from] FindError),
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl Follow {
    /// Follows the last file of this journal from its beginning on; `None` if it has no file that can be followed.
    pub fn open(paths: &[PathBuf], journal: &JournalFiles) -> Option<Self> {
        let file = journal.files.last().filter(|file| file.is_seekable())?;
        Some(Self {
            paths: paths.to_vec(),
            file: Arc::clone(file),
            inode: inode(file),
            offset: 0,
        })
    }

    /// Passes the whole lines that are new to this function.
    pub fn read_new<E: From<FollowError>>(
        &mut self,
        take: &mut dyn FnMut(RawLine) -> Result<(), E>,
    ) -> Result<(), E> {
        loop {
            self.read_file(take)?;
            if !self.next_file().map_err(FollowError::from)? {
                return Ok(());
            }
        }
    }

    fn read_file<E: From<FollowError>>(
        &mut self,
        take: &mut dyn FnMut(RawLine) -> Result<(), E>,
    ) -> Result<(), E> {
        let unreadable = |error| {
            let path = self.file.path.clone();
            FollowError::from(ReadError::Unreadable(path, error))
        };
        let Some(input) = self.file.open_at(self.offset).map_err(unreadable)? else {
            return Ok(());
        };
        let mut lines = LineReader::at(input, self.offset);
        let mut bytes = Vec::new();
        while let Some(read) = lines.read(&mut bytes).map_err(unreadable)? {
            if read.ending == Ending::Torn {
                // It is being written.
                break;
            }
            self.offset = self.offset.saturating_add(read.length);
            take(raw(
                Arc::clone(&self.file),
                read,
                std::mem::take(&mut bytes),
            ))?;
        }
        Ok(())
    }

    /// Whether there is another file to go on with: the next segment, or one that took the place of the file.
    fn next_file(&mut self) -> Result<bool, FindError> {
        let journal = match JournalFiles::find(&self.paths) {
            Ok(journal) => journal,
            // It was moved, and the new one is not there yet.
            Err(FindError::Unreadable(_, error)) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(false);
            }
            Err(error) => return Err(error),
        };
        let next = if journal.is_folder {
            let mut files = journal.files.iter();
            files.find(|file| file.first_index > self.file.first_index)
        } else {
            let last = journal.files.last();
            last.filter(|file| inode(file) != self.inode || file.size < self.offset)
        };
        let Some(next) = next else { return Ok(false) };
        self.inode = inode(next);
        self.file = Arc::clone(next);
        self.offset = 0;
        Ok(true)
    }
}

fn inode(file: &JournalFile) -> u64 {
    fs::metadata(&file.path).map_or(0, |metadata| metadata.ino())
}
