//! Why a decision cannot be recorded, and why the journal cannot start.

use std::io;

use super::{age::AgeError, checkpoint_file::CheckpointFileError};
use crate::tls::ClientError;

/// The decision cannot be recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// The service stops.
    #[error("the journal has stopped")]
    Stopped,
    /// What was accepted before cannot be written.
    #[error("the journal cannot be written")]
    NotWritable,
    /// It was not written within the call's deadline. It may be later.
    #[error("the journal did not record it in time")]
    Late,
}

/// Why the journal cannot start.
#[derive(Debug, thiserror::Error)]
pub enum JournalStartError {
    /// Its thread cannot be started.
    #[error("cannot start the journal's thread")]
    Thread(#[from] io::Error),
    /// The file of checkpoints cannot be used.
    #[error(transparent)]
    Checkpoints(#[from] CheckpointFileError),
    /// The client of `journal.checkpoint_copy` cannot be built.
    #[error("cannot build the HTTP client of journal.checkpoint_copy")]
    CheckpointCopy(#[from] ClientError),
    /// The first data key of facts cannot be made.
    #[error("cannot make the key that facts are sealed with")]
    DataKey(#[from] AgeError),
    /// A metric cannot be registered: an internal error.
    #[error(transparent)]
    Metrics(#[from] prometheus::Error),
}

/// A decision that was not recorded in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the decision was not recorded")]
pub struct UnrecordedError {
    /// Why.
    #[source]
    pub error: JournalError,
    /// Whether it is queued, so that its line may follow.
    pub is_queued: bool,
}
