//! Case files: named one by one, or found in folders.

use std::{
    fs,
    io::Read as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, bail};

use crate::policy::{SourceText, suite::CASES_BYTES_MAX};

/// What a case file's name ends in.
const EXTENSION: &str = "yaml";
/// What it may not end in, because it would be left out without a word.
const NEARLY_EXTENSION: &str = "yml";
/// How deep folders may nest: deeper than anybody sorts, and an end to links that lead in a circle.
const DEPTH_MAX: usize = 16;
/// How many files are read at most.
const FILES_MAX: usize = 10_000;
/// A file is read just beyond what the reader takes, so that it tells that there is more.
const READ_BYTES_MAX: u64 = CASES_BYTES_MAX as u64 + 1;

/// The texts of these files, and of every `*.yaml` below these folders in the order of their names.
pub(super) fn texts(paths: &[PathBuf]) -> anyhow::Result<Vec<Arc<SourceText>>> {
    let mut files = Vec::new();
    for path in paths {
        let before = files.len();
        gather(path, 0, &mut files)?;
        if files.len() == before {
            bail!("no case file (*.{EXTENSION}) in `{}`", path.display());
        }
    }
    files.iter().map(|file| read(file)).collect()
}

fn gather(path: &Path, depth: usize, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let unreadable = || format!("cannot read `{}`", path.display());
    let found = fs::metadata(path).with_context(unreadable)?;
    if !found.is_dir() {
        // What somebody names may be a pipe that is being written; one that lies in a folder would be waited for.
        if depth > 0 && !found.is_file() {
            bail!("`{}` is not a file", path.display());
        }
        if files.len() >= FILES_MAX {
            bail!("more than {FILES_MAX} case files");
        }
        files.push(path.to_owned());
        return Ok(());
    }
    if depth >= DEPTH_MAX {
        bail!(
            "folders nest more than {DEPTH_MAX} deep at `{}`",
            path.display()
        );
    }
    let mut entries = Vec::new();
    for entry in fs::read_dir(path).with_context(unreadable)? {
        entries.push(entry.with_context(unreadable)?.path());
    }
    entries.sort();
    for entry in entries {
        let name = entry.file_name().unwrap_or_default();
        let hidden = name.as_encoded_bytes().starts_with(b".");
        let is_dir = entry.is_dir();
        if !hidden && !is_dir && entry.extension().is_some_and(|e| e == NEARLY_EXTENSION) {
            bail!("`{}` is not read: name it *.{EXTENSION}", entry.display());
        }
        if !hidden && (is_dir || entry.extension().is_some_and(|e| e == EXTENSION)) {
            gather(&entry, depth.saturating_add(1), files)?;
        }
    }
    Ok(())
}

/// What is not UTF-8 is read as far as it is, and the reader of cases tells where it is not.
fn read(file: &Path) -> anyhow::Result<Arc<SourceText>> {
    let mut bytes = Vec::new();
    fs::File::open(file)
        .and_then(|opened| opened.take(READ_BYTES_MAX).read_to_end(&mut bytes))
        .with_context(|| format!("cannot read `{}`", file.display()))?;
    Ok(Arc::new(SourceText {
        path: file.display().to_string(),
        text: String::from_utf8_lossy(&bytes).into_owned(),
    }))
}
