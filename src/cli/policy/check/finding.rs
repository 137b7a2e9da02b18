//! The findings of a check, in one form for every output format.

use crate::{
    files::IgnoredFile,
    policy::{Diagnostic, Location, Warning},
};

/// The code of a file that is not read.
pub(super) const FILE_NOT_READ: &str = "file_not_read";

/// The findings of one file or folder of policies.
#[derive(Debug)]
pub(super) struct CheckedSet {
    /// The path, as it was given.
    pub(super) path: String,
    /// How many policies it has; none if it has mistakes.
    pub(super) policies: Option<usize>,
    pub(super) revision: Option<String>,
    /// Its mistakes.
    pub(super) problems: Vec<Finding>,
    /// Its warnings.
    pub(super) warnings: Vec<Finding>,
    /// How many more problems or warnings there are.
    pub(super) more: usize,
    /// How many of these are warnings, by their codes.
    pub(super) more_warnings: Vec<(&'static str, usize)>,
    /// The policies that are too large to finish every proof.
    pub(super) unfinished: Vec<String>,
}

/// A mistake, or a warning.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) code: &'static str,
    /// The policy that a warning is about.
    pub(super) policy: Option<String>,
    pub(super) place: Option<FilePosition>,
    pub(super) message: String,
    pub(super) hint: Option<String>,
    /// The places of other rules that the message names.
    pub(super) related: Vec<FilePosition>,
}

/// A place in a file, or a file.
#[derive(Debug)]
pub(super) struct FilePosition {
    /// The path of the file.
    pub(super) path: String,
    /// The place in the file; `None` if it is about the whole file.
    pub(super) range: Option<Range>,
}

/// A range on one line, in characters from 1.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range {
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) width: usize,
}

impl Finding {
    pub(super) fn of_file(file: &IgnoredFile) -> Self {
        Self {
            code: FILE_NOT_READ,
            policy: None,
            place: Some(FilePosition::of_file(file.shown.display().to_string())),
            message: file.to_string(),
            hint: Some("name it as a file that is read, or move it elsewhere".to_owned()),
            related: Vec::new(),
        }
    }

    pub(super) fn of_warning(warning: &Warning) -> Self {
        Self {
            code: warning.code.as_str(),
            policy: Some(warning.policy.to_string()),
            place: warning.location.as_ref().map(FilePosition::of),
            message: warning.message.clone(),
            hint: Some(warning.hint.clone()),
            related: warning.related.iter().map(FilePosition::of).collect(),
        }
    }

    pub(super) fn of_problem(problem: &Diagnostic) -> Self {
        Self {
            code: problem.code.as_str(),
            policy: None,
            place: Some(FilePosition::of(&problem.location)),
            message: problem.message.clone(),
            hint: problem.hint.clone(),
            related: Vec::new(),
        }
    }

    /// The whole message in one text: the problem, then a paragraph with the cure.
    pub(super) fn text(&self) -> String {
        let policy = self
            .policy
            .iter()
            .map(|policy| format!("policy `{policy}`: "));
        let hint = self.hint.iter().map(|hint| format!("\n\nhelp: {hint}"));
        let policy: String = policy.collect();
        let hint: String = hint.collect();
        format!("{policy}{}{hint}", self.message)
    }
}

impl FilePosition {
    /// A whole file.
    pub(super) fn of_file(path: String) -> Self {
        Self { path, range: None }
    }

    fn of(location: &Location) -> Self {
        let position = location.position;
        Self {
            path: location.source.path.clone(),
            range: Some(Range {
                line: position.line,
                column: position.column,
                width: position.width,
            }),
        }
    }
}

impl Range {
    /// The column after the last character.
    pub(super) fn end_column(self) -> usize {
        self.column.saturating_add(self.width)
    }
}
