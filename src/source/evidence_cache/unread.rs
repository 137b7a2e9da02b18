//! Drops a person's data that no policy reads any more: after a reload, and where shadow policies are gone.

use std::sync::Arc;

use super::{
    EvidenceCache,
    entry::{Entry, keeping},
    store::Change,
};
use crate::{live::Live, policy::DataKinds, source::Known};

impl EvidenceCache {
    /// Keeps what these policies and their shadow read, so that one fetch serves all of them. Without, each fetch keeps what its own check
    /// reads. What they do not read any more is dropped at once.
    pub fn keep_for(&self, policies: Arc<Live>) {
        for mut reads in policies.watch_reads().into_iter().flatten() {
            let cache = Arc::downgrade(&self.0);
            self.0.spawn.start(async move {
                // An error means that the service has ended.
                while reads.changed().await.is_ok() {
                    let Some(cache) = cache.upgrade() else { return };
                    Self(cache).drop_unread().await;
                }
            });
        }
        self.0.policies.set(policies);
    }

    /// Drops from every entry what is not read.
    async fn drop_unread(&self) {
        let keeps = self.0.policies.now();
        let has_more = |entry: &Entry| entry.keeping(keeps).is_some();
        for id in self.0.entries.find(has_more) {
            let change = async |entry: Option<Entry>| {
                let entry = entry.and_then(|entry| entry.keeping(keeps));
                entry.map_or(Change::Keep, Change::Put)
            };
            self.0.entries.update(&id, change).await;
        }
        self.0.entries.run_pending_tasks().await;
    }

    /// What a fetch has found, as it is to be stored: policies may have been reloaded since it began. `reads` is what its check reads.
    pub(super) fn without_unread(&self, known: &Known, reads: DataKinds) -> Known {
        let keeps = self.0.policies.now().and(reads);
        let evidence = keeping(&known.evidence, keeps).map(Arc::new);
        Known {
            evidence: evidence.unwrap_or_else(|| Arc::clone(&known.evidence)),
            ..known.clone()
        }
    }
}
