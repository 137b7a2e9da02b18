//! Compresses closed segments, in a thread of its own and of the lowest priority.
//!
//! What a crash leaves is one whole file at any moment: the compressed file gets its name once it is on the disk and was read back, and the plain one, which
//! counts as long as it is there, is removed after that.

use std::{
    collections::HashSet,
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

use parking_lot::Mutex;
use ring::digest::{Context, Digest, SHA256};
use rustix::process::setpriority_process;
use tracing::info;
use zstd::stream::write::Encoder;

use super::{
    health::Health,
    metrics::CompressionMetrics,
    resume::{Lines, read_end},
    segment_file::{
        COMPRESSED_SUFFIX, compressed_name, decompressed, segment_index, segment_name,
        segment_size, segments,
    },
};
use crate::{
    clock::Clock,
    log_throttle::{LogThrottle, throttled},
};

/// How often it is looked for closed segments, beside the moment when one is closed: what failed is tried again then.
const EVERY: Duration = Duration::from_mins(1);
/// The level of zstd. Of 45 MB of lines with random ids, level 3 left 18 % in 0.4 s of CPU, and level 9 as much in 1.9 s.
const LEVEL: i32 = 3;
/// Read at once. Between two, the thread looks whether the service stops.
const CHUNK: usize = 256 * 1024;
/// The lowest priority.
const NICE: i32 = 19;
/// What is added to the name of a file that is not whole yet.
const UNFINISHED: &str = ".tmp";

/// How far a segment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// A part of it was compressed.
    Chunk,
    /// All of it is compressed, and on the disk under another name.
    Synced,
    /// It was read back, and is what the plain file has.
    Verified,
    /// It has its name.
    Renamed,
    /// Its name is on the disk.
    Named,
    /// The plain file is removed.
    Removed,
}

/// Compresses the closed segments of a folder.
#[derive(Debug)]
pub(super) struct Compression {
    pub(super) folder: PathBuf,
    /// Held while a segment is removed, or takes another form.
    pub(super) changing: Arc<Mutex<()>>,
    pub(super) health: Health,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) log: LogThrottle,
    pub(super) metrics: CompressionMetrics,
    /// Segments that ended otherwise than by their last line, and stay as they are.
    pub(super) not_closed: HashSet<u64>,
}

