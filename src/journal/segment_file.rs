//! The segments of a folder: their names, and what each has, plain or compressed. Where both forms are there, the plain one counts.

use std::{
    fs::{self, File},
    io::{self, BufRead as _, BufReader, Read as _},
    path::Path,
};

use rustix::io::Errno;
use serde::Deserialize;
use zstd::stream::read::Decoder;

use super::{
    line_start::LineStart,
    resume::{FileEnd, LINE_MAX, first_at, last_line_index, read_end, read_through},
};
use crate::policy::Timestamp;

/// What the names of segments begin and end with; 20 digits are between.
const BEFORE: &str = "decisions-";
const AFTER: &str = ".jsonl";
const DIGITS: usize = 20;
/// What the name of a compressed segment ends with, after that.
pub const COMPRESSED_SUFFIX: &str = ".zst";
/// The largest window of a compressed file, as a power of two: what it takes to read one is bounded by that.
const ZSTD_WINDOW_LOG_MAX: u32 = 24;

/// The name of the segment that begins with this index.
pub(super) fn segment_name(first: u64) -> String {
    format!("{BEFORE}{first:0DIGITS$}{AFTER}")
}

/// Its name once it is compressed.
pub(super) fn compressed_name(first: u64) -> String {
    format!("{}{COMPRESSED_SUFFIX}", segment_name(first))
}

/// The first index of the segment of this name, plain or compressed; `None` if it is not the name of one.
pub fn segment_index(name: &str) -> Option<u64> {
    let plain = name.strip_suffix(COMPRESSED_SUFFIX).unwrap_or(name);
    let digits = plain.strip_prefix(BEFORE)?.strip_suffix(AFTER)?;
    let is_number = digits.len() == DIGITS && digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|_| is_number)
}

/// Reads what a compressed file has.
pub fn decompressed(file: File) -> io::Result<Decoder<'static, BufReader<File>>> {
    let mut decoder = Decoder::new(file)?;
    decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
    Ok(decoder)
}

/// The first indexes of the segments of a folder, in their order.
pub(super) fn segments(folder: &Path) -> io::Result<Vec<u64>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        found.extend(entry?.file_name().to_str().and_then(segment_index));
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// How much room a segment takes, in bytes, in all forms that it has now.
pub(super) fn segment_size(folder: &Path, first: u64) -> io::Result<u64> {
    // In this order: the plain file is removed only after the compressed one is there.
    let plain = file_size(&folder.join(segment_name(first)))?;
    let compressed = file_size(&folder.join(compressed_name(first)))?;
    Ok(plain.saturating_add(compressed))
}

fn file_size(path: &Path) -> io::Result<u64> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(metadata.len()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    }
}

/// What was read of a file; `None` if the file itself cannot be read, whenever that is tried.
pub(super) fn readable<T>(read: io::Result<T>) -> io::Result<Option<T>> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(error) => match Errno::from_io_error(&error) {
            Some(Errno::ACCESS | Errno::PERM | Errno::IO | Errno::ISDIR | Errno::BADMSG) => {
                Ok(None)
            }
            // What is no error of the system is of what the file has.
            None => Ok(None),
            Some(_) => Err(error),
        },
    }
}

/// Removes a segment in all forms that it has, for good.
pub(super) fn remove_segment(folder: &Path, first: u64) -> io::Result<()> {
    for name in [segment_name(first), compressed_name(first)] {
        match fs::remove_file(folder.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    File::open(folder)?.sync_all()
}

/// A segment as it is in its folder now.
#[derive(Debug)]
pub(super) enum SegmentFile {
    Plain(File),
    Compressed(File),
}

#[derive(Deserialize)]
struct Opened {
    previous_file: Option<Named>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

impl SegmentFile {
    /// Opens the segment that begins with this index.
    pub(super) fn open(folder: &Path, first: u64) -> io::Result<Self> {
        match File::open(folder.join(segment_name(first))) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                File::open(folder.join(compressed_name(first))).map(Self::Compressed)
            }
            opened => opened.map(Self::Plain),
        }
    }

    /// How it ends.
    pub(super) fn end(self) -> io::Result<FileEnd> {
        match self {
            Self::Plain(file) => read_end(&file),
            Self::Compressed(file) => read_through(BufReader::new(decompressed(file)?)),
        }
    }

    /// When its first line was recorded.
    pub(super) fn first_at(self) -> io::Result<Option<Timestamp>> {
        match self {
            Self::Plain(file) => first_at(&file),
            Self::Compressed(_) => {
                let line = self.first_line()?;
                Ok(LineStart::parse(&line).map(|start| start.at))
            }
        }
    }

    /// The index of its last line, for a segment that comes before this one. Of a compressed one the next one mostly says that it follows, which
    /// spares reading all of it.
    pub(super) fn last_index(
        self,
        folder: &Path,
        first: u64,
        next: u64,
    ) -> io::Result<Option<u64>> {
        let file = match self {
            Self::Plain(file) => return last_line_index(&file),
            Self::Compressed(file) => file,
        };
        let line = Self::open(folder, next)?.first_line()?;
        let opened: Option<Opened> = serde_json::from_slice(&line).ok();
        let previous = opened.and_then(|opened| opened.previous_file);
        if previous.is_some_and(|file| file.name == segment_name(first)) {
            return Ok(next.checked_sub(1));
        }
        let end = Self::Compressed(file).end()?;
        Ok(end.lines.last_index())
    }

    /// Its first line.
    fn first_line(self) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        match self {
            Self::Plain(file) => {
                BufReader::new(file.take(LINE_MAX)).read_until(b'\n', &mut line)?;
            }
            Self::Compressed(file) => {
                let read =
                    BufReader::new(decompressed(file)?.take(LINE_MAX)).read_until(b'\n', &mut line);
                // What cannot be decompressed has no line, as a damaged plain file.
                if let Err(error) = read
                    && error.raw_os_error().is_some()
                {
                    return Err(error);
                }
            }
        }
        Ok(line)
    }
}
