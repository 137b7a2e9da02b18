//! What the writing thread is sent.

use tokio::sync::oneshot;

use super::{group::Group, own::Own};

#[derive(Debug)]
pub(super) enum Message {
    /// What becomes lines; the sender is used when they are written.
    Group(Group, oneshot::Sender<()>),
    /// An event of the journal itself.
    Own(Own, oneshot::Sender<()>),
    /// Wakes the thread, because a check of the output is due.
    CheckOutput,
    /// Accept no more entries.
    Stop,
}
