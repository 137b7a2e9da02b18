//! Why files give no policy set.

use std::{io, path::PathBuf};

use crate::{
    files::{EXTENSION, Exposure, IgnoredFile},
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
    /// Somebody besides the owners and root can change the files.
    #[error("{}", exposed(.0))]
    Exposed(Vec<Exposure>),
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
    /// Each code that is not about a problem in a file, with its meaning.
    pub const CODES: [(&str, &str); 6] = [
        (
            "files_changing",
            "The files are being changed while they are read.",
        ),
        (
            "too_much_to_read",
            "There are more files or more bytes than a bound allows.",
        ),
        (
            "policies_writable_by_others",
            "Somebody besides the owner and root can change the files.",
        ),
        ("no_policy_file", "The folder has no policy file."),
        ("no_policy", "There is no policy in the files."),
        (
            "redirect_not_allowed",
            "A policy redirects to an address that the configuration does not allow.",
        ),
    ];

    /// The code of the error, for programs. Codes are stable.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable(..) => "unreadable_file",
            Self::Unsettled(_) => "files_changing",
            Self::TooMuch(..) => "too_much_to_read",
            Self::Exposed(_) => "policies_writable_by_others",
            Self::NoFile(_) => "no_policy_file",
            Self::Misnamed(_) => "file_not_read",
            Self::NoPolicy(_) => "no_policy",
            Self::Redirect(..) => "redirect_not_allowed",
            Self::Invalid(_) => "invalid_policies",
        }
    }

    /// Whether there is no file, as where the policies were removed on purpose.
    pub fn is_nothing_there(&self) -> bool {
        match self {
            Self::NoFile(_) => true,
            Self::Unreadable(_, error) => error.kind() == io::ErrorKind::NotFound,
            _ => false,
        }
    }

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

fn exposed(exposures: &[Exposure]) -> String {
    let lines: Vec<String> = exposures.iter().map(Exposure::to_string).collect();
    format!("the policies are refused: {}", lines.join("; "))
}
