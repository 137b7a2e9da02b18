//! The policy set in force, and why the files as they are now are not in force, if so.

use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};

use crate::policy::{PolicyName, PolicySet, Timestamp};

/// The policy set in force. Readers take no lock, and a reload swaps the whole set.
#[derive(Debug)]
pub struct Live {
    set: ArcSwap<PolicySet>,
    failure: ArcSwapOption<ReloadFailure>,
    held: ArcSwap<Vec<PolicyName>>,
}

/// The last reload, which failed.
#[derive(Debug)]
pub struct ReloadFailure {
    /// When it failed.
    pub at: Timestamp,
    /// The first lines of what is wrong. The log has more of them.
    pub error: String,
}

impl Live {
    /// Puts a set in force.
    pub fn new(set: PolicySet) -> Self {
        Self {
            set: ArcSwap::from_pointee(set),
            failure: ArcSwapOption::empty(),
            held: ArcSwap::default(),
        }
    }

    /// The set in force now. A later reload does not change it for the holder of this one.
    pub fn current(&self) -> Arc<PolicySet> {
        self.set.load_full()
    }

    /// Why the last reload failed; `None` if the files as they were last read are in force.
    pub fn failure(&self) -> Option<Arc<ReloadFailure>> {
        self.failure.load_full()
    }

    /// The policies that are in force although the files no longer have them. They are held for a few seconds.
    pub fn held(&self) -> Arc<Vec<PolicyName>> {
        self.held.load_full()
    }

    /// Puts another set in force, of whose policies these are held. Returns the one before.
    pub(super) fn swap(&self, set: Arc<PolicySet>, held: Vec<PolicyName>) -> Arc<PolicySet> {
        self.held.store(Arc::new(held));
        self.set.swap(set)
    }

    /// Records why a reload failed, or that the last one did not. Returns whether the one before had failed.
    pub(super) fn set_failure(&self, failure: Option<ReloadFailure>) -> bool {
        self.failure.swap(failure.map(Arc::new)).is_some()
    }
}
