//! The lines that are added to a journal while it is written.

use std::{
    fs::{self, File},
    io::{self, BufRead},
    os::unix::fs::MetadataExt as _,
    path::PathBuf,
    sync::Arc,
};

use super::{
    files::{FindError, JournalFile, JournalFiles, reader_at},
    lines::{Ending, LineReader},
    stream::{RawLine, ReadError, raw},
};

/// Reads what is new in a journal each time that it is asked.
#[derive(Debug)]
pub struct Follow {
    paths: Vec<PathBuf>,
    file: Arc<JournalFile>,
    /// It stays open: it can be read to its end also after it was moved, compressed or removed. `None` if it was not opened yet, or is compressed.
    plain: Option<File>,
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
            plain: None,
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
            // Looked for before the file is read: once another one has lines, none is added to it any more.
            let next = self.next_file().map_err(FollowError::from)?;
            self.read_file(take)?;
            let Some(next) = next else { return Ok(()) };
            self.plain = None;
            self.inode = inode(&next);
            self.file = next;
            self.offset = 0;
        }
    }

    fn read_file<E: From<FollowError>>(
        &mut self,
        take: &mut dyn FnMut(RawLine) -> Result<(), E>,
    ) -> Result<(), E> {
        let path = self.file.path.clone();
        let unreadable = |error| FollowError::from(ReadError::Unreadable(path.clone(), error));
        let Some(input) = self.input().map_err(unreadable)? else {
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

    /// What is new in the file; `None` if it has been removed before it was opened.
    fn input(&mut self) -> io::Result<Option<Box<dyn BufRead + Send>>> {
        if self.plain.is_none()
            && let Some(file) = self.file.open_plain()?
        {
            self.inode = file.metadata()?.ino();
            self.plain = Some(file);
        }
        match &self.plain {
            Some(file) => reader_at(file.try_clone()?, self.offset).map(Some),
            None => self.file.open_at(self.offset),
        }
    }

    /// The file to go on with, if there is another one: the next segment, or one that took the place of the file.
    fn next_file(&self) -> Result<Option<Arc<JournalFile>>, FindError> {
        let journal = match JournalFiles::find(&self.paths) {
            Ok(journal) => journal,
            // It was moved, and the new one is not there yet.
            Err(FindError::Unreadable(_, error)) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let next = if journal.is_folder {
            let mut files = journal.files.iter();
            files.find(|file| file.first_index > self.file.first_index && file.size > 0)
        } else {
            let last = journal.files.last();
            let last = last.filter(|file| file.size > 0);
            last.filter(|file| inode(file) != self.inode || file.size < self.offset)
        };
        Ok(next.map(Arc::clone))
    }
}

fn inode(file: &JournalFile) -> u64 {
    fs::metadata(&file.path).map_or(0, |metadata| metadata.ino())
}
