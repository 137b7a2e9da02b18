//! What operators change, as the journal records it.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};
use tracing::error;

use super::{
    Journal,
    error::JournalError,
    gather::Groups,
    message::Message,
    own::{ChangeEvent, Own},
};
use crate::policy::{Timestamp, rfc3339};

/// The member that says when something happened: its line may be written much later.
const HAPPENED_AT: &str = "happened_at";

/// A place in the queue, for a line about something that must not be done without one.
#[derive(Debug)]
pub struct ChangePlace {
    place: mpsc::OwnedPermit<Message>,
    groups: Arc<Groups>,
}

impl ChangePlace {
    /// Queues a line about what has happened at this instant, and waits until it is written, for this long. After [`JournalError::Late`] it is
    /// queued and may be written later; after [`JournalError::Stopped`] it may be lost.
    pub async fn record_within(
        self,
        wait: Duration,
        change: ChangeEvent,
        happened_at: Timestamp,
    ) -> Result<(), JournalError> {
        let (written, when_written) = oneshot::channel();
        let own = Own::Changed(dated(change, happened_at));
        self.place.send(Message::Own(own, written));
        match timeout(wait, when_written).await {
            Ok(written) => written.map_err(|_| JournalError::Stopped),
            // It is in a queue that is not read any more.
            Err(_) if self.groups.have_ended() => Err(JournalError::Stopped),
            Err(_) => Err(JournalError::Late),
        }
    }
}

/// An event with the instant at which it happened.
fn dated(mut change: ChangeEvent, at: Timestamp) -> ChangeEvent {
    let at = json!(rfc3339(at));
    change.members.insert(HAPPENED_AT.to_owned(), at);
    change
}

impl Journal {
    /// Whether records are taken now.
    pub fn is_writable(&self) -> bool {
        self.groups.is_open()
    }

    /// Queues a line about what an operator changed now, also while the journal cannot be written. Never waits.
    pub fn record_change(&self, change: ChangeEvent) {
        let name = change.event;
        let change = dated(change, self.clock.now());
        if self.groups.send(Own::Changed(change)).is_none() {
            error!(
                event = "change_not_recorded",
                name, "what an operator changed is not in the journal, because its queue is full"
            );
        }
    }

    /// Takes a place for the line about a change that is made only if it can be recorded. Never waits: an error means that the journal cannot be
    /// written, or that its queue is full. The journal does not end before the place is used or dropped.
    pub fn reserve_change(&self) -> Result<ChangePlace, JournalError> {
        Ok(ChangePlace {
            place: self.groups.reserve()?,
            groups: Arc::clone(&self.groups),
        })
    }
}
