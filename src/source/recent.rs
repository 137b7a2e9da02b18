//! This process's memory of what the upstream said. Bounded; keeps evidence, never decisions; asks once for an id however
//! many want to know, in a task of its own that no departing caller cancels.
//!
//! Reads, fetches that land, and forgets all go through one lock a key, so that a forget wins over a fetch that is under
//! way: the fetch finds its place taken away, and what it brings is not remembered.

use std::{future::ready, sync::Arc, time::Duration};

use async_trait::async_trait;
use moka::{
    Entry,
    future::Cache,
    ops::compute::{CompResult, Op},
    policy::EvictionPolicy,
};
use tokio::{
    sync::{Semaphore, watch},
    time::timeout,
};

use super::{Freshness, Known, Source};
use crate::policy::{Evidence, Finding, Origin, Outage, Timestamp, VerificationId, after, before};

/// No more fetches than this are under way at once; what needs another is answered as in an outage.
const FLIGHTS_MAX: usize = 4096;
/// How long it is remembered that the upstream does not know a verification.
const ABSENT_FOR: Duration = Duration::from_secs(5);
/// Evidence from further in the future than this says that the clock was set back: its age is not known.
const FROM_FUTURE_MAX: Duration = Duration::from_secs(10);

/// Memory in front of another source.
#[derive(Debug, Clone)]
pub struct Recent {
    slots: Cache<VerificationId, Slot>,
    behind: Arc<dyn Source>,
    /// How many more fetches may start.
    starts: Arc<Semaphore>,
    /// How long a fetch may take, whoever still waits for it.
    fetch_max: Duration,
}

/// What is remembered about one verification, and the fetch that is under way for it.
#[derive(Debug, Clone, Default)]
struct Slot {
    evidence: Option<Arc<Evidence>>,
    flight: Option<Flight>,
}

/// A fetch under way: nothing until it lands.
type Flight = watch::Receiver<Option<Arc<Evidence>>>;

impl Recent {
    /// Remembers up to `capacity` verifications of what `behind` says; a fetch takes at most `fetch_max`.
    pub fn new(behind: Arc<dyn Source>, capacity: u64, fetch_max: Duration) -> Self {
        let slots = Cache::builder()
            .max_capacity(capacity)
            // The newest always stays: a slot that is turned away would be a fetch that nobody can join.
            .eviction_policy(EvictionPolicy::lru())
            .build();
        Self {
            slots,
            behind,
            starts: Arc::new(Semaphore::new(FLIGHTS_MAX)),
            fetch_max,
        }
    }

    /// How many verifications are remembered, about.
    pub fn entries(&self) -> u64 {
        self.slots.entry_count()
    }

    /// Joins the fetch for this id or starts one; or finds that one has landed in the meantime.
    async fn board(&self, id: &VerificationId, freshness: Freshness) -> Slot {
        let entry = self.slots.entry_by_ref(id);
        let boarded = entry
            .and_compute_with(|slot| {
                let slot = slot.map(Entry::into_value).unwrap_or_default();
                ready(match slot.flight {
                    _ if slot.fresh(freshness).is_some() => Op::Nop,
                    Some(flight) if under_way(&flight) => Op::Nop,
                    _ => Op::Put(Slot {
                        evidence: slot.evidence,
                        flight: Some(self.take_off(id, freshness)),
                    }),
                })
            })
            .await;
        match boarded {
            CompResult::Inserted(entry)
            | CompResult::ReplacedWith(entry)
            | CompResult::Unchanged(entry)
            | CompResult::Removed(entry) => entry.into_value(),
            CompResult::StillNone(_) => Slot::default(),
        }
    }

    /// Starts a fetch in a task of its own.
    fn take_off(&self, id: &VerificationId, freshness: Freshness) -> Flight {
        let (landing, flight) = watch::channel(None);
        let (memory, id, own) = (self.clone(), id.clone(), flight.clone());
        tokio::spawn(async move {
            let patience = memory.fetch_max;
            let freshness = Freshness {
                patience,
                ..freshness
            };
            let evidence = match memory.starts.try_acquire() {
                Ok(_started) => timeout(patience, memory.behind.look_up(&id, freshness))
                    .await
                    .map_or_else(
                        |_| unknown(Outage::TimedOut, freshness.now),
                        |known| known.evidence,
                    ),
                Err(_) => unknown(Outage::Busy, freshness.now),
            };
            memory.remember(&id, &own, &evidence).await;
            // Nobody may be waiting any more; then it is enough that it is remembered.
            let _ = landing.send(Some(evidence));
        });
        flight
    }

