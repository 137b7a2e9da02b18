//! Which files a journal has: the segments of a folder in their order, single files, or stdin; and where its checkpoints are.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{self, BufRead, BufReader, Seek as _, SeekFrom},
    path::{Path, PathBuf},
    sync::Arc,
};

/// The name of stdin.
const STDIN: &str = "-";
/// What the name of a segment begins with.
const SEGMENT_PREFIX: &str = "decisions-";
/// The digits in the name of a segment.
const SEGMENT_DIGITS: usize = 20;
/// What the name of a segment ends with.
const SEGMENT_SUFFIX: &str = ".jsonl";
/// What the name of a compressed segment ends with, after that.
const COMPRESSED_SUFFIX: &str = ".zst";
/// The checkpoints of a folder.
const CHECKPOINTS: &str = "checkpoints";
/// The checkpoints of a file are in the file of its name with this appended.
const CHECKPOINTS_SUFFIX: &str = ".checkpoints";
/// The largest window of a compressed file, as a power of two: what it takes to read one is bounded by that.
const ZSTD_WINDOW_LOG_MAX: u32 = 24;
/// Read at once, in bytes.
const BUFFER: usize = 128 * 1024;

/// The files of a journal.
#[derive(Debug)]
pub struct JournalFiles {
    /// In the order of their lines.
    pub files: Vec<Arc<JournalFile>>,
    /// Where the checkpoints beside the journal are or would be; none beside stdin.
    pub checkpoints: Option<PathBuf>,
    /// Whether they are the segments of a folder.
    pub is_folder: bool,
}

/// A file of a journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalFile {
    /// Where it is; `-` is stdin.
    pub path: PathBuf,
    /// The name that is shown.
    pub name: Box<str>,
    /// The index of its first line, if its name says so.
    pub first_index: Option<u64>,
    /// Its size when it was found, in bytes; compressed, if it is.
    pub size: u64,
}

/// Why there is nothing to read.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// It is not there, or may not be read.
    #[error("cannot read `{path}`: {error}", path = .0.display(), error = .1)]
    Unreadable(PathBuf, io::Error),
    /// A folder beside other paths.
    #[error("`{}` is a folder: name it alone, or name files in the order of their lines", .0.display())]
    NotAlone(PathBuf),
    /// No path is given.
    #[error("no journal is named")]
    None,
}

impl JournalFiles {
    /// Finds the files at these paths: a folder, or files in the order of their lines, or `-`.
    pub fn find(paths: &[PathBuf]) -> Result<Self, FindError> {
        let last = paths.last().ok_or(FindError::None)?;
        let mut files = Vec::new();
        for path in paths {
            if path.is_dir() {
                if paths.len() > 1 {
                    return Err(FindError::NotAlone(path.clone()));
                }
                return Self::of_folder(path);
            }
            files.push(Arc::new(JournalFile::of_path(path)?));
        }
        let checkpoints = (last.as_os_str() != STDIN).then(|| {
            let mut name = last.clone().into_os_string();
            name.push(CHECKPOINTS_SUFFIX);
            name.into()
        });
        Ok(Self {
            files,
            checkpoints,
            is_folder: false,
        })
    }

    fn of_folder(folder: &Path) -> Result<Self, FindError> {
        let unreadable = |error| FindError::Unreadable(folder.to_owned(), error);
        let mut files = Vec::new();
        for entry in fs::read_dir(folder).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let Some(first_index) = segment_index(&entry.file_name()) else {
                continue;
            };
            let path = entry.path();
            files.push(JournalFile {
                name: entry.file_name().to_string_lossy().into(),
                first_index: Some(first_index),
                size: fs::metadata(&path).map_or(0, |metadata| metadata.len()),
                path,
            });
        }
        // A segment that is being compressed is there twice: the plain one, which sorts first, is whole.
        files.sort_by(|one, other| one.name.cmp(&other.name));
        files.dedup_by_key(|file| file.first_index);
        Ok(Self {
            files: files.into_iter().map(Arc::new).collect(),
            checkpoints: Some(folder.join(CHECKPOINTS)),
            is_folder: true,
        })
    }

    /// The size of all files, in bytes.
    pub fn size(&self) -> u64 {
        let sizes = self.files.iter().map(|file| file.size);
        sizes.fold(0, u64::saturating_add)
    }
}

impl JournalFile {
    fn of_path(path: &Path) -> Result<Self, FindError> {
        let size = match fs::metadata(path) {
            _ if path.as_os_str() == STDIN => 0,
            Ok(metadata) => metadata.len(),
            Err(error) => return Err(FindError::Unreadable(path.to_owned(), error)),
        };
        let name = path.file_name().unwrap_or(path.as_os_str());
        Ok(Self {
            path: path.to_owned(),
            name: name.to_string_lossy().into(),
            first_index: segment_index(name),
            size,
        })
    }

    /// Whether it is stdin.
    pub fn is_stdin(&self) -> bool {
        self.path.as_os_str() == STDIN
    }

    /// Whether it is compressed.
    pub fn is_compressed(&self) -> bool {
        self.path.extension() == Some(OsStr::new("zst"))
    }

    /// The name without what says that it is compressed.
    pub fn plain_name(&self) -> &str {
        let plain = self.name.strip_suffix(COMPRESSED_SUFFIX);
        plain.unwrap_or(&self.name)
    }

    /// Whether reading may begin anywhere in it.
    pub fn is_seekable(&self) -> bool {
        !self.is_stdin() && !self.is_compressed()
    }

    /// Opens it for reading from this offset on; `None` if it has been removed since it was found.
    pub(super) fn open_at(&self, offset: u64) -> io::Result<Option<Box<dyn BufRead + Send>>> {
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        file.seek(SeekFrom::Start(offset))?;
        reader(file, false).map(Some)
    }

    /// Opens it for reading its lines from the first one on; `None` if it has been removed since it was found. One that has been
    /// compressed since is opened all the same.
    pub fn open(&self) -> io::Result<Option<Box<dyn BufRead + Send>>> {
        if self.is_stdin() {
            return Ok(Some(Box::new(BufReader::with_capacity(
                BUFFER,
                io::stdin(),
            ))));
        }
        let mut compressed = self.path.clone().into_os_string();
        compressed.push(COMPRESSED_SUFFIX);
        match File::open(&self.path) {
            Ok(file) => reader(file, self.is_compressed()).map(Some),
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Err(_) => match File::open(PathBuf::from(compressed)) {
                Ok(file) => reader(file, true).map(Some),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error),
            },
        }
    }
}

fn reader(file: File, compressed: bool) -> io::Result<Box<dyn BufRead + Send>> {
    if !compressed {
        return Ok(Box::new(BufReader::with_capacity(BUFFER, file)));
    }
    let mut decoder = zstd::stream::read::Decoder::new(file)?;
    decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
    Ok(Box::new(BufReader::with_capacity(BUFFER, decoder)))
}

/// The index in the name of a segment; `None` if it is not the name of one.
fn segment_index(name: &OsStr) -> Option<u64> {
    let name = name.to_str()?.strip_prefix(SEGMENT_PREFIX)?;
    let name = name.strip_suffix(COMPRESSED_SUFFIX).unwrap_or(name);
    let digits = name.strip_suffix(SEGMENT_SUFFIX)?;
    let is_index = digits.len() == SEGMENT_DIGITS && digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|_| is_index)
}
