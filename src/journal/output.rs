//! What the journal is written to.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::{
    append_file::FileState,
    chain::Chain,
    own::{CutTail, GapReason, Own, PreviousFile},
};
use crate::policy::Timestamp;

/// An output of the journal.
pub trait Output: Write + Send {
    /// Where the journal goes on: asked once, before anything is written.
    fn resume(&mut self) -> Resumed {
        Resumed::default()
    }

    /// Checks whether what is written still arrives where it should, and opens the output again if its path names another file, or in any
    /// case if that was `requested`. Must not wait.
    fn check(&mut self, requested: bool, next: Next) -> Result<OutputCheck, OutputError> {
        let _ = (requested, next);
        Ok(OutputCheck::Same)
    }

    /// Whether all that was written is still there: a file may have been deleted or truncated meanwhile.
    fn is_kept(&mut self) -> bool {
        true
    }

    /// Waits until what was written is on the disk. An error is final for the file.
    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Leaves a file that could not be synced, and goes on in another.
    fn replace(&mut self, next: Next) -> io::Result<Reopened> {
        let _ = next;
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Cuts a line that was not written to its end, if that can be done, before other lines are written.
    fn cut_unfinished(&mut self) {}

    /// Gives back what is reserved for lines that do not come: nothing is written after it.
    fn finish(&mut self) {}

    /// Whether the file is to end, by its size or its age.
    fn is_full(&self, now: Timestamp) -> bool {
        let _ = now;
        false
    }

    /// Creates the file that comes after this one, whose last line is written then.
    fn prepare(&mut self, next: Next) -> io::Result<()> {
        let _ = next;
        Ok(())
    }

    /// Ends this file, and goes on in the one that was prepared.
    fn go_on(&mut self, now: Timestamp) -> Option<Reopened> {
        let _ = now;
        None
    }
}

/// Keeps nothing, for measurements.
impl Output for io::Sink {}

/// The next line.
#[derive(Debug, Clone, Copy)]
pub struct Next {
    pub(super) index: u64,
    pub(super) now: Timestamp,
}

/// Where the journal goes on.
#[derive(Debug)]
pub struct Resumed {
    pub(super) chain: Chain,
    /// The lines since the last one with the state of the tree.
    pub(super) since_tree: u64,
    /// The index of the first line of the file.
    pub(super) first: u64,
    /// The id of the key of identifiers, as the last line says that has the state of the tree.
    pub(super) identifier_key: Option<Box<str>>,
    /// What is to be recorded first.
    pub(super) owed: Vec<Own>,
}

/// A journal that begins.
impl Default for Resumed {
    fn default() -> Self {
        Self {
            chain: Chain::default(),
            since_tree: 0,
            first: 0,
            identifier_key: None,
            owed: vec![Own::Started],
        }
    }
}

/// What a check of the output found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutputCheck {
    /// It is the one that was opened.
    Same,
    /// It was opened again; what follows goes to the file that the path names now. If that is another one, this is what it begins with.
    Reopened(Option<Reopened>),
}

/// A file in the place of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reopened {
    pub(super) previous: PreviousFile,
    /// What the other file has lost.
    pub(super) gap: Option<GapReason>,
    /// What was cut from this one.
    pub(super) tail: Option<CutTail>,
}

/// What a check of the output found wrong.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// The path names another file or none, which cannot be used. The old file stays in use.
    #[error("the file that `{path}` names now cannot be opened; the old one stays in use: {source}", path = .0.display(), source = .1)]
    OldFile(PathBuf, io::Error),
    /// The same, but the old file was deleted, so that what is written to it is lost.
    #[error("`{path}` was deleted and cannot be created again: {source}", path = .0.display(), source = .1)]
    Deleted(PathBuf, io::Error),
    /// Nobody has the other end of the pipe at this path open. Another reader may open it.
    #[error("no process reads the pipe `{path}`", path = .0.display())]
    NoReader(PathBuf),
    /// Nobody has the other end of stdout open, and nobody ever will.
    #[error("the reader of stdout has closed it")]
    StdoutClosed,
}

impl OutputError {
    /// Whether what is written now is lost.
    pub(super) fn loses_entries(&self) -> bool {
        !matches!(self, Self::OldFile(..))
    }

    /// That the file at this path cannot be opened again.
    pub(super) fn not_reopened(path: &Path, state: FileState, error: io::Error) -> Self {
        let path = path.to_owned();
        match state {
            FileState::Deleted => Self::Deleted(path, error),
            FileState::Same | FileState::Truncated | FileState::Moved => Self::OldFile(path, error),
        }
    }
}

/// The name of a file, for a line.
pub(super) fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}
