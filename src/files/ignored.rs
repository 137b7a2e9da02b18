//! What a walk did not take, and why: a file that somebody meant to be read is never missing in silence.

use std::{
    ffi::OsStr,
    fmt,
    path::{Path, PathBuf},
};

/// The extension of the files that a walk finds.
pub const EXTENSION: &str = "yaml";

/// A file that a walk did not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IgnoredFile {
    /// The path that it was found by.
    pub path: PathBuf,
    /// The path by which the operator knows it.
    pub shown: PathBuf,
    /// Why it was not taken.
    pub reason: IgnoredReason,
}

/// Why a file was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IgnoredReason {
    /// It is named `*.yml`, or `*.yaml` in capitals: surely meant to be read.
    Misspelt,
    /// It is named `*.json`.
    Json,
    /// It is named as the files that are read, but it is a pipe, a socket or a device.
    NotAFile,
    /// It is named as the files that are read, but it is hidden.
    Hidden,
    /// It is named otherwise.
    Other,
}

impl IgnoredReason {
    /// Why a file of this name is not taken; `None` if it is.
    pub(super) fn of_name(path: &Path) -> Option<Self> {
        match path.extension() {
            Some(extension) if extension == EXTENSION => None,
            Some(extension) if is_any(extension, &[EXTENSION, "yml"]) => Some(Self::Misspelt),
            Some(extension) if is_any(extension, &["json"]) => Some(Self::Json),
            _ => Some(Self::Other),
        }
    }

    /// That a hidden file looks as if it were meant to be read. Those that Kubernetes (`..`) and editors (`.#`, `._`) make do not.
    pub(super) fn of_hidden(name: &OsStr) -> Option<Self> {
        let bytes = name.as_encoded_bytes();
        let made = [&b".."[..], b".#", b"._"];
        let is_made = made.iter().any(|prefix| bytes.starts_with(prefix));
        // A dot alone before it makes no extension.
        let extension = Path::new(name).extension().map(OsStr::as_encoded_bytes);
        let extension = extension.or_else(|| bytes.strip_prefix(b"."))?;
        let mut known = [EXTENSION, "yml", "json"].into_iter();
        let looks_so = known.any(|known| extension.eq_ignore_ascii_case(known.as_bytes()));
        (looks_so && !is_made).then_some(Self::Hidden)
    }
}

fn is_any(extension: &OsStr, known: &[&str]) -> bool {
    known
        .iter()
        .any(|known| extension.eq_ignore_ascii_case(known))
}

impl fmt::Display for IgnoredFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not read: ", self.shown.display())?;
        match self.reason {
            IgnoredReason::Misspelt => write!(f, "name it *.{EXTENSION}"),
            IgnoredReason::Json => write!(f, "write it as *.{EXTENSION}, or keep it elsewhere"),
            IgnoredReason::NotAFile => write!(f, "it is a pipe, a socket or a device, not a file"),
            IgnoredReason::Hidden => write!(f, "its name begins with a dot"),
            IgnoredReason::Other => write!(f, "it is not named *.{EXTENSION}"),
        }
    }
}
