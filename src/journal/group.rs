//! Groups: what is handed to the writing thread together, and what waits for it.
//!
//! Why the bodies are made here and not by the writing thread: they are then made on as many processors as there are, and the thread that
//! all wait for does only what has to be done in order.

use std::sync::{Arc, OnceLock};

use tokio::sync::{Notify, OwnedSemaphorePermit};

use super::{error::JournalError, line::Body};
use crate::policy::Timestamp;

/// What is reserved for the bodies of a group at first: as much as the group before it had, within these bounds. A buffer that begins empty would
/// be copied, and overwritten, each time that it doubles.
const BODIES_MIN: usize = 2_048;
const BODIES_MAX: usize = 256 * 1_024;
/// The same for how many they are.
const RECORDS_MAX: usize = 256;

/// What was recorded since the last hand-over.
#[derive(Debug, Default)]
pub(super) struct Group {
    bodies: Vec<u8>,
    /// Of each body, when it was recorded, and its end.
    ends: Vec<(Timestamp, usize)>,
    /// How much the bodies of the group before took, and how many they were.
    expected: (usize, usize),
    /// Their places in the queue, which become free with the group.
    places: Option<OwnedSemaphorePermit>,
    pub(super) done: Arc<Done>,
}

impl Group {
    /// How many were recorded.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// When each was recorded, and its body.
    pub(super) fn records(&self) -> impl Iterator<Item = (Timestamp, &[u8])> {
        let mut start = 0;
        self.ends.iter().map(move |(at, end)| {
            let body = self.bodies.get(start..*end).unwrap_or_default();
            start = *end;
            (*at, body)
        })
    }

    /// An empty group that comes after this one.
    pub(super) fn following(&self) -> Self {
        Self {
            expected: (self.bodies.len(), self.len()),
            ..Self::default()
        }
    }

    /// Adds a record.
    pub(super) fn push(&mut self, record: &impl Body, permit: Permit) {
        match &mut self.places {
            Some(places) => places.merge(permit.0),
            places => *places = Some(permit.0),
        }
        if self.bodies.is_empty() {
            let (bytes, records) = self.expected;
            self.bodies.reserve(bytes.clamp(BODIES_MIN, BODIES_MAX));
            self.ends.reserve(records.min(RECORDS_MAX));
        }
        record.append_to(&mut self.bodies);
        self.ends.push((record.at(), self.bodies.len()));
    }
}

/// Permits to be in the queue, for one record each.
#[derive(Debug)]
pub(super) struct Permit(pub(super) OwnedSemaphorePermit);

/// Whether a group was recorded.
#[derive(Debug, Default)]
pub(super) struct Done {
    result: OnceLock<Result<(), JournalError>>,
    notify: Notify,
}

impl Done {
    /// Waits until it is known.
    pub(super) async fn wait(&self) -> Result<(), JournalError> {
        loop {
            // Made before the look, so that nothing is missed between them.
            let notified = self.notify.notified();
            if let Some(result) = self.result.get() {
                return *result;
            }
            notified.await;
        }
    }

    /// Ends the wait.
    pub(super) fn complete(&self, result: Result<(), JournalError>) {
        // The first result counts.
        let _ = self.result.set(result);
        self.notify.notify_waiters();
    }
}
