//! Why files give no policy set.

use std::{io, path::PathBuf};

use crate::{
    files::{EXTENSION, IgnoredFile},
    policy::{ParseError, PolicyName},
};

/// Why files give no policy set. Paths are shown as the operator wrote them.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file or folder cannot be read.
    #[error("cannot read `{}`", .0.display())]
    Unreadable(PathBuf, #[source] io::Error),
    /// No two readings in a row were equal.
    #[error("`{}` is being changed while it is read", .0.display())]
    Unsettled(PathBuf),
    /// There is more to read than a bound allows; the second field names the bound.
    #[error("at `{}` there are more than {}", .0.display(), .1)]
    TooMuch(PathBuf, String),
    /// The folder has no policy file.
    #[error("no policy file (*.{EXTENSION}) in `{}`", .0.display())]
    NoFile(PathBuf),
    /// Files would be left out although they were surely meant to be read.
    #[error("{}", lines(.0))]
    Misnamed(Vec<IgnoredFile>),
    /// There are files, but no policy in them.
    #[error("no policy in `{}`", .0.display())]
    NoPolicy(PathBuf),
    /// A policy redirects browsers to an address that the configuration does not allow.
    #[error(
        "the policy `{0}` redirects to `{1}`, which is not in step_up.redirects of the configuration"
    )]
    Redirect(PolicyName, String),
    /// The files do not compile.
    #[error("{0}")]
    Invalid(ParseError),
}

impl LoadError {
    /// The whole error in plain text, with what the system says of it.
    pub fn in_full(&self) -> String {
        match self {
            Self::Unreadable(_, error) => format!("{self}: {error}"),
            Self::Invalid(problems) => problems.in_short(),
            _ => self.to_string(),
        }
    }
}

fn lines(files: &[IgnoredFile]) -> String {
    let lines: Vec<String> = files.iter().map(IgnoredFile::to_string).collect();
    lines.join("\n")
}
