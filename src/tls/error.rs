//! What is wrong with the files of a section, all of it at once.

use std::fmt;

/// What is wrong with the file that a setting names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileProblem {
    /// The setting, such as `grpc.tls.key`.
    pub setting: String,
    /// What is wrong, without quoting what the file holds.
    pub message: String,
    /// What to do about it.
    pub hint: Option<&'static str>,
}

impl FileProblem {
    pub(super) fn new(setting: &str, message: impl Into<String>) -> Self {
        Self {
            setting: setting.to_owned(),
            message: message.into(),
            hint: None,
        }
    }

    pub(super) fn hint(self, hint: &'static str) -> Self {
        let hint = Some(hint);
        Self { hint, ..self }
    }
}

impl fmt::Display for FileProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.setting, self.message)?;
        match self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

/// The files of a section cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct FilesError {
    /// Every problem that was found.
    pub problems: Vec<FileProblem>,
}

impl From<FileProblem> for FilesError {
    fn from(problem: FileProblem) -> Self {
        let problems = vec![problem];
        Self { problems }
    }
}

impl fmt::Display for FilesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}
