//! A journal in one file, or in a pipe that has a path. It is opened again when the path names another file, as after a rotation by others.

use std::{
    io::{self, Write},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use rustix::process::geteuid;

use super::{
    append_file::{AppendFile, FileState, sync_folder_of},
    aside::move_aside,
    chain::Chain,
    output::{Next, Output, OutputCheck, OutputError, Reopened, Resumed, name},
    own::{CutTail, Gap, GapReason, Own, PreviousFile},
    resume::{FileEnd, Lines, first_index, read_end},
};

/// What a path named when it was opened.
#[derive(Debug)]
pub(super) struct AtPath {
    path: PathBuf,
    file: AppendFile,
    /// Whether the name of the file is on the disk for sure, so that a file that was just created is found after a crash of the machine.
    is_name_synced: bool,
    resumed: Option<Resumed>,
}

impl Output for AtPath {
    fn resume(&mut self) -> Resumed {
        self.resumed.take().unwrap_or_default()
    }

    fn check(&mut self, requested: bool, _next: Next) -> Result<OutputCheck, OutputError> {
        let state = self.file.state(&self.path);
        let is_same = state == FileState::Same;
        // A pipe is the same however often it is opened.
        if is_same && !(requested && self.file.is_regular()) {
            return self.with_reader(OutputCheck::Same);
        }
        let reopened = self.reopen(state);
        match reopened {
            Ok(reopened) => self.with_reader(OutputCheck::Reopened(reopened)),
            Err(error) => Err(OutputError::not_reopened(&self.path, state, error)),
        }
    }

    fn is_kept(&mut self) -> bool {
        self.file.is_kept()
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync()?;
        if self.file.is_regular() && !self.is_name_synced {
            sync_folder_of(&self.path)?;
            self.is_name_synced = true;
        }
        Ok(())
    }

    fn cut_unfinished(&mut self) {
        self.file.cut_unfinished();
    }

    fn finish(&mut self) {
        self.file.cut_unfinished();
    }

    fn replace(&mut self, next: Next) -> io::Result<Reopened> {
        let state = self.file.state(&self.path);
        if matches!(state, FileState::Same | FileState::Truncated) {
            move_aside(&self.path, &format!(".sync-failed-{}", next.index))?;
        }
        let mut opened = AppendFile::open(&self.path)?;
        is_trusted(&opened, &self.file)?;
        opened.lock()?;
        let tail = cut_tail(&mut opened)?;
        let previous = self.previous();
        self.switch_to(opened);
        Ok(Reopened {
            previous,
            gap: Some(GapReason::SyncFailed),
            tail,
        })
    }
}

impl AtPath {
    /// Opens the file, or creates it, and reads where its journal goes on.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut file = AppendFile::open(path)?;
        file.lock()?;
        let resumed = if file.is_regular() {
            Some(resume(path, &mut file)?)
        } else {
            None
        };
        let path = path.to_owned();
        Ok(Self {
            path,
            file,
            is_name_synced: false,
            resumed,
        })
    }

    /// The file that the path names now; what it begins with, if it is another one.
    fn reopen(&mut self, state: FileState) -> io::Result<Option<Reopened>> {
        let mut opened = AppendFile::open(&self.path)?;
        if matches!(state, FileState::Same | FileState::Truncated) {
            self.file.cut_unfinished();
            // A descriptor of its own would have to wait for the lock of the one that it replaces.
            if state == FileState::Same {
                return Ok(None);
            }
        } else {
            is_trusted(&opened, &self.file)?;
            opened.lock()?;
            self.file.cut_unfinished();
        }
        let previous = self.previous();
        let tail = cut_tail(&mut opened)?;
        let is_regular = opened.is_regular();
        let is_synced = state != FileState::Moved || self.file.sync_unconfirmed().is_ok();
        if state == FileState::Truncated {
            let len = opened.len();
            self.file.cut(len)?;
        } else {
            self.switch_to(opened);
        }
        let gap = match state {
            FileState::Truncated => Some(GapReason::TruncatedFromOutside),
            FileState::Deleted => Some(GapReason::FileMissing),
            FileState::Moved if !is_synced => Some(GapReason::SyncFailed),
            FileState::Same | FileState::Moved => None,
        };
        Ok(is_regular.then_some(Reopened {
            previous,
            gap,
            tail,
        }))
    }

    /// Writes to this file from now on.
    fn switch_to(&mut self, opened: AppendFile) {
        self.file = opened;
        self.is_name_synced = false;
    }

    fn previous(&self) -> PreviousFile {
        PreviousFile {
            name: name(&self.path).into(),
            size: self.file.whole(),
        }
    }

    /// This, unless it is a pipe that nobody reads.
    fn with_reader(&self, check: OutputCheck) -> Result<OutputCheck, OutputError> {
        if self.file.has_lost_reader() {
            return Err(OutputError::NoReader(self.path.clone()));
        }
        Ok(check)
    }
}