    /// Remembers what a fetch brought, unless its place was taken away while it was under way.
    async fn remember(&self, id: &VerificationId, own: &Flight, brought: &Arc<Evidence>) {
        self.slots
            .entry_by_ref(id)
            .and_compute_with(|slot| {
                let slot = slot.map(Entry::into_value).unwrap_or_default();
                let mine = slot.flight.is_some_and(|flight| flight.same_channel(own));
                let kept = match brought.finding {
                    Finding::Present(_) | Finding::Absent => Some(Arc::clone(brought)),
                    Finding::Unknown(_) => slot.evidence,
                    Finding::Unusable(_) => None,
                };
                ready(match kept {
                    _ if !mine => Op::Nop,
                    None => Op::Remove,
                    evidence => Op::Put(Slot {
                        evidence,
                        flight: None,
                    }),
                })
            })
            .await;
        // moka puts its upkeep off; done here, the count of entries is right, and no warm check pays for it.
        self.slots.run_pending_tasks().await;
    }
}

#[async_trait]
impl Source for Recent {
    async fn look_up(&self, id: &VerificationId, freshness: Freshness) -> Known {
        if let Some(evidence) = self.slots.get(id).await.and_then(|s| s.fresh(freshness)) {
            return known(evidence, Origin::Cache);
        }
        let slot = self.board(id, freshness).await;
        if let Some(evidence) = slot.fresh(freshness) {
            // Another's fetch landed between the two looks; one for a stricter policy may be under way already.
            return known(evidence, Origin::Upstream);
        }
        let Some(flight) = slot.flight else {
            return known(unknown(Outage::Abandoned, freshness.now), Origin::Nowhere);
        };
        let brought = landed(flight, freshness).await;
        if !matches!(brought.finding, Finding::Unknown(_)) {
            return known(brought, Origin::Upstream);
        }
        // Looked up again: what was remembered may have been forgotten since.
        let stale = self.slots.get(id).await.and_then(|s| s.stale(freshness));
        stale.map_or_else(
            || known(brought, Origin::Nowhere),
            |stale| known(stale, Origin::Stale),
        )
    }

    async fn forget(&self, id: &VerificationId) {
        self.slots
            .entry_by_ref(id)
            .and_compute_with(|_| ready(Op::Remove))
            .await;
        self.behind.forget(id).await;
    }
}

impl Slot {
    /// The evidence, if it is young enough to be used as it is.
    fn fresh(&self, freshness: Freshness) -> Option<Arc<Evidence>> {
        let evidence = self.evidence.as_ref()?;
        let fresh_for = match evidence.finding {
            Finding::Absent => freshness.fresh_for.min(ABSENT_FOR),
            _ => freshness.fresh_for,
        };
        younger(evidence, fresh_for, freshness.now).then(|| Arc::clone(evidence))
    }

    /// The evidence, if it is young enough to be used while the upstream cannot be asked. That a verification was unknown
    /// is not served stale.
    fn stale(&self, freshness: Freshness) -> Option<Arc<Evidence>> {
        let evidence = self.evidence.as_ref()?;
        let stale_for = freshness.fresh_for.saturating_add(freshness.stale_for);
        let usable = matches!(evidence.finding, Finding::Present(_))
            && younger(evidence, stale_for, freshness.now);
        usable.then(|| Arc::clone(evidence))
    }
}

/// Whether evidence is younger than this. Evidence from the future has no known age, and is not.
fn younger(evidence: &Evidence, age_max: Duration, now: Timestamp) -> bool {
    now < after(evidence.seen_at, age_max) && before(evidence.seen_at, FROM_FUTURE_MAX) <= now
}

/// Whether somebody still works on it.
fn under_way(flight: &Flight) -> bool {
    flight.has_changed().is_ok()
}

/// Waits for a fetch to land, as long as the caller can.
async fn landed(mut flight: Flight, freshness: Freshness) -> Arc<Evidence> {
    let waited = timeout(freshness.patience, flight.wait_for(Option::is_some)).await;
    let outage = match waited {
        Ok(Ok(landed)) => match landed.as_ref() {
            Some(evidence) => return Arc::clone(evidence),
            None => Outage::Abandoned,
        },
        Ok(Err(_)) => Outage::Abandoned,
        Err(_) => Outage::TimedOut,
    };
    unknown(outage, freshness.now)
}

fn known(evidence: Arc<Evidence>, origin: Origin) -> Known {
    Known { evidence, origin }
}

fn unknown(outage: Outage, now: Timestamp) -> Arc<Evidence> {
    Arc::new(Evidence {
        finding: Finding::Unknown(outage),
        seen_at: now,
    })
}
