//! A file in PEM that a setting names.

use std::path::PathBuf;

use secrecy::SecretString;

use super::error::FileProblem;
use crate::{files::writers, secrets::read_text};

/// The size of a file, in bytes: revocation lists can be long.
const BYTES_MAX: usize = 16 * 1024 * 1024;

/// A file in PEM, and the setting that names it.
#[derive(Debug, Clone)]
pub(super) struct PemFile {
    /// Such as `grpc.tls.certificate`.
    pub(super) setting: String,
    pub(super) path: PathBuf,
}

impl PemFile {
    pub(super) fn new(section: &str, key: &str, path: PathBuf) -> Self {
        Self {
            setting: format!("{section}.{key}"),
            path,
        }
    }

    /// Reads the file. It may hold a private key, so it is not shown. Blocks.
    pub(super) fn read(&self) -> Result<SecretString, FileProblem> {
        // Opening a pipe could wait for ever, and it is read only once.
        if self.path.exists() && !self.path.is_file() {
            return Err(self.problem("is not a regular file"));
        }
        // A person who can change the file decides who is trusted.
        if let Some(exposure) = writers(&self.path).iter().find(|found| found.is_writable()) {
            return Err(self.problem(&format!("is not used, because {exposure}")));
        }
        match read_text(&self.path, BYTES_MAX) {
            Ok(text) if text.trim().is_empty() => Err(self.problem("is empty")),
            Ok(text) => Ok(SecretString::from(text.as_str())),
            Err(error) => Err(self.problem(&format!("cannot be read: {error}"))),
        }
    }

    /// A problem of this file, in words that follow its name.
    pub(super) fn problem(&self, flaw: &str) -> FileProblem {
        FileProblem::new(&self.setting, format!("`{}` {flaw}", self.path.display()))
    }
}
