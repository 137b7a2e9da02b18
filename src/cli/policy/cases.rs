//! Case files: named one by one, or found in folders.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, anyhow, bail};

use crate::{
    files::{
        Bound, EXTENSION, File, IgnoredReason, SymlinkMode, Walk, WalkError, WalkLimits, read_start,
    },
    policy::{SourceText, suite::CASES_BYTES_MAX},
};

/// How many files are read at most.
const FILES_MAX: usize = 10_000;
/// How deep folders may nest, the named one included.
const DEPTH_MAX: usize = 16;

const LIMITS: WalkLimits = WalkLimits {
    files: FILES_MAX,
    folders: 100_000,
    entries: 1_000_000,
    depth: DEPTH_MAX - 1,
    links: SymlinkMode::Copies,
};

/// The texts of these files, and of every `*.yaml` below these folders in the order of their names.
pub(super) fn texts(paths: &[PathBuf]) -> anyhow::Result<Vec<Arc<SourceText>>> {
    let mut walk = Walk::new(LIMITS);
    // Other files are the policies' lists, reports and the like.
    let meant = |reason| matches!(reason, IgnoredReason::Misspelt | IgnoredReason::NotAFile);
    for path in paths {
        let before = walk.files.len();
        let named = fs::metadata(path).with_context(|| unreadable(path))?;
        if named.is_dir() {
            walk.add_folder(path, path).map_err(explained)?;
        } else {
            // A file that is named may be a pipe that is being written. Nobody writes to one in a folder, and reading it would never end.
            walk.add_file(path, path).map_err(explained)?;
        }
        if let Some(ignored) = walk.ignored.iter().find(|file| meant(file.reason)) {
            bail!("{ignored}");
        }
        let Some(found) = walk.files.get_mut(before..).filter(|new| !new.is_empty()) else {
            bail!("no case file (*.{EXTENSION}) in `{}`", path.display());
        };
        found.sort_by(|one, other| one.path.cmp(&other.path));
    }
    walk.files.iter().map(read).collect()
}

/// The error of a walk in the words of this command.
fn explained(error: WalkError) -> anyhow::Error {
    match error {
        WalkError::Exceeded(_, Bound::Files) => anyhow!("more than {FILES_MAX} case files"),
        WalkError::Exceeded(path, Bound::Depth) => {
            let path = path.display();
            anyhow!("folders nest more than {DEPTH_MAX} deep at `{path}`")
        }
        other => other.into(),
    }
}

/// Reads a file. What is not UTF-8 is replaced, and the reader of cases reports its place.
fn read(file: &File) -> anyhow::Result<Arc<SourceText>> {
    let bytes = read_start(&file.path, CASES_BYTES_MAX).with_context(|| unreadable(&file.shown))?;
    Ok(Arc::new(SourceText {
        path: file.shown.display().to_string(),
        text: String::from_utf8_lossy(&bytes).into_owned(),
    }))
}

fn unreadable(path: &Path) -> String {
    format!("cannot read `{}`", path.display())
}
