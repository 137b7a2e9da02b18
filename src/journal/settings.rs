//! Where the journal is, how much it keeps, and what an answer waits for.

use std::{path::PathBuf, sync::Arc, time::Duration};

use super::{age::Recipient, checkpoint_copy::CopyTarget};
use crate::secrets::Secret;

/// Where the journal is, and what an answer waits for.
#[derive(Debug, Clone)]
pub struct Config {
    /// A file, a pipe, a folder for segments, or `-` for stdout.
    pub path: PathBuf,
    /// What an answer waits for.
    pub durability: Durability,
    /// When a segment ends.
    pub segments: SegmentTerms,
    /// Whether closed ones are compressed.
    pub compress: bool,
    /// When one is removed.
    pub retention: RetentionTerms,
    /// The names of the attributes of requests that are recorded.
    pub attributes: Arc<[Box<str>]>,
    /// The text of the key that checkpoints are signed with, if they are.
    pub signing_key: Option<Secret>,
    /// Where checkpoints are copied to.
    pub checkpoint_copy: Option<CopyTarget>,
    /// The public key that the facts of decisions are sealed to, if they are.
    pub auditor: Option<Recipient>,
    /// The text of the key under which identifiers are recorded, if they are keyed.
    pub identifier_key: Option<Secret>,
}

/// When a decision counts as recorded, so that its answer can leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// It is in the queue: lost if the process is killed.
    #[default]
    Queued,
    /// The system has it: lost if the machine loses its power.
    Written,
    /// The disk has it.
    Synced,
}

/// The bounds of the queue and of retries, and what an answer waits for.
#[derive(Debug, Clone, Copy)]
pub struct QueueLimits {
    /// Entries that may be queued; beyond that, checks wait.
    pub queue_max: usize,
    /// Pause before a failed write is retried.
    pub retry_after: Duration,
    /// What an answer waits for.
    pub durability: Durability,
}

impl Default for QueueLimits {
    fn default() -> Self {
        Self {
            queue_max: 4096,
            retry_after: Duration::from_millis(500),
            durability: Durability::default(),
        }
    }
}

/// When a segment ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentTerms {
    /// The size from which on it ends, in bytes.
    pub size: u64,
    /// The age from which on it ends, if anything was recorded in it.
    pub age: Duration,
}

/// The age from which on a segment ends, whatever it has.
const IDLE_AGE: Duration = Duration::from_hours(6 * 24);
/// Within this time more it has ended.
const IDLE_MARGIN: Duration = Duration::from_hours(24);

impl SegmentTerms {
    /// The age from which on a segment ends in which nothing was recorded: retention sees that time has passed while the service ran.
    pub(super) fn idle_age(self) -> Duration {
        self.age.max(IDLE_AGE)
    }

    /// The most time between the beginnings of two segments while the service runs.
    pub fn pause_max(self) -> Duration {
        self.idle_age().saturating_add(IDLE_MARGIN)
    }
}

impl Default for SegmentTerms {
    fn default() -> Self {
        Self {
            size: 256 * 1024 * 1024,
            age: Duration::from_hours(24),
        }
    }
}

/// How long segments are kept. The one that is written is always kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionTerms {
    /// The age of its last line at which a segment is removed; `None`: never.
    pub age: Option<Duration>,
    /// The size of all segments above which the oldest are removed, in bytes; `None`: none is.
    pub size: Option<u64>,
    /// No more time is between the beginnings of two segments while the service runs. What is above that is a pause, or a wrong clock.
    pub pause_max: Duration,
}

impl Default for RetentionTerms {
    fn default() -> Self {
        Self {
            age: None,
            size: None,
            pause_max: SegmentTerms::default().pause_max(),
        }
    }
}

impl RetentionTerms {
    /// Whether nothing is ever removed.
    pub(super) fn keeps_all(self) -> bool {
        self.age.is_none() && self.size.is_none()
    }
}
