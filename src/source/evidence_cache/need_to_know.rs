//! Which of a person's data is kept: what the policies in force and their shadow read, and no more.

use std::sync::{Arc, OnceLock};

use super::entry::InFlight;
use crate::{live::Live, policy::DataKinds};

/// The policies for which evidence is kept.
#[derive(Debug, Default)]
pub(super) struct NeedToKnow(OnceLock<Arc<Live>>);

impl NeedToKnow {
    pub(super) fn set(&self, policies: Arc<Live>) {
        // A second call changes nothing.
        let _ = self.0.set(policies);
    }

    /// What a fetch keeps that starts now, for a check that reads these data, in place of this fetch.
    pub(super) fn keeps(&self, reads: DataKinds, replaced: Option<&InFlight>) -> DataKinds {
        let policies = self.0.get();
        let in_force = policies.map_or(DataKinds::NONE, |live| live.reads());
        let replaced = replaced.map_or(DataKinds::NONE, |in_flight| in_flight.keeps);
        in_force.and(reads).and(replaced)
    }

    /// What is to be kept now, besides what a check reads; all if no policies are known.
    pub(super) fn now(&self) -> DataKinds {
        self.0.get().map_or(DataKinds::ALL, |live| live.reads())
    }
}