impl Compression {
    /// Starts the thread. It ends with the journal.
    pub(super) fn start(mut self, closed: Receiver<()>) -> io::Result<()> {
        let thread = thread::Builder::new().name("compression".into());
        thread.spawn(move || {
            // On Linux a priority is that of a thread. An error leaves the ordinary one.
            let _ = setpriority_process(None, NICE);
            loop {
                self.compress_all();
                match closed.recv_timeout(EVERY) {
                    Ok(()) | Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        })?;
        Ok(())
    }

    /// Compresses what is closed by now. What fails of one segment holds up no other.
    pub(super) fn compress_all(&mut self) {
        if let Err(error) = self.remove_unfinished() {
            self.report(&error, None);
        }
        let all = match segments(&self.folder) {
            Ok(all) => all,
            Err(error) => return self.report(&error, None),
        };
        for pair in all.windows(2) {
            let [first, next] = *pair else { continue };
            if self.health.is_stopping() {
                return;
            }
            let result = match self.is_due(first, next) {
                Ok(true) => self.compress(first),
                Ok(false) => Ok(()),
                Err(error) => Err(error),
            };
            if let Err(error) = result {
                self.report(&error, Some(first));
            }
        }
    }

    /// What a process that was killed has left.
    fn remove_unfinished(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let unfinished = name.to_str().and_then(|name| name.strip_suffix(UNFINISHED));
            let is_ours = unfinished
                .filter(|name| name.ends_with(COMPRESSED_SUFFIX))
                .and_then(segment_index);
            if is_ours.is_some() {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Whether this segment is plain and closed, and followed by this one, which has begun.
    fn is_due(&mut self, first: u64, next: u64) -> io::Result<bool> {
        if self.not_closed.contains(&first) || segment_size(&self.folder, next)? == 0 {
            return Ok(false);
        }
        let path = self.folder.join(segment_name(first));
        let is_file = fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_file());
        if !is_file {
            return Ok(false);
        }
        let Some(file) = unless_gone(File::open(&path))? else {
            return Ok(false);
        };
        let end = read_end(&file)?;
        let is_closed = matches!(
            end.lines,
            Lines::Whole {
                is_closed: true,
                ..
            }
        );
        let is_due = is_closed && end.tail.is_none();
        if !is_due {
            self.not_closed.insert(first);
        }
        Ok(is_due)
    }

    pub(super) fn compress(&self, first: u64) -> io::Result<()> {
        let health = &self.health;
        let unless_stopping = |_: Step| {
            if health.is_stopping() {
                return Err(io::ErrorKind::Interrupted.into());
            }
            Ok(())
        };
        let compressed = compress(&self.folder, first, &self.changing, unless_stopping);
        let Some((size, compressed)) = compressed.inspect_err(|_| {
            // An error leaves it for the next time.
            let _ = fs::remove_file(unfinished(&self.folder, first));
        })?
        else {
            return Ok(());
        };
        self.metrics.compressed.inc();
        info!(
            event = "journal_segment_compressed",
            file = segment_name(first),
            size,
            compressed_size = compressed,
            "a closed file of the journal was compressed"
        );
        Ok(())
    }

    /// What fails while the service stops was ended by that, or is tried again by the next process.
    fn report(&self, error: &io::Error, first: Option<u64>) {
        if self.health.is_stopping() {
            return;
        }
        self.metrics.failures.inc();
        throttled!(
            self.log,
            self.clock.moment().uptime,
            warn,
            "journal_compression_failed",
            %error,
            file = first.map(segment_name),
            "a closed file of the journal cannot be compressed; it stays as it is, and is tried again: free space on the disk of journal.path, and make its folder writable"
        );
    }
}

fn unfinished(folder: &Path, first: u64) -> PathBuf {
    folder.join(format!("{}{UNFINISHED}", compressed_name(first)))
}

/// Compresses a segment; its size before and after, or `None` if it was removed meanwhile. `after` is called after each step, and ends it by an
/// error, as a kill would: nothing is cleaned up.
pub(super) fn compress(
    folder: &Path,
    first: u64,
    changing: &Mutex<()>,
    mut after: impl FnMut(Step) -> io::Result<()>,
) -> io::Result<Option<(u64, u64)>> {
    let plain = folder.join(segment_name(first));
    let compressed = folder.join(compressed_name(first));
    let unfinished = unfinished(folder, first);
    let Some(input) = unless_gone(File::open(&plain))? else {
        return Ok(None);
    };
    let size = input.metadata()?.len();
    let hash = write_compressed(&input, size, &unfinished, || after(Step::Chunk))?;
    after(Step::Synced)?;
    let file = File::open(&unfinished)?;
    let compressed_size = file.metadata()?.len();
    let mut reader = decompressed(file)?;
    let read = copy(&mut reader, &mut io::sink(), || after(Step::Chunk))?;
    if read.as_ref() != hash.as_ref() {
        return Err(io::Error::other(
            "what was compressed is not what was read back",
        ));
    }
    after(Step::Verified)?;
    let _changing = changing.lock();
    if !plain.try_exists()? {
        fs::remove_file(&unfinished)?;
        return Ok(None);
    }
    fs::rename(&unfinished, &compressed)?;
    after(Step::Renamed)?;
    File::open(folder)?.sync_all()?;
    after(Step::Named)?;
    fs::remove_file(&plain)?;
    after(Step::Removed)?;
    File::open(folder)?.sync_all()?;
    Ok(Some((size, compressed_size)))
}

/// A file that was opened, or `None` if retention has removed it meanwhile.
fn unless_gone(opened: io::Result<File>) -> io::Result<Option<File>> {
    match opened {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        opened => opened.map(Some),
    }
}

/// Writes what a file has to another one, compressed, and waits until that is on the disk; the hash of what was compressed.
fn write_compressed(
    input: &File,
    size: u64,
    path: &Path,
    after_chunk: impl FnMut() -> io::Result<()>,
) -> io::Result<Digest> {
    let output = create_unfinished(path)?;
    // Who may read the plain file may read this one.
    output.set_permissions(input.metadata()?.permissions())?;
    let mut encoder = Encoder::new(output, LEVEL)?;
    encoder.include_checksum(true)?;
    encoder.set_pledged_src_size(Some(size))?;
    let mut input = input;
    let hash = copy(&mut input, &mut encoder, after_chunk)?;
    encoder.finish()?.sync_all()?;
    Ok(hash)
}

/// Creates a file for its owner alone. Whatever has the name is removed first, so that its mode and its links do not count.
pub(super) fn create_unfinished(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600).open(path)
}

/// Copies all of this; its hash.
fn copy(
    from: &mut impl Read,
    to: &mut impl Write,
    mut after_chunk: impl FnMut() -> io::Result<()>,
) -> io::Result<Digest> {
    let mut context = Context::new(&SHA256);
    let mut chunk = vec![0; CHUNK];
    loop {
        let count = match from.read(&mut chunk) {
            Ok(0) => return Ok(context.finish()),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let read = chunk.get(..count).unwrap_or_default();
        context.update(read);
        to.write_all(read)?;
        after_chunk()?;
    }
}
