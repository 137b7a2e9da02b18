//! A verification has two names, its own and that of its trace, and may be asked for by the one and forgotten by the other.
//! What is known of names is kept here, bounded.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use moka::{future::Cache, notification::RemovalCause, policy::EvictionPolicy};

use crate::policy::{Verification, VerificationId};

/// So many names a verification has besides the one that it is remembered by.
const NAMES_EACH: u64 = 2;
/// So many forgets are remembered, for the fetches that were under way.
const FORGETS_MAX: u64 = 16_384;

/// Which names belong together, and which were forgotten when.
#[derive(Debug)]
pub(super) struct Names {
    /// By a name, the name under which the same verification is remembered.
    others: Cache<VerificationId, VerificationId>,
    /// By a name, when it was forgotten last.
    forgotten: Cache<VerificationId, Tick>,
    /// The latest forget that had to make place for others: of a fetch from before it nothing is known.
    dropped: Arc<AtomicU64>,
    ticks: AtomicU64,
}

/// The order in which fetches take off and forgets come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Tick(u64);

impl Names {
    pub(super) fn new(capacity: u64) -> Self {
        let dropped = Arc::<AtomicU64>::default();
        let note = Arc::clone(&dropped);
        Self {
            // The newest always stays: a name that is turned away could not be forgotten by.
            others: Cache::builder()
                .max_capacity(capacity.saturating_mul(NAMES_EACH))
                .eviction_policy(EvictionPolicy::lru())
                .build(),
            forgotten: Cache::builder()
                .max_capacity(FORGETS_MAX)
                .eviction_policy(EvictionPolicy::lru())
                .eviction_listener(move |_, Tick(tick), cause| {
                    if cause == RemovalCause::Size {
                        note.fetch_max(tick, Ordering::SeqCst);
                    }
                })
                .build(),
            dropped,
            ticks: AtomicU64::new(1),
        }
    }

    /// The place of what happens now in the order of things.
    pub(super) fn tick(&self) -> Tick {
        Tick(self.ticks.fetch_add(1, Ordering::SeqCst))
    }

    /// Learns the other names of what was asked for by `asked`. Comes before `was_forgotten`, so that a forget by another
    /// name either finds it here or is found there.
    pub(super) async fn learn(&self, asked: &VerificationId, verification: &Verification) {
        for other in names_of(verification).filter(|name| name != asked) {
            self.others.insert(other, asked.clone()).await;
        }
    }

    /// Whether a forget by any name of this has come since, as far as that is still known.
    pub(super) async fn was_forgotten(&self, verification: &Verification, since: Tick) -> bool {
        if since < Tick(self.dropped.load(Ordering::SeqCst)) {
            return true;
        }
        for name in names_of(verification) {
            if self.forgotten.get(&name).await.is_some_and(|at| since < at) {
                return true;
            }
        }
        false
    }

    /// Notes that this is forgotten; the other name under which it is remembered.
    pub(super) async fn forget(&self, id: &VerificationId) -> Option<VerificationId> {
        self.forgotten.insert(id.clone(), self.tick()).await;
        self.others.get(id).await
    }
}

fn names_of(verification: &Verification) -> impl Iterator<Item = VerificationId> {
    let names = [&verification.id, &verification.trace_id];
    let names = names.into_iter().flatten();
    names.filter_map(|name| VerificationId::parse(name).ok())
}
