//! Texts from the file system, within bounds: [`read_text`] and [`read_start`] read one file, a [`Walk`] finds the `*.yaml` files below
//! a folder.
//!
//! Policies and test cases are both kept in folders, and both are read by the same rules: what is not taken is in [`Walk::ignored`]
//! with the reason, so that nothing that somebody meant to be read is missing in silence. What differs between the two is in
//! [`WalkLimits`].

mod exposure;
mod ignored;
#[cfg(test)]
mod tests;

use std::{
    cmp::Reverse,
    collections::BTreeSet,
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

pub use self::{
    exposure::{Exposure, is_reachable, readers, writers},
    ignored::{EXTENSION, IgnoredFile, IgnoredReason},
};

/// The folder of what a check of the file system has found, at the root of many file systems; only the superuser may read it.
const LOST_AND_FOUND: &str = "lost+found";
/// The link that Kubernetes swaps to replace all files of a ConfigMap or Secret at once.
const SWAPPED_LINK: &str = "..data";

/// The bounds of a walk, and how it treats links.
#[derive(Debug, Clone, Copy)]
pub struct WalkLimits {
    /// The number of files that are found.
    pub files: usize,
    /// The number of folders that are entered.
    pub folders: usize,
    /// The number of entries of folders, whatever they are.
    pub entries: usize,
    /// How many levels of sub-folders are entered.
    pub depth: usize,
    /// How links are followed.
    pub links: SymlinkMode,
}

/// How a walk follows links.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SymlinkMode {
    /// Every file and folder counts once, whichever links lead to it, so that links may form a circle. A link to nowhere is an error.
    /// The link that Kubernetes swaps is resolved once for all files behind it, so that a walk never mixes two versions.
    Once,
    /// A link counts as a copy of its target. A circle of links ends at the maximum depth.
    Copies,
}

/// One bound of [`WalkLimits`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// `WalkLimits::files`.
    Files,
    /// `WalkLimits::folders`.
    Folders,
    /// `WalkLimits::entries`.
    Entries,
    /// `WalkLimits::depth`.
    Depth,
}

/// Why a walk ended before its end. Each error carries the path by which the operator knows the file or folder.
#[derive(Debug, thiserror::Error)]
pub enum WalkError {
    /// A file or folder cannot be read.
    #[error("cannot read `{}`", .0.display())]
    Unreadable(PathBuf, #[source] io::Error),
    /// There is more than one of the bounds allows.
    #[error("at `{}` a bound is exceeded: {:?}", .0.display(), .1)]
    Exceeded(PathBuf, Bound),
}

/// A file that a walk has found.
#[derive(Debug, PartialEq, Eq)]
pub struct File {
    /// The path to read it by; without links, if links are followed once.
    pub path: PathBuf,
    /// The path by which the operator knows it.
    pub shown: PathBuf,
}

/// A folder that has not been walked yet.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
    shown: PathBuf,
    depth: usize,
}

/// A walk through folders, and what it has found so far. One walk may begin at several paths; the bounds hold for all of them together.
#[derive(Debug)]
pub struct Walk {
    limits: WalkLimits,
    /// The files, in no particular order.
    pub files: Vec<File>,
    /// The folders that were entered, by the paths that they were walked by.
    pub folders: BTreeSet<PathBuf>,
    /// The links that were followed inside these folders.
    pub links: Vec<PathBuf>,
    /// What was not taken, and why.
    pub ignored: Vec<IgnoredFile>,
    /// The paths of the files without links. Empty if a link counts as a copy.
    met: BTreeSet<PathBuf>,
    entries: usize,
}

impl Walk {
    /// A walk that has not begun.
    pub fn new(limits: WalkLimits) -> Self {
        Self {
            limits,
            files: Vec::new(),
            folders: BTreeSet::new(),
            links: Vec::new(),
            ignored: Vec::new(),
            met: BTreeSet::new(),
            entries: 0,
        }
    }

    /// Adds a file by its name, whatever its extension is.
    pub fn add_file(&mut self, path: &Path, shown: &Path) -> Result<(), WalkError> {
        let path = self.resolve(path, shown)?;
        if self.met.contains(&path) {
            return Ok(());
        }
        if self.files.len() >= self.limits.files {
            return Err(exceeded(shown, Bound::Files));
        }
        if self.limits.links == SymlinkMode::Once {
            self.met.insert(path.clone());
        }
        let shown = shown.to_owned();
        self.files.push(File { path, shown });
        Ok(())
    }

    /// Adds every `*.yaml` file of a folder and its sub-folders. After an error it has those that were found before.
    pub fn add_folder(&mut self, path: &Path, shown: &Path) -> Result<(), WalkError> {
        let mut pending = Vec::new();
        self.enter(path, shown, 0, &mut pending)?;
        while let Some(folder) = pending.pop() {
            self.visit(&folder, &mut pending)?;
        }
        Ok(())
    }

