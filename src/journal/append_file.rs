//! A file that lines are appended to, and that others may move, delete or truncate at any time.

use std::{
    fs::{self, File, Metadata, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write},
    os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::Path,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{FallocateFlags, FlockOperation, fallocate, flock},
    io::Errno,
};

/// The mode of a file that is created: who was let in where is for the operator alone.
const MODE: u32 = 0o600;
/// How much room is reserved at once, where each group is synced: it halves what a sync takes.
const RESERVE: u64 = 16 * 1024 * 1024;

/// A file that is open for appending; or a pipe or a device, which has no length.
#[derive(Debug)]
pub(super) struct AppendFile {
    file: File,
    is_regular: bool,
    /// How long it is, if nobody else changed it.
    len: u64,
    /// The end of its last whole line.
    whole: u64,
    /// What was written since the last time that it was seen to be kept.
    unconfirmed: u64,
    /// The end of the room that was reserved.
    reserved: u64,
}

/// The state of a file that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileState {
    /// It is what the path names.
    Same,
    /// The same, but it has lost what it had.
    Truncated,
    /// The path names another file or none; this one is still somewhere.
    Moved,
    /// It has no name left.
    Deleted,
}

impl AppendFile {
    /// Opens what is at this path, or creates a file.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Self::of(path, OpenOptions::new().create(true))
    }

    /// Creates a file where there is none.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        Self::of(path, OpenOptions::new().create_new(true))
    }

    fn of(path: &Path, options: &mut OpenOptions) -> io::Result<Self> {
        let mut file = options.read(true).append(true).mode(MODE).open(path)?;
        let mut metadata = file.metadata()?;
        if metadata.file_type().is_fifo() {
            // Opened for writing alone, so that the end of its reader is noticed. This does not wait for a reader, because `file` is one.
            file = OpenOptions::new().append(true).open(path)?;
            metadata = file.metadata()?;
        }
        let is_regular = metadata.is_file();
        Ok(Self {
            file,
            is_regular,
            len: metadata.len(),
            whole: metadata.len(),
            unconfirmed: 0,
            reserved: 0,
        })
    }

    /// Makes it ours, so that no other process writes into the same chain.
    pub(super) fn lock(&self) -> io::Result<()> {
        if self.is_regular {
            lock(&self.file)?;
        }
        Ok(())
    }

    /// Whether it has a length and can be read again.
    pub(super) fn is_regular(&self) -> bool {
        self.is_regular
    }

    /// The file.
    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// How long it is.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// The end of its last whole line.
    pub(super) fn whole(&self) -> u64 {
        self.whole
    }

    /// Cuts it to this length.
    pub(super) fn cut(&mut self, len: u64) -> io::Result<()> {
        self.file.set_len(len)?;
        (self.len, self.whole, self.reserved) = (len, len, 0);
        self.unconfirmed = 0;
        Ok(())
    }

    /// Cuts a line that was not written to its end, if that can be done, and the room that was reserved.
    pub(super) fn cut_unfinished(&mut self) {
        if self.is_regular
            && (self.len > self.whole || self.reserved > 0)
            && let Ok(metadata) = self.file.metadata()
        {
            // One that was truncated from outside must not be grown again. An error leaves a torn line at the end, as a crash does.
            if self.file.set_len(self.whole.min(metadata.len())).is_ok() {
                (self.len, self.reserved) = (self.whole, 0);
            }
        }
    }

    /// The state that it is in.
    pub(super) fn state(&self, path: &Path) -> FileState {
        let Ok(open) = self.file.metadata() else {
            return FileState::Moved;
        };
        if self.is_regular && open.nlink() == 0 {
            return FileState::Deleted;
        }
        match fs::metadata(path) {
            Ok(named) if is_same(&named, &open) => {
                if self.is_regular && open.len() < self.len {
                    FileState::Truncated
                } else {
                    FileState::Same
                }
            }
            _ => FileState::Moved,
        }
    }

    /// Whether what was written is in the file, and the file has a name.
    pub(super) fn is_kept(&mut self) -> bool {
        if !self.is_regular {
            return true;
        }
        let Ok(open) = self.file.metadata() else {
            return false;
        };
        let len = open.len();
        if len < self.len {
            // What is in it was written after it was truncated: that is written again, behind what says so.
            if len == self.unconfirmed {
                let _ = self.file.set_len(0);
            }
            return false;
        }
        if len > self.len && self.end_line().is_err() {
            return false;
        }
        self.unconfirmed = 0;
        open.nlink() > 0
    }

    /// Others have written into it: ends their last line, so that the next one is a line of its own.
    fn end_line(&mut self) -> io::Result<()> {
        let mut last = [0];
        self.file.seek(SeekFrom::End(-1))?;
        self.file.read_exact(&mut last)?;
        if last != *b"\n" {
            self.file.write_all(b"\n")?;
        }
        self.len = self.file.metadata()?.len();
        self.whole = self.len;
        Ok(())
    }

    /// Whether this is a pipe, a socket or a terminal whose other end is closed.
    pub(super) fn has_lost_reader(&self) -> bool {
        has_lost_reader(&self.file)
    }

    /// Waits until what was written is on the disk.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()?;
        if self.is_regular && self.len >= self.reserved {
            // A file system that cannot do it has no room to lose; a full one says so at the next write.
            let _ = fallocate(&self.file, FallocateFlags::KEEP_SIZE, self.len, RESERVE);
            self.reserved = self.len.saturating_add(RESERVE);
        }
        Ok(())
    }

    /// Waits until the lines of a half-written block are on the disk, if there are any: what follows them goes into another file.
    pub(super) fn sync_unconfirmed(&mut self) -> io::Result<()> {
        if self.is_regular && self.unconfirmed > 0 {
            self.file.sync_data()?;
        }
        Ok(())
    }

    /// The same, with its length: for the last time.
    pub(super) fn sync_all(&mut self) -> io::Result<()> {
        self.cut_unfinished();
        self.file.sync_all()
    }
}

/// Waits until the name of a file that was created is on the disk, as what was written into it.
pub(super) fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

impl Write for AppendFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        let written = bytes.get(..count).unwrap_or_default();
        let before = self.len;
        self.len = before.saturating_add(as_u64(count));
        self.unconfirmed = self.unconfirmed.saturating_add(as_u64(count));
        if let Some(newline) = written.iter().rposition(|byte| *byte == b'\n') {
            self.whole = before.saturating_add(as_u64(newline)).saturating_add(1);
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Locks a file or a folder until it is closed, where its file system has locks.
pub(super) fn lock(file: &File) -> io::Result<()> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => {
            let message = "another process writes it: give each process a journal of its own";
            Err(io::Error::new(io::ErrorKind::ResourceBusy, message))
        }
        _ => Ok(()),
    }
}

/// Whether this is a pipe, a socket or a terminal whose other end is closed.
pub(super) fn has_lost_reader(file: &File) -> bool {
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

/// Whether both are of one file or folder.
pub(super) fn is_same(a: &Metadata, b: &Metadata) -> bool {
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

/// A count of bytes or lines; they fit on every platform that this is built for.
pub(super) fn as_u64(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
