//! Finds and reads the policy files at a path.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf, absolute},
    sync::Arc,
};

use super::error::LoadError;
use crate::{
    file_watch::WatchPaths,
    files::{
        Bound, File, IgnoredFile, IgnoredReason, SymlinkMode, Walk, WalkError, WalkLimits,
        read_start,
    },
    policy::{POLICY_FILE_BYTES_MAX, SourceText},
};

/// The size of all policy files together, in bytes.
const ALL_BYTES_MAX: usize = 16 * 1024 * 1024;
/// A set has at most 1000 policies, so that more files than these could only be empty.
const FILES_MAX: usize = 1000;
const FOLDERS_MAX: usize = 200;
const ENTRIES_MAX: usize = 10_000;
const DEPTH_MAX: usize = 16;

const LIMITS: WalkLimits = WalkLimits {
    files: FILES_MAX,
    folders: FOLDERS_MAX,
    entries: ENTRIES_MAX,
    depth: DEPTH_MAX,
    links: SymlinkMode::Once,
};

/// The policy files that were read, and the files beside them.
#[derive(Debug)]
pub(super) struct PolicyFiles {
    pub(super) texts: Vec<Arc<SourceText>>,
    pub(super) ignored: Vec<IgnoredFile>,
}

/// Reads a policy file, or every policy file of a folder and its sub-folders. Adds the paths to watch, even if there is an error.
pub(super) fn read(path: &Path, watch_paths: &mut WatchPaths) -> Result<PolicyFiles, LoadError> {
    let rooted = absolute(path).map_err(unreadable(path))?;
    watch_paths.add(&rooted);
    let metadata = fs::metadata(&rooted).map_err(unreadable(path))?;
    let mut walk = Walk::new(LIMITS);
    let walked = if metadata.is_file() {
        walk.add_file(&rooted, path)
    } else {
        walk.add_folder(&rooted, path)
    };
    watch_paths.add_folders(walk.folders);
    for link in &walk.links {
        watch_paths.add(link);
    }
    walked.map_err(load_error)?;
    let mut ignored = walk.ignored;
    ignored.sort_by(|one, other| one.shown.cmp(&other.shown));
    if walk.files.is_empty() {
        check_names(&ignored, &BTreeSet::new())?;
        return Err(LoadError::NoFile(path.to_owned()));
    }
    let texts = read_all(&walk.files)?;
    Ok(PolicyFiles { texts, ignored })
}

/// Refuses files that were surely meant to be policies, unless they are lists that a policy names.
pub(super) fn check_names(
    ignored: &[IgnoredFile],
    lists: &BTreeSet<PathBuf>,
) -> Result<(), LoadError> {
    let meant = |file: &&IgnoredFile| match file.reason {
        IgnoredReason::Misspelt | IgnoredReason::Json | IgnoredReason::NotAFile => {
            !lists.contains(&file.shown)
        }
        IgnoredReason::Hidden | IgnoredReason::Other => false,
    };
    let misnamed: Vec<IgnoredFile> = ignored.iter().filter(meant).cloned().collect();
    if misnamed.is_empty() {
        Ok(())
    } else {
        Err(LoadError::Misnamed(misnamed))
    }
}

/// Reads these files, and sorts them by the paths by which operators know them, so that problems are reported in that order.
fn read_all(files: &[File]) -> Result<Vec<Arc<SourceText>>, LoadError> {
    let mut texts = Vec::new();
    let mut bytes_in_all: usize = 0;
    for file in files {
        let bytes =
            read_start(&file.path, POLICY_FILE_BYTES_MAX).map_err(unreadable(&file.shown))?;
        bytes_in_all = bytes_in_all.saturating_add(bytes.len());
        if bytes_in_all > ALL_BYTES_MAX {
            let bound = format!("{ALL_BYTES_MAX} bytes in all");
            return Err(LoadError::TooMuch(file.shown.clone(), bound));
        }
        // What is not UTF-8 is replaced here, and the parser reports its place.
        texts.push(Arc::new(SourceText {
            path: file.shown.display().to_string(),
            text: String::from_utf8_lossy(&bytes).into_owned(),
        }));
    }
    texts.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(texts)
}

fn load_error(error: WalkError) -> LoadError {
    let (path, bound) = match error {
        WalkError::Unreadable(path, error) => return LoadError::Unreadable(path, error),
        WalkError::Exceeded(path, bound) => (path, bound),
    };
    let bound = match bound {
        Bound::Files => format!("{FILES_MAX} files"),
        Bound::Folders => format!("{FOLDERS_MAX} folders"),
        Bound::Entries => format!("{ENTRIES_MAX} entries"),
        Bound::Depth => format!("{DEPTH_MAX} nested folders"),
    };
    LoadError::TooMuch(path, bound)
}

fn unreadable(shown: &Path) -> impl Fn(io::Error) -> LoadError {
    |error| LoadError::Unreadable(shown.to_owned(), error)
}