    /// Puts a folder on the list of those to be walked, unless it counts once and was entered already.
    fn enter(
        &mut self,
        path: &Path,
        shown: &Path,
        depth: usize,
        pending: &mut Vec<Folder>,
    ) -> Result<(), WalkError> {
        let path = self.resolve(path, shown)?;
        if self.folders.len() >= self.limits.folders {
            return Err(exceeded(shown, Bound::Folders));
        }
        if depth > self.limits.depth {
            return Err(exceeded(shown, Bound::Depth));
        }
        let is_new = self.folders.insert(path.clone());
        if is_new || self.limits.links == SymlinkMode::Copies {
            let shown = shown.to_owned();
            pending.push(Folder { path, shown, depth });
        }
        Ok(())
    }

    /// Adds the files of one folder, and puts its sub-folders on the list.
    fn visit(&mut self, folder: &Folder, pending: &mut Vec<Folder>) -> Result<(), WalkError> {
        let swapped_link = folder.path.join(SWAPPED_LINK);
        let is_swapped =
            self.limits.links == SymlinkMode::Once && fs::read_link(&swapped_link).is_ok();
        if is_swapped {
            self.enter(&swapped_link, &folder.shown, folder.depth, pending)?;
        }
        let mut names = self.names(folder)?;
        // The last folder that is put on the list is walked first.
        names.sort_by(|one, other| Reverse(one).cmp(&Reverse(other)));
        for name in names {
            let (path, shown) = (folder.path.join(&name), folder.shown.join(&name));
            let target = fs::read_link(&path).ok();
            let behind_the_swap = target
                .as_ref()
                .is_some_and(|to| to.starts_with(SWAPPED_LINK));
            if is_swapped && behind_the_swap {
                continue;
            }
            if target.is_some() {
                self.links.push(path.clone());
            }
            self.add_entry(&path, &shown, folder.depth, pending)?;
        }
        Ok(())
    }

    /// The names in a folder that are not hidden. Editors and Kubernetes keep files of their own in hidden ones, and file systems in
    /// `lost+found`.
    fn names(&mut self, folder: &Folder) -> Result<Vec<std::ffi::OsString>, WalkError> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&folder.path).map_err(unreadable(&folder.shown))? {
            self.entries = self.entries.saturating_add(1);
            if self.entries > self.limits.entries {
                return Err(exceeded(&folder.shown, Bound::Entries));
            }
            names.push(entry.map_err(unreadable(&folder.shown))?.file_name());
        }
        names.retain(|name| {
            let hidden = name.as_encoded_bytes().starts_with(b".");
            if let Some(reason) = IgnoredReason::of_hidden(name).filter(|_| hidden) {
                self.ignore(folder.path.join(name), folder.shown.join(name), reason);
            }
            !hidden && name != LOST_AND_FOUND
        });
        Ok(names)
    }

    /// Adds an entry of a folder if it is a `*.yaml` file, and enters it if it is a folder.
    fn add_entry(
        &mut self,
        path: &Path,
        shown: &Path,
        depth: usize,
        pending: &mut Vec<Folder>,
    ) -> Result<(), WalkError> {
        let once = self.limits.links == SymlinkMode::Once;
        let metadata = fs::metadata(path).map_err(unreadable(shown));
        if metadata.as_ref().is_ok_and(fs::Metadata::is_dir) {
            return self.enter(path, shown, depth.saturating_add(1), pending);
        }
        // Where links count once, a link to nowhere is an error whatever its name is: it may have been a folder.
        let metadata = if once { Ok(metadata?) } else { metadata };
        let reason = match IgnoredReason::of_name(path) {
            None if metadata?.is_file() => return self.add_file(path, shown),
            None => IgnoredReason::NotAFile,
            Some(reason) => reason,
        };
        self.ignore(path.to_owned(), shown.to_owned(), reason);
        Ok(())
    }

    fn ignore(&mut self, path: PathBuf, shown: PathBuf, reason: IgnoredReason) {
        self.ignored.push(IgnoredFile {
            path,
            shown,
            reason,
        });
    }

    /// The path to use for reading: without links, if links are followed once.
    fn resolve(&self, path: &Path, shown: &Path) -> Result<PathBuf, WalkError> {
        match self.limits.links {
            SymlinkMode::Once => path.canonicalize().map_err(unreadable(shown)),
            SymlinkMode::Copies => Ok(path.to_owned()),
        }
    }
}

/// Reads a text in UTF-8. One that is longer than `bytes_max` is an error.
pub fn read_text(path: &Path, bytes_max: usize) -> io::Result<String> {
    let mut text = String::new();
    let read = open(path, bytes_max)?.read_to_string(&mut text)?;
    if read <= bytes_max {
        Ok(text)
    } else {
        let message = format!("it is longer than {bytes_max} bytes");
        Err(io::Error::other(message))
    }
}

/// Reads a file, but no more than one byte beyond `bytes_max`. By that byte a parser sees that the file is too long, and can report it
/// as it reports all other problems.
pub fn read_start(path: &Path, bytes_max: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path, bytes_max)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn open(path: &Path, bytes_max: usize) -> io::Result<io::Take<fs::File>> {
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX);
    Ok(fs::File::open(path)?.take(limit.saturating_add(1)))
}

fn unreadable(shown: &Path) -> impl Fn(io::Error) -> WalkError {
    |error| WalkError::Unreadable(shown.to_owned(), error)
}

fn exceeded(shown: &Path, bound: Bound) -> WalkError {
    WalkError::Exceeded(shown.to_owned(), bound)
}
