//! What operators change, as the journal records it, and decisions that are given in any case.

use std::time::Duration;

use tokio::time::timeout;
use tracing::error;

use super::{
    Journal,
    entry::Entry,
    error::JournalError,
    own::{ChangeEvent, Own},
};

impl Journal {
    /// Whether records are taken now.
    pub fn is_writable(&self) -> bool {
        self.groups.is_open()
    }

    /// Queues a line about what an operator changed, also while the journal cannot be written. Never waits.
    pub fn record_change(&self, change: ChangeEvent) {
        let name = change.event;
        if self.groups.send(Own::Changed(change)).is_none() {
            error!(
                event = "change_not_recorded",
                name, "what an operator changed is not in the journal, because its queue is full"
            );
        }
    }

    /// The same, and waits until the line is written, for this long. After [`JournalError::Late`] it may be written later.
    pub async fn record_change_within(
        &self,
        wait: Duration,
        change: ChangeEvent,
    ) -> Result<(), JournalError> {
        let sent = self.groups.send(Own::Changed(change));
        let written = sent.ok_or(JournalError::NotWritable)?;
        match timeout(wait, written).await {
            Ok(written) => written.map_err(|_| JournalError::Stopped),
            Err(_) => Err(JournalError::Late),
        }
    }

    /// Records a decision that is given in any case, as [`Self::record_within`] does. One that was not recorded is counted, and an event of the
    /// journal says how many there were once it can be written.
    pub fn record_or_count(
        &self,
        wait: Duration,
        entry: Entry,
    ) -> impl Future<Output = Result<(), JournalError>> + Send + use<'_> {
        let policy = entry.request.policy.clone();
        let at = entry.ruling.decision.decided_at();
        let place = self.queue(entry);
        async move {
            let mut is_queued = false;
            let recorded = timeout(wait, self.recorded(place, &mut is_queued)).await;
            let recorded = recorded.unwrap_or(Err(JournalError::Late));
            if recorded.is_err() {
                self.unrecorded.count(&policy, at, is_queued);
            }
            recorded
        }
    }
}
