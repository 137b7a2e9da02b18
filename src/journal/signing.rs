//! Starts what signs checkpoints, and says where they are kept.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    checkpoint_copy::{CheckpointCopy, CopyTarget},
    checkpoint_file::{CheckpointFile, CheckpointFileError},
    checkpoints::{Checkpoints, Signer},
    error::JournalStartError,
    metrics::CheckpointMetrics,
    newest::newest,
    signed_note::SigningKey,
};
use crate::{
    deps::{Deps, Task},
    log_throttle::LogThrottle,
};

/// How checkpoints are signed, and where they are kept.
#[derive(Debug)]
pub struct Signing {
    /// The key. Its name is that of the journal.
    pub key: SigningKey,
    /// The file beside the journal, if there is one.
    pub file: Option<PathBuf>,
    /// The second place.
    pub copy: Option<CopyTarget>,
}

impl Signing {
    /// The side of the writing thread, and the task that signs. Blocks.
    pub(super) fn begin(
        self,
        metrics: &CheckpointMetrics,
        deps: &Deps,
    ) -> Result<(Checkpoints, Task), JournalStartError> {
        let key = self.key.verifier();
        let file = self.file.map(|path| CheckpointFile::new(&path, key));
        let signed = file.as_ref().map_or(Ok(0), CheckpointFile::last_size)?;
        let copy = self
            .copy
            .map(|target| CheckpointCopy::start(target, key, metrics, deps));
        let copy = copy.transpose()?;
        let (heads, waiting) = newest(&metrics.lost);
        let signer = Signer {
            key: self.key,
            file: file.map(Arc::new),
            copy,
            clock: Arc::clone(&deps.clock),
            log: LogThrottle::default(),
        };
        let task = deps.start(signer.run(waiting));
        Ok((Checkpoints::after(signed, heads), task))
    }
}

/// The file of checkpoints beside the journal at this path. `None` for stdout, a pipe and a device. Blocks.
pub fn checkpoints_beside(journal: &Path) -> Option<PathBuf> {
    if journal.is_dir() {
        return Some(journal.join("checkpoints"));
    }
    let is_file = !journal.exists() || journal.is_file();
    let is_stdout = journal.as_os_str() == "-";
    let mut name = journal.as_os_str().to_owned();
    name.push(".checkpoints");
    (is_file && !is_stdout).then(|| name.into())
}

/// Whether checkpoints by this key can follow what this file has. Changes nothing. Blocks.
pub fn check_checkpoints(file: &Path, key: &SigningKey) -> Result<(), CheckpointFileError> {
    let file = CheckpointFile::new(file, key.verifier());
    file.last_size().map(drop)
}
