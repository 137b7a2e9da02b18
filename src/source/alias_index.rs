//! The alias index and invalidation tombstones. A verification has two identifiers, its own and its trace id; it may be cached under
//! the one and invalidated by the other. Bounded.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use moka::{future::Cache, notification::RemovalCause, policy::EvictionPolicy};

use crate::policy::{Verification, VerificationId};

/// Aliases that a verification can have, besides the identifier that it is cached under.
const ALIASES_EACH: u64 = 2;
/// Tombstones that are kept, for the fetches in flight.
const TOMBSTONES_MAX: u64 = 16_384;

/// Which identifiers belong together, and which were invalidated when.
#[derive(Debug)]
pub(super) struct AliasIndex {
    /// From an alias to the identifier that the same verification is cached under.
    aliases: Cache<VerificationId, VerificationId>,
    /// When an identifier was last invalidated.
    tombstones: Cache<VerificationId, Tick>,
    /// The latest tombstone that was evicted. A fetch that started before it may have been invalidated.
    evicted: Arc<AtomicU64>,
    ticks: AtomicU64,
}

/// A logical time that orders the starts of fetches and the invalidations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Tick(u64);

impl Tick {
    /// Before any invalidation.
    pub(super) const FIRST: Self = Self(0);
}

impl AliasIndex {
    pub(super) fn new(capacity: u64) -> Self {
        let evicted = Arc::<AtomicU64>::default();
        let note = Arc::clone(&evicted);
        Self {
            // LRU, because the default policy may reject a new key: an alias that is not stored cannot invalidate anything.
            aliases: Cache::builder()
                .max_capacity(capacity.saturating_mul(ALIASES_EACH))
                .eviction_policy(EvictionPolicy::lru())
                .build(),
            tombstones: Cache::builder()
                .max_capacity(TOMBSTONES_MAX)
                .eviction_policy(EvictionPolicy::lru())
                .eviction_listener(move |_, Tick(tick), cause| {
                    if cause == RemovalCause::Size {
                        note.fetch_max(tick, Ordering::SeqCst);
                    }
                })
                .build(),
            evicted,
            ticks: AtomicU64::new(1),
        }
    }

    /// The next logical time.
    pub(super) fn tick(&self) -> Tick {
        Tick(self.ticks.fetch_add(1, Ordering::SeqCst))
    }

    /// Stores the aliases of a verification that was requested as `requested`. Called before [`Self::was_invalidated`], so that an
    /// invalidation by an alias either finds the alias here or is found there.
    pub(super) async fn learn(&self, requested: &VerificationId, verification: &Verification) {
        for alias in identifiers(verification).filter(|id| id != requested) {
            self.aliases.insert(alias, requested.clone()).await;
        }
    }

    /// Whether the verification was invalidated by any of its identifiers since then. Where that is no longer known, it counts as
    /// invalidated.
    pub(super) async fn was_invalidated(&self, verification: &Verification, since: Tick) -> bool {
        if since < Tick(self.evicted.load(Ordering::SeqCst)) {
            return true;
        }
        for id in identifiers(verification) {
            if self.tombstones.get(&id).await.is_some_and(|at| since < at) {
                return true;
            }
        }
        false
    }

    /// Sets a tombstone; returns the other identifier that the verification is cached under, if any.
    pub(super) async fn invalidate(&self, id: &VerificationId) -> Option<VerificationId> {
        self.tombstones.insert(id.clone(), self.tick()).await;
        self.aliases.get(id).await
    }
}

fn identifiers(verification: &Verification) -> impl Iterator<Item = VerificationId> {
    let ids = [&verification.id, &verification.trace_id];
    let ids = ids.into_iter().flatten();
    ids.filter_map(|id| VerificationId::parse(id).ok())
}
