//! Which files a journal has: the segments of a folder in their order, single files, or stdin; and where its checkpoints are.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{self, BufRead, BufReader, Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::journal::{COMPRESSED_SUFFIX, decompressed, segment_index};

/// The name of stdin.
const STDIN: &str = "-";
/// The checkpoints of a folder.
const CHECKPOINTS: &str = "checkpoints";
/// The checkpoints of a file are in the file of its name with this appended.
const CHECKPOINTS_SUFFIX: &str = ".checkpoints";
/// How often a folder is listed again, as long as it changes.
const LISTINGS_MAX: usize = 8;
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
        let mut files = list(folder).map_err(unreadable)?;
        // A listing may miss a segment in both forms while it is being compressed; one that begins after it has it.
        for _ in 0..LISTINGS_MAX {
            let again = list(folder).map_err(unreadable)?;
            let is_same = files
                .iter()
                .map(|file| file.first_index)
                .eq(again.iter().map(|file| file.first_index));
            files = again;
            if is_same {
                break;
            }
        }
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

/// The segments of a folder, in the order of their lines.
fn list(folder: &Path) -> io::Result<Vec<JournalFile>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(first_index) = name.to_str().and_then(segment_index) else {
            continue;
        };
        let path = entry.path();
        files.push(JournalFile {
            name: name.to_string_lossy().into(),
            first_index: Some(first_index),
            size: fs::metadata(&path).map_or(0, |metadata| metadata.len()),
            path,
        });
    }
    // A segment that is being compressed is there twice: the plain one, which sorts first, is whole.
    files.sort_by(|one, other| one.name.cmp(&other.name));
    files.dedup_by_key(|file| file.first_index);
    Ok(files)
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
            first_index: name.to_str().and_then(segment_index),
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

    /// Opens it for reading from this offset of its content on; `None` if it has been removed since it was found. One that has been
    /// compressed since is opened all the same.
    pub(super) fn open_at(&self, offset: u64) -> io::Result<Option<Box<dyn BufRead + Send>>> {
        if let Some(file) = self.open_plain()? {
            return reader_at(file, offset).map(Some);
        }
        let Some(mut content) = self.open()? else {
            return Ok(None);
        };
        io::copy(&mut (&mut content).take(offset), &mut io::sink())?;
        Ok(Some(content))
    }

    /// Opens the file itself; `None` if it is compressed, or has been removed or compressed since it was found.
    pub(super) fn open_plain(&self) -> io::Result<Option<File>> {
        if !self.is_seekable() {
            return Ok(None);
        }
        match File::open(&self.path) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
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

/// Reads a file that is not compressed from this offset on.
pub(super) fn reader_at(mut file: File, offset: u64) -> io::Result<Box<dyn BufRead + Send>> {
    file.seek(SeekFrom::Start(offset))?;
    reader(file, false)
}

fn reader(file: File, compressed: bool) -> io::Result<Box<dyn BufRead + Send>> {
    if !compressed {
        return Ok(Box::new(BufReader::with_capacity(BUFFER, file)));
    }
    Ok(Box::new(BufReader::with_capacity(
        BUFFER,
        decompressed(file)?,
    )))
}
