//! The entries of the cache, in two parts: those with evidence about a verification, and the others: fetches in flight, failures, and
//! verifications that do not exist. A caller that asks for what does not exist evicts nothing that does.
//!
//! Each change of an entry is made under a lock of its key, whichever part the entry is in before and after.
//!
//! Why two libraries: a warm check reads the first part, and `quick_cache` reads faster and in less memory, but has no lock of a key;
//! the second has one.

use std::{hash::RandomState, sync::Arc};

use moka::{Entry as MokaEntry, future::Cache, ops::compute::Op, policy::EvictionPolicy};
use quick_cache::{Lifecycle, UnitWeighter, sync::Cache as QuickCache};
use tokio::task::yield_now;

use super::entry::Entry;
use crate::{policy::VerificationId, source::alias_index::AliasIndex};

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
    /// Entries with evidence about a verification. Hashed with a secret of this process, because callers choose the ids.
    verifications:
        Arc<QuickCache<VerificationId, Arc<Entry>, UnitWeighter, RandomState, Evictions>>,
    /// The others. Its locks are the locks of all keys.
    negatives: Cache<VerificationId, Arc<Entry>>,
    /// Notified of evidence that leaves.
    aliases: Arc<AliasIndex>,
}

/// Notifies the aliases of evidence that is evicted, under the lock of its part of the cache: so a purge, which looks for evidence and then for
/// aliases, finds one of them, and if the evidence is stored again at that moment, they are notified of that afterwards.
#[derive(Debug, Clone)]
struct Evictions(Arc<AliasIndex>);

impl Lifecycle<VerificationId, Arc<Entry>> for Evictions {
    /// What was evicted: it is overwritten and freed once the lock is free.
    type RequestState = Vec<Arc<Entry>>;

    fn on_evict(&self, evicted: &mut Self::RequestState, id: VerificationId, entry: Arc<Entry>) {
        retire(&self.0, &id, &entry);
        evicted.push(entry);
    }
}

fn retire(aliases: &AliasIndex, id: &VerificationId, entry: &Entry) {
    if let Some(verification) = entry.verification() {
        aliases.retire(id, verification);
    }
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
    /// It is removed, and nothing is noted of whose it was.
    Purge,
}

impl Store {
    /// An empty one, for this many entries with evidence, which have these aliases.
    pub(super) fn new(capacity: u64, aliases: Arc<AliasIndex>) -> Self {
        let items = usize::try_from(capacity).unwrap_or(usize::MAX);
        let evictions = Evictions(Arc::clone(&aliases));
        let verifications =
            QuickCache::with(items, capacity, UnitWeighter, RandomState::new(), evictions);
        Self {
            verifications: Arc::new(verifications),
            // LRU, because the default policy may reject a new key: a fetch that is not in the cache cannot be joined.
            negatives: Cache::builder()
                .max_capacity(NEGATIVES_MAX)
                .eviction_policy(EvictionPolicy::lru())
                .build(),
            aliases,
        }
    }

    /// An entry with evidence, as it is now.
    pub(super) fn get_known(&self, id: &VerificationId) -> Option<Arc<Entry>> {
        self.verifications.get(id)
    }

    /// The entry, as it is now.
    pub(super) async fn get(&self, id: &VerificationId) -> Option<Arc<Entry>> {
        match self.get_known(id) {
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
            let known = self.get_known(id);
            let before = known.clone();
            match change(known.or(negative).map(Arc::unwrap_or_clone)).await {
                Change::Keep => Op::Nop,
                Change::Put(entry) if entry.has_verification() => {
                    self.put_known(id, Arc::new(entry));
                    no_negative
                }
                // A reader in between finds nothing, and waits for the lock.
                Change::Put(entry) => {
                    self.remove_known(id, before.as_deref());
                    Op::Put(Arc::new(entry))
                }
                Change::Remove => {
                    self.remove_known(id, before.as_deref());
                    no_negative
                }
                Change::Purge => {
                    self.verifications.remove(id);
                    no_negative
                }
            }
        })
        .await;
    }

    /// Stores an entry with evidence. The aliases are notified of it, because it may have been evicted since it was read.
    fn put_known(&self, id: &VerificationId, entry: Arc<Entry>) {
        let mut evicted = Vec::new();
        let stored = Arc::clone(&entry);
        self.verifications
            .insert_with_lifecycle(id.clone(), entry, &mut evicted);
        if let Some(verification) = stored.verification() {
            self.aliases.restore(id, verification);
        }
    }

    /// Removes an entry, if there was one with evidence. The aliases are notified first, so that a purge finds them or the evidence.
    fn remove_known(&self, id: &VerificationId, before: Option<&Entry>) {
        if let Some(before) = before {
            retire(&self.aliases, id, before);
            self.verifications.remove(id);
        }
    }

    /// The verifications whose entries are so. Yields to other tasks after each [`AT_ONCE`] entries.
    pub(super) async fn find(&self, mut is_so: impl FnMut(&Entry) -> bool) -> Vec<VerificationId> {
        let (mut found, mut turn) = (Vec::new(), Turn::default());
        for (id, entry) in self.verifications.iter() {
            if is_so(&entry) {
                found.push(id);
            }
            turn.step().await;
        }
        found
    }

    /// Does what moka has deferred, so that the numbers of entries are right and no warm check pays for it.
    pub(super) async fn run_pending_tasks(&self) {
        self.negatives.run_pending_tasks().await;
    }

    /// How many entries there are with evidence, and how many without; approximately.
    pub(super) fn counts(&self) -> (u64, u64) {
        (
            u64::try_from(self.verifications.len()).unwrap_or(u64::MAX),
            self.negatives.entry_count(),
        )
    }
}
