//! What the writing thread is sent.

use super::entry::Record;

#[derive(Debug)]
pub(super) enum Message {
    /// What becomes a line.
    Record(Record),
    /// Wakes the thread, because a check of the output is due.
    CheckOutput,
    /// Accept no more entries.
    Stop,
}
