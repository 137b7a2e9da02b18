//! What the writing thread is sent.

use super::entry::Entry;

#[derive(Debug)]
pub(super) enum Message {
    /// An entry, boxed because the queue has room for many.
    Record(Box<Entry>),
    /// Wakes the thread, because a check of the output is due.
    CheckOutput,
    /// Accept no more entries.
    Stop,
}
