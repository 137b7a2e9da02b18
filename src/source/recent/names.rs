//! A verification has two names, its own and that of its trace, and may be asked for by the one and forgotten by the other.
//! What is known of names is kept here, bounded.

use std::sync::atomic::{AtomicU64, Ordering};

use moka::future::Cache;

use crate::policy::{Verification, VerificationId};

/// So many forgets are remembered, for the fetches that were under way.
const FORGETS_MAX: u64 = 16_384;

/// Which names belong together, and which were forgotten when.
#[derive(Debug)]
pub(super) struct Names {
    /// By a name, the name under which the same verification is remembered.
    others: Cache<VerificationId, VerificationId>,
    /// By a name, when it was forgotten last.
    forgotten: Cache<VerificationId, Tick>,
    ticks: AtomicU64,
}

/// The order in which fetches take off and forgets come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Tick(u64);

impl Names {
    pub(super) fn new(capacity: u64) -> Self {
        Self {
            others: Cache::new(capacity),
            forgotten: Cache::new(FORGETS_MAX),
            ticks: AtomicU64::new(0),
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

    /// Whether a forget by any name of this has come since.
    pub(super) async fn was_forgotten(&self, verification: &Verification, since: Tick) -> bool {
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
