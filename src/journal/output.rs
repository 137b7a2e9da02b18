//! Where the journal is written: a file, a pipe, or stdout. It is opened again when its path names another file, as after a rotation.

use std::{
    fs::{self, File, Metadata, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write},
    os::{
        fd::AsFd as _,
        unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _},
    },
    path::{Path, PathBuf},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::geteuid,
};

/// The mode of a journal that is created: who was let in where is for the operator alone.
const MODE: u32 = 0o600;

/// An output of the journal.
pub trait Output: Write + Send {
    /// Checks whether what is written still arrives where it should, and opens the output again if its path names another file, or in any
    /// case if that was `requested`. Must not wait.
    fn check(&mut self, requested: bool) -> Result<OutputCheck, OutputError> {
        let _ = requested;
        Ok(OutputCheck::Same)
    }
}

/// Keeps nothing, for measurements.
impl Output for io::Sink {}

/// What a check of the output found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputCheck {
    /// It is the one that was opened.
    Same,
    /// It was opened again; what follows goes to the file that the path names now.
    Reopened,
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
}

/// Opens the file to append to; `-` is stdout. A file that is created is for its owner alone.
pub fn open(path: &Path) -> io::Result<Box<dyn Output>> {
    if path.as_os_str() == "-" {
        // A descriptor of its own: without a buffer, and without the lock of `io::stdout`.
        let stdout = io::stdout().as_fd().try_clone_to_owned()?;
        return Ok(Box::new(Stdout(stdout.into())));
    }
    Ok(Box::new(AtPath {
        path: path.to_owned(),
        file: open_file(path)?,
    }))
}

/// stdout, whatever it is.
#[derive(Debug)]
struct Stdout(File);

/// What a path named when it was opened.
#[derive(Debug)]
struct AtPath {
    path: PathBuf,
    file: File,
}

impl Output for Stdout {
    fn check(&mut self, _requested: bool) -> Result<OutputCheck, OutputError> {
        if has_lost_reader(&self.0) {
            return Err(OutputError::StdoutClosed);
        }
        Ok(OutputCheck::Same)
    }
}

impl Output for AtPath {
    fn check(&mut self, requested: bool) -> Result<OutputCheck, OutputError> {
        let named = fs::metadata(&self.path);
        let open = self.file.metadata();
        let same = matches!((&named, &open), (Ok(named), Ok(open)) if is_same(named, open));
        if same && !requested {
            return self.with_reader(OutputCheck::Same);
        }
        let reopened = match &open {
            Ok(open) => open_successor(&self.path, open),
            Err(_) => open_file(&self.path),
        };
        match reopened {
            Ok(file) => {
                self.file = file;
                self.with_reader(OutputCheck::Reopened)
            }
            Err(error) => {
                let path = self.path.clone();
                let is_deleted = open.is_ok_and(|open| open.nlink() == 0);
                Err(if is_deleted {
                    OutputError::Deleted(path, error)
                } else {
                    OutputError::OldFile(path, error)
                })
            }
        }
    }
}

impl AtPath {
    /// This, unless it is a pipe that nobody reads.
    fn with_reader(&self, check: OutputCheck) -> Result<OutputCheck, OutputError> {
        if has_lost_reader(&self.file) {
            return Err(OutputError::NoReader(self.path.clone()));
        }
        Ok(check)
    }
}

fn is_same(a: &Metadata, b: &Metadata) -> bool {
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

/// Opens what takes the place of a file. The owner of a file can rewrite it, so it must be us, or the owner of the old one.
fn open_successor(path: &Path, old: &Metadata) -> io::Result<File> {
    let file = open_file(path)?;
    let owner = file.metadata()?.uid();
    if owner == old.uid() || owner == geteuid().as_raw() {
        return Ok(file);
    }
    let message = format!("it belongs to another user (uid {owner})");
    Err(io::Error::new(io::ErrorKind::PermissionDenied, message))
}

fn open_file(path: &Path) -> io::Result<File> {
    let mut file = OpenOptions::new()
        .create(true)
        .read(true)
        .append(true)
        .mode(MODE)
        .open(path)?;
    if file.metadata()?.file_type().is_fifo() {
        // Opened for writing alone, so that the end of its reader is noticed. This does not wait for a reader, because `file` is one.
        return OpenOptions::new().append(true).open(path);
    }
    end_line(&mut file)?;
    Ok(file)
}

/// Ends a line that a crash cut short, so that the next entry starts a line of its own.
fn end_line(file: &mut File) -> io::Result<()> {
    // Only a regular file has an end to look at; a device has none.
    if !file.metadata()?.is_file() || file.seek(SeekFrom::End(0))? == 0 {
        return Ok(());
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    if last != *b"\n" {
        file.write_all(b"\n")?;
    }
    Ok(())
}

/// Whether this is a pipe, a socket or a terminal whose other end is closed.
fn has_lost_reader(file: &File) -> bool {
    // No events are asked for: an error and a hang-up are always reported.
    let mut polled = [PollFd::new(file, PollFlags::empty())];
    let at_once = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let ended = PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL;
    poll(&mut polled, Some(&at_once)).is_ok()
        && polled.iter().any(|fd| fd.revents().intersects(ended))
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Write for AtPath {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
