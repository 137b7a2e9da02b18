//! An attempt to create a link, which calls with the same idempotency key share.

use std::{collections::BTreeSet, time::Duration};

use super::link::Begun;
use crate::{
    clock::Moment,
    flight::{Flight, Progress},
    policy::VerificationId,
    provenance::Outage,
};

/// An attempt to create a link.
#[derive(Debug, Clone)]
pub(super) struct Attempt {
    pub(super) since: Moment,
    /// Digest of the request: nothing of the person's address is kept.
    pub(super) digest: [u8; 32],
    /// The verification that did not suffice.
    pub(super) verification: VerificationId,
    pub(super) flight: Flight<Result<Begun, Outage>>,
}

impl Attempt {
    /// Whether it is about one of these verifications, or its link leads to one.
    pub(super) fn is_about(&self, whose: &BTreeSet<&VerificationId>) -> bool {
        let trace = match self.flight.progress() {
            Progress::Done(Ok(begun)) => begun.link.trace,
            Progress::Done(Err(_)) | Progress::Running | Progress::Abandoned => None,
        };
        whose.contains(&self.verification) || trace.is_some_and(|trace| whose.contains(&trace))
    }

    /// Whether a call with the same key gets its result: it is in flight, or its link is still valid. A failure is not shared with
    /// later calls.
    pub(super) fn is_shared(&self, at: Moment, link_life: Duration) -> bool {
        match self.flight.progress() {
            Progress::Running => true,
            Progress::Done(Ok(_)) => at.age_of(self.since).is_some_and(|age| age < link_life),
            Progress::Done(Err(_)) | Progress::Abandoned => false,
        }
    }
}
