//! How the thread ends: with the last line of the journal, or with what is lost.

use serde_json::Value;
use tracing::error;

use super::{
    super::{
        own::{ChangeEvent, Own},
        unrecorded::UNRECORDED,
    },
    Batch, WriterThread,
};

impl WriterThread {
    /// The last line of a clean end. There is none where it cannot be written: no decision is lost with it.
    pub(super) fn end(&mut self) {
        if self.health.is_clear() {
            let unrecorded = self.count_of_unrecorded();
            self.state.owed.extend(unrecorded);
            let lines = self.state.lines;
            self.state.owed.push(Own::Stopped { lines });
            self.write(&mut Batch::default());
            let output = &mut self.output;
            self.health.watched(|| output.finish());
        }
        for own in std::mem::take(&mut self.state.owed) {
            log_lost(&own);
        }
        if let Some(unrecorded) = self.unrecorded.take() {
            log_unrecorded(unrecorded);
        }
        self.sign(true);
    }
}

/// Logs what the journal will never say.
fn log_lost(own: &Own) {
    let name = match own {
        Own::Changed(event) if event.event == UNRECORDED => return log_unrecorded(event.clone()),
        Own::Changed(event) => event.event,
        Own::SegmentRemoved(_) => "segment_removed",
        Own::IdentifierKey(_) => "identifier_key_changed",
        Own::Gap(_) => "gap",
        Own::TailCut(_) => "tail_cut",
        // Nothing is sealed with a key that the journal does not say; the rest is where a file or a process begins and ends.
        Own::FactsKey(_)
        | Own::SegmentOpened(_)
        | Own::SegmentClosed
        | Own::Started
        | Own::Stopped { .. }
        | Own::Tree => return,
    };
    error!(
        event = "journal_event_lost",
        name,
        "the journal does not say this, because it cannot be written and the service ends: free space on the disk of journal.path, or repair its reader"
    );
}

fn log_unrecorded(event: ChangeEvent) {
    let counted = Value::from(event.members);
    error!(
        event = "decisions_unrecorded_lost",
        %counted,
        "decisions were given although they could not be recorded, and the journal cannot say so, because the service ends"
    );
}
