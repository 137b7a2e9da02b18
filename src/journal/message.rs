//! What the writing thread is sent.

use super::entry::Entry;

#[derive(Debug)]
pub(super) enum Message {
    /// An entry, boxed because the queue has room for many.
    Record(Box<Entry>),
    /// Look at the output, and open it again if that was requested.
    Look,
    /// Accept no more entries.
    Stop,
}