/// The owner of a file can rewrite it, so the owner of what takes its place must be us, or the owner of the old one.
fn is_trusted(opened: &AppendFile, old: &AppendFile) -> io::Result<()> {
    let owner = opened.file().metadata()?.uid();
    let old = old.file().metadata().map(|old| old.uid()).ok();
    if Some(owner) == old || owner == geteuid().as_raw() {
        return Ok(());
    }
    let message = format!("it belongs to another user (uid {owner})");
    Err(io::Error::new(io::ErrorKind::PermissionDenied, message))
}

/// Cuts a line that a crash or another program left unfinished.
fn cut_tail(file: &mut AppendFile) -> io::Result<Option<CutTail>> {
    if !file.is_regular() {
        return Ok(None);
    }
    let end = read_end(file.file())?;
    if end.tail.is_some() {
        file.cut(end.whole)?;
    }
    Ok(end.tail)
}

/// Where the journal of a file goes on.
fn resume(path: &Path, file: &mut AppendFile) -> io::Result<Resumed> {
    let FileEnd { whole, tail, lines } = read_end(file.file())?;
    let mut owed = vec![Own::Started];
    if let Some(tail) = tail {
        file.cut(whole)?;
        owed.push(Own::TailCut(tail));
    }
    let gap = |reason, first_index, last_index| {
        Own::Gap(Gap {
            reason,
            file: Some(name(path).into()),
            first_index,
            last_index,
        })
    };
    let mut identifier_key = None;
    let (chain, since_tree) = match lines {
        Lines::None => (Chain::default(), 0),
        Lines::Whole {
            chain,
            since_tree,
            identifier_key: key,
            ..
        } => {
            identifier_key = key;
            (chain, since_tree)
        }
        Lines::Broken {
            chain: Some(chain),
            last_index,
        } => {
            let first = Some(chain.index());
            owed.push(gap(GapReason::FileUnreadable, first, last_index));
            (chain, 0)
        }
        Lines::Broken {
            chain: None,
            last_index,
        } => {
            owed.push(gap(GapReason::StateLost, None, last_index));
            (Chain::default(), 0)
        }
    };
    let first = first_index(file.file())?;
    Ok(Resumed {
        first: first.unwrap_or_else(|| chain.index()),
        chain,
        since_tree,
        identifier_key,
        owed,
    })
}

impl Write for AtPath {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_name_of_a_file_is_synced_with_what_is_written_first() {
        let top = tempfile::tempdir().unwrap();
        let (folder, elsewhere) = (top.path().join("journal"), top.path().join("elsewhere"));
        fs::create_dir(&folder).unwrap();
        let mut output = AtPath::open(&folder.join("decisions.jsonl")).unwrap();
        output.write_all(b"{}\n").unwrap();
        // Its folder is not found, and so cannot be synced.
        fs::rename(&folder, &elsewhere).unwrap();
        assert_eq!(output.sync().unwrap_err().kind(), io::ErrorKind::NotFound);
        fs::rename(&elsewhere, &folder).unwrap();
        output.sync().unwrap();
        fs::rename(&folder, &elsewhere).unwrap();
        output.sync().unwrap();
    }
}
