//! The policy set in force, and why the files as they are now are not in force, if so.

use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
use tokio::sync::watch;

use crate::policy::{DataKinds, PolicyName, PolicySet, Timestamp};

/// The policy set in force. Readers take no lock, and a reload swaps the whole set.
#[derive(Debug)]
pub struct Live {
    set: ArcSwap<PolicySet>,
    failure: ArcSwapOption<ReloadFailure>,
    held: ArcSwap<Vec<PolicyName>>,
    /// The set that is judged beside it, if one is configured.
    shadow: Option<Arc<Live>>,
    /// Which of a person's data the set reads.
    reads: watch::Sender<DataKinds>,
    /// Which are kept whatever it reads.
    kept: DataKinds,
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
            reads: watch::Sender::new(set.reads()),
            set: ArcSwap::from_pointee(set),
            failure: ArcSwapOption::empty(),
            held: ArcSwap::default(),
            shadow: None,
            kept: DataKinds::NONE,
        }
    }

    /// The same, with evidence that keeps these data whatever the set reads.
    pub fn keeping(self, kept: DataKinds) -> Self {
        Self { kept, ..self }
    }

    /// The same, with a set that is judged beside it.
    pub fn with_shadow(self, shadow: Arc<Self>) -> Self {
        Self {
            shadow: Some(shadow),
            ..self
        }
    }

    /// The set that is judged beside it, and its state, if one is configured. It may have no policy.
    pub fn shadow(&self) -> Option<&Arc<Self>> {
        self.shadow.as_ref()
    }

    /// The set that is judged beside it now, if it has a policy.
    pub fn current_shadow(&self) -> Option<Arc<PolicySet>> {
        let set = self.shadow.as_ref()?.current();
        (!set.is_empty()).then_some(set)
    }

    /// Which of a person's data the set in force and its shadow read, and what is kept besides: what evidence has to keep, and no more.
    pub fn reads(&self) -> DataKinds {
        let shadow = self.shadow.as_ref();
        let shadow = shadow.map_or(DataKinds::NONE, |shadow| shadow.current().reads());
        self.current().reads().and(shadow).and(self.kept)
    }

    /// Shows when the set in force, or its shadow, reads other kinds of data than before.
    pub fn watch_reads(&self) -> [Option<watch::Receiver<DataKinds>>; 2] {
        let shadow = self.shadow.as_ref();
        [
            Some(self.reads.subscribe()),
            shadow.map(|shadow| shadow.reads.subscribe()),
        ]
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
        let reads = set.reads();
        let before = self.set.swap(set);
        self.reads
            .send_if_modified(|known| std::mem::replace(known, reads) != reads);
        before
    }

    /// Records why a reload failed, or that the last one did not. Returns whether the one before had failed.
    pub(super) fn set_failure(&self, failure: Option<ReloadFailure>) -> bool {
        self.failure.swap(failure.map(Arc::new)).is_some()
    }
}
