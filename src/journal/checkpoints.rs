//! Signs checkpoints of the journal, at most one a second, and keeps them in a file beside it and at a second place. The writing thread waits for
//! none of it.

use std::{sync::Arc, time::Duration};

use tokio::task::spawn_blocking;

use super::{
    checkpoint::Checkpoint,
    checkpoint_copy::CheckpointCopy,
    checkpoint_file::CheckpointFile,
    merkle::Hash,
    newest::{Arrivals, Deliver, Newest},
    signed_note::SigningKey,
};
use crate::{
    clock::Clock,
    log_throttle::{LogThrottle, throttled},
};

/// Time between two checkpoints.
const EVERY: Duration = Duration::from_secs(1);

/// The state of the tree that is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TreeHead {
    pub(super) size: u64,
    pub(super) root: Hash,
}

/// The side of the writing thread.
#[derive(Debug)]
pub(super) struct Checkpoints {
    heads: Newest<TreeHead>,
    /// The size that is covered by the last one, or will be.
    signed: u64,
    next_at: Duration,
}

impl Checkpoints {
    /// After a checkpoint over this many lines.
    pub(super) fn after(signed: u64, heads: Newest<TreeHead>) -> Self {
        Self {
            heads,
            signed,
            next_at: Duration::ZERO,
        }
    }

    /// Whether the tree of this size is to be signed at this uptime; the last one of a process in any case.
    pub(super) fn is_due(&self, size: u64, uptime: Duration, is_last: bool) -> bool {
        size > self.signed && (is_last || uptime >= self.next_at)
    }

    /// Signs this, or a later one that covers the same lines.
    pub(super) fn sign(&mut self, head: TreeHead, uptime: Duration) {
        self.next_at = uptime.saturating_add(EVERY);
        self.signed = head.size;
        self.heads.send(head);
    }

    /// The size that the last checkpoint covers.
    pub(super) fn signed(&self) -> u64 {
        self.signed
    }
}

/// Signs what the writing thread sends.
#[derive(Debug)]
pub(super) struct Signer {
    pub(super) key: SigningKey,
    /// `None` where there is no file beside the journal.
    pub(super) file: Option<Arc<CheckpointFile>>,
    pub(super) copy: Option<CheckpointCopy>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) log: LogThrottle,
}

impl Signer {
    /// Signs until the writing thread has ended, and what was signed last has been written.
    pub(super) async fn run(mut self, heads: Arrivals<TreeHead>) {
        heads.hand_to(&mut self).await;
        if let Some(copy) = self.copy {
            copy.finish().await;
        }
    }
}

impl Deliver<TreeHead> for Signer {
    async fn put(&mut self, head: TreeHead) -> bool {
        let checkpoint = Checkpoint {
            origin: self.key.verifier().name().into(),
            size: head.size,
            root: head.root,
        };
        let note: Arc<str> = self.key.note(&checkpoint.to_string()).into();
        if let Some(file) = &self.file {
            let (file, note) = (Arc::clone(file), Arc::clone(&note));
            let written = spawn_blocking(move || file.append(head.size, &note)).await;
            // An error of the task means that the process ends.
            if let Err(error) = written.unwrap_or(Ok(())) {
                throttled!(
                    self.log,
                    self.clock.moment().uptime,
                    error,
                    "checkpoint_not_written",
                    %error,
                    "a checkpoint of the journal cannot be written beside it, and is tried again: free space on the disk of journal.path, and make its file of checkpoints writable"
                );
                return false;
            }
        }
        // Only now: a copy never has a checkpoint that is not beside the journal.
        if let Some(copy) = &self.copy {
            copy.send(head.size, note);
        }
        true
    }
}
