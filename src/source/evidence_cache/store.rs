//! The entries of the cache, in two LRUs: those with evidence about a verification, and the others: fetches in flight, failures, and
//! verifications that do not exist. A caller that asks for what does not exist evicts nothing that does.
//!
//! Each change of an entry is made under a lock of its key, whichever LRU the entry is in before and after.

use futures_util::FutureExt as _;
use moka::{Entry as MokaEntry, future::Cache, ops::compute::Op, policy::EvictionPolicy};
use tokio::task::yield_now;

use super::entry::Entry;
use crate::policy::VerificationId;

/// Entries without evidence that are kept: more than the fetches in flight and what the upstream can say in the life of a 404.
pub(super) const NEGATIVES_MAX: u64 = 16_384;

/// Entries that are looked at or changed before other tasks have their turn: some microseconds of work.
pub(super) const AT_ONCE: usize = 64;

/// Long work in short parts, so that no check waits for all of it.
#[derive(Debug, Default)]
pub(super) struct Turn(usize);

impl Turn {
    /// Counts an entry, and yields to other tasks if it is time to.
    pub(super) async fn step(&mut self) {
        self.0 = self.0.saturating_add(1);
        if self.0 >= AT_ONCE {
            self.0 = 0;
            yield_now().await;
        }
    }
}

/// The entries. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct Store {
    /// Entries with evidence about a verification.
    verifications: Cache<VerificationId, Entry>,
    /// The others. Its locks are the locks of all keys.
    negatives: Cache<VerificationId, Entry>,
}

/// The outcome of a change.
#[derive(Debug)]
pub(super) enum Change {
    /// It stays as it is.
    Keep,
    /// It is replaced, or added.
    Put(Entry),
    /// It is removed.
    Remove,
}

impl Store {
    /// An empty one, for this many entries with evidence.
    pub(super) fn new(capacity: u64) -> Self {
        // LRU, because the default policy may reject a new key: a fetch that is not in the cache cannot be joined.
        let lru = |capacity| {
            Cache::builder()
                .max_capacity(capacity)
                .eviction_policy(EvictionPolicy::lru())
                .build()
        };
        Self {
            verifications: lru(capacity),
            negatives: lru(NEGATIVES_MAX),
        }
    }

    /// An entry with evidence, as it is now. `None` also where that would have to be waited for.
    pub(super) fn get_now(&self, id: &VerificationId) -> Option<Entry> {
        self.verifications.get(id).now_or_never().flatten()
    }

    /// The entry, as it is now.
    pub(super) async fn get(&self, id: &VerificationId) -> Option<Entry> {
        match self.verifications.get(id).await {
            Some(entry) => Some(entry),
            None => self.negatives.get(id).await,
        }
    }

    /// Changes an entry under the lock of its key. `change` is given the entry as it is.
    pub(super) async fn update(
        &self,
        id: &VerificationId,
        change: impl AsyncFnOnce(Option<Entry>) -> Change,
    ) {
        let slot = self.negatives.entry_by_ref(id);
        slot.and_compute_with(async |negative| {
            let negative = negative.map(MokaEntry::into_value);
            let no_negative = if negative.is_some() {
                Op::Remove
            } else {
                Op::Nop
            };
            let known = self.verifications.get(id).await;
            let was_known = known.is_some();
            match change(known.or(negative)).await {
                Change::Keep => Op::Nop,
                Change::Put(entry) if entry.has_verification() => {
                    self.verifications.insert(id.clone(), entry).await;
                    no_negative
                }
                // A reader in between finds nothing, and waits for the lock.
                Change::Put(entry) => {
                    if was_known {
                        self.verifications.invalidate(id).await;
                    }
                    Op::Put(entry)
                }
                Change::Remove => {
                    if was_known {
                        self.verifications.invalidate(id).await;
                    }
                    no_negative
                }
            }
        })
        .await;
    }

    /// The verifications whose entries are so. Yields to other tasks after each [`AT_ONCE`] entries.
    pub(super) async fn find(&self, mut is_so: impl FnMut(&Entry) -> bool) -> Vec<VerificationId> {
        let (mut found, mut turn) = (Vec::new(), Turn::default());
        for (id, entry) in &self.verifications {
            if is_so(&entry) {
                found.push((*id).clone());
            }
            turn.step().await;
        }
        found
    }

    /// Does what moka has deferred, so that the numbers of entries are right and no warm check pays for it.
    pub(super) async fn run_pending_tasks(&self) {
        self.verifications.run_pending_tasks().await;
        self.negatives.run_pending_tasks().await;
    }

    /// How many entries there are with evidence, and how many without; approximately.
    pub(super) fn counts(&self) -> (u64, u64) {
        (
            self.verifications.entry_count(),
            self.negatives.entry_count(),
        )
    }
}
