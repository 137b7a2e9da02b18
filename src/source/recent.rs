//! This process's memory of what the upstream said. Bounded; keeps evidence, never decisions; asks once for an id however
//! many want to know, in a task of its own that no departing caller cancels; asks again ahead of time for what is used often,
//! and not at all for a moment when asking has just failed.
//!
//! Reads, fetches that land, and forgets all go through one lock a key, so that a forget wins over a fetch that is under
//! way: the fetch finds its place taken away, and what it brings is not remembered.

mod names;
mod slot;

use std::{
    future::{Future, ready},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use moka::{Entry, future::Cache, ops::compute::Op, policy::EvictionPolicy};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::timeout,
};
use tracing::{Instrument as _, warn};

use self::{
    names::Names,
    slot::{Flight, Slot},
};
use super::{Asker, Freshness, Known, Quotas, Source, Took};
use crate::{
    clock::{Clock, Moment},
    log_throttle::LogThrottle,
    metrics::{Fetch, Metrics},
    policy::{Evidence, Finding, Origin, Outage, VerificationId},
    rate_limit::TokenBucket,
    span,
};

/// No more fetches than this are under way at once; what needs another is answered as in an outage.
const FLIGHTS_MAX: usize = 4096;
/// No more fetches than this are under way ahead of time.
const REFRESHES_MAX: usize = 64;

/// Memory in front of another source.
#[derive(Debug, Clone)]
pub struct Recent(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    slots: Cache<VerificationId, Slot>,
    names: Names,
    behind: Arc<dyn Source>,
    limits: Limits,
    /// How many more fetches may start.
    starts: Arc<Semaphore>,
    /// How many more may start ahead of time.
    refreshes: Arc<Semaphore>,
    quotas: Quotas,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    log: LogThrottle,
    spawn: Spawn,
}

/// How much is remembered and asked for.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How many verifications are remembered.
    pub capacity: u64,
    /// How long a fetch may take, whoever still waits for it.
    pub fetch_max: Duration,
    /// How many fetches a second each caller may cause, and how many at once after a pause.
    pub fetches_per_second: u32,
    /// See `fetches_per_second`.
    pub fetches_burst: u32,
}

/// Runs a task on its own: `tokio::spawn`, or a scheduler that explores the orders in which tasks can run.
pub type Spawn = fn(Pin<Box<dyn Future<Output = ()> + Send>>);

/// What came of wanting a fetch.
enum Boarding {
    /// It need not be: this is known by now.
    Landed(Known),
    /// It is under way.
    Flight(Flight),
    /// The caller has used its quota; the next fetch may be in so long.
    OverQuota(Duration),
}

impl Recent {
    /// Remembers what `behind` says.
    pub fn new(
        behind: Arc<dyn Source>,
        limits: Limits,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
        spawn: Spawn,
    ) -> Self {
        let slots = Cache::builder()
            .max_capacity(limits.capacity)
            // The newest always stays: a slot that is turned away would be a fetch that nobody can join.
            .eviction_policy(EvictionPolicy::lru())
            .build();
        Self(Arc::new(Inner {
            slots,
            names: Names::new(limits.capacity),
            behind,
            limits,
            starts: Arc::new(Semaphore::new(FLIGHTS_MAX)),
            refreshes: Arc::new(Semaphore::new(REFRESHES_MAX)),
            quotas: Quotas::new(limits.fetches_per_second, limits.fetches_burst),
            clock,
            metrics,
            log: LogThrottle::default(),
            spawn,
        }))
    }

    /// How many verifications are remembered, about.
    pub fn entries(&self) -> u64 {
        self.0.slots.entry_count()
    }

    /// Fetches it, or joins those who do, and waits as long as the caller can.
    async fn fetch(&self, id: &VerificationId, freshness: Freshness) -> Known {
        let waited = timeout(freshness.patience, self.wait(id, freshness)).await;
        let outage = match waited.unwrap_or(Err(Outage::TimedOut)) {
            Ok(known) => match known.evidence.finding {
                Finding::Unknown(outage) => outage,
                _ => return known,
            },
            Err(outage) => outage,
        };
        // Looked up again: what was remembered may have been forgotten since.
        let slot = self.0.slots.get(id).await;
        slot.and_then(|slot| slot.stale(freshness))
            .unwrap_or_else(|| unknown(outage, freshness.at))
    }

    /// Waits for a fetch to land. One that was under way at a forget by another of its names, which nobody knew yet, may have
    /// been joined after that forget: then another is waited for, which takes off after the question.
    async fn wait(&self, id: &VerificationId, freshness: Freshness) -> Result<Known, Outage> {
        let mut brought = Err(Outage::Abandoned);
        for _ in 0..2 {
            let flight = match self.board(id, freshness, None).await {
                Boarding::Landed(known) => return Ok(known),
                Boarding::OverQuota(retry_after) => return Err(Outage::OverQuota { retry_after }),
                Boarding::Flight(flight) => flight,
            };
            let began = flight.began;
            brought = landed(flight).await;
            match brought.as_ref().map(|known| &known.evidence.finding) {
                Ok(Finding::Present(verification))
                    if self.0.names.was_forgotten(verification, began).await => {}
                _ => break,
            }
        }
        brought
    }

    /// Asks again ahead of time, without waiting. One that is too many is left out.
    async fn refresh(&self, id: &VerificationId, freshness: Freshness) {
        if let Ok(permit) = Arc::clone(&self.0.refreshes).try_acquire_owned() {
            let freshness = Freshness {
                asker: Asker::Ourselves,
                ..freshness
            };
            self.board(id, freshness, Some(permit)).await;
        }
    }

    /// Joins the fetch for this id or starts one, ahead of time if there is a permit for that; or finds that one has landed
    /// in the meantime.
    async fn board(
        &self,
        id: &VerificationId,
        freshness: Freshness,
        ahead: Option<OwnedSemaphorePermit>,
    ) -> Boarding {
        let quota = self.0.quotas.of(freshness.asker).await;
        let mut boarding = None;
        self.0
            .slots
            .entry_by_ref(id)
            .and_compute_with(|slot| {
                let slot = slot.map(Entry::into_value).unwrap_or_default();
                // Ahead of time, what is there is still good: that is no reason not to ask.
                let answer = slot.answer(freshness).filter(|_| ahead.is_none());
                let (outcome, op) = match (answer, &slot.flight) {
                    (Some(known), _) => (Boarding::Landed(known), Op::Nop),
                    (None, Some(flight)) if slot.is_asking() => {
                        self.0.metrics.fetch(Fetch::Joined);
                        span::joined(flight.span.as_ref());
                        (Boarding::Flight(flight.clone()), Op::Nop)
                    }
                    _ => match within(quota.as_deref(), freshness.at) {
                        Err(wait) => {
                            self.0.metrics.fetch(Fetch::Refused);
                            self.tell_of_quota(freshness.at);
                            (Boarding::OverQuota(wait), Op::Nop)
                        }
                        Ok(()) => {
                            let freshness = Freshness {
                                suspect: slot.has_failed(),
                                ..freshness
                            };
                            let flight = self.take_off(id, freshness, ahead, quota.clone());
                            let asking = slot.asking(flight.clone());
                            (Boarding::Flight(flight), Op::Put(asking))
                        }
                    },
                };
                boarding = Some(outcome);
                ready(op)
            })
            .await;
        boarding.unwrap_or_else(|| Boarding::Landed(unknown(Outage::Abandoned, freshness.at)))
    }

    fn tell_of_quota(&self, at: Moment) {
        if let Some(left_out) = self.0.log.allow("over_quota", at.uptime) {
            warn!(
                left_out,
                "a caller has used its quota of fetches and is refused: it tries identifiers, or quota.fetches_per_second is too low for it"
            );
        }
    }

    /// Starts a fetch in a task of its own.
    fn take_off(
        &self,
        id: &VerificationId,
        freshness: Freshness,
        ahead: Option<OwnedSemaphorePermit>,
        quota: Option<Arc<TokenBucket>>,
    ) -> Flight {
        let (sender, landing) = watch::channel(None);
        let began = self.0.names.tick();
        let ahead_of_time = freshness.asker == Asker::Ourselves;
        let span = span::fetch(ahead_of_time);
        let flight = Flight {
            began,
            landing,
            span: span.id(),
        };
        let (memory, id, own) = (self.clone(), id.clone(), flight.clone());
        self.0.metrics.fetch(if ahead_of_time {
            Fetch::Refresh
        } else {
            Fetch::Cold
        });
        let flying = async move {
            let known = memory.ask(&id, freshness).await;
            if let (Some(quota), false) = (quota, known.was_asked()) {
                // The upstream was spared, and so is the caller.
                quota.refund();
            }
            memory.remember(&id, &own, &known, freshness.at).await;
            drop(ahead);
            // Nobody may be waiting any more; then it is enough that it is remembered.
            let _ = sender.send(Some(known));
        };
        (self.0.spawn)(Box::pin(flying.instrument(span)));
        flight
    }

    /// Asks the source behind, within the fetch's own bound.
    async fn ask(&self, id: &VerificationId, freshness: Freshness) -> Known {
        let patience = self.0.limits.fetch_max;
        let freshness = Freshness {
            patience,
            ..freshness
        };
        let outage = match self.0.starts.try_acquire() {
            Ok(_started) => match timeout(patience, self.0.behind.look_up(id, freshness)).await {
                Ok(known) => return known,
                Err(_) => Outage::TimedOut,
            },
            Err(_) => {
                if let Some(left_out) = self.0.log.allow("busy", freshness.at.uptime) {
                    warn!(
                        left_out,
                        "{FLIGHTS_MAX} fetches are under way, and no other is begun: the upstream is slow, or far too many verifications are asked for"
                    );
                }
                Outage::Busy
            }
        };
        unknown(outage, freshness.at)
    }

    /// Remembers what a fetch brought, unless its place was taken away while it was under way, or what it brought was
    /// forgotten by another of its names.
    async fn remember(&self, id: &VerificationId, own: &Flight, brought: &Known, since: Moment) {
        let names = &self.0.names;
        let verification = match &brought.evidence.finding {
            Finding::Present(verification) => Some(verification),
            _ => None,
        };
        if let Some(verification) = verification {
            names.learn(id, verification).await;
        }
        let entry = self.0.slots.entry_by_ref(id);
        entry
            .and_compute_with(async |slot| {
                let slot = slot.map(Entry::into_value).unwrap_or_default();
                let flight = slot.flight.as_ref();
                if flight.is_none_or(|flight| flight.began != own.began) {
                    return Op::Nop;
                }
                let forgotten = match verification {
                    Some(verification) => names.was_forgotten(verification, own.began).await,
                    None => false,
                };
                let slot = slot.after(brought, since, self.0.clock.moment());
                if forgotten || slot.is_empty() {
                    Op::Remove
                } else {
                    Op::Put(slot)
                }
            })
            .await;
        // moka puts its upkeep off; done here, the count of entries is right, and no warm check pays for it.
        self.0.slots.run_pending_tasks().await;
    }
}

#[async_trait]
impl Source for Recent {
    async fn look_up(&self, id: &VerificationId, freshness: Freshness) -> Known {
        if let Some(slot) = self.0.slots.get(id).await
            && let Some(known) = slot.answer(freshness)
        {
            if slot.used(freshness) {
                self.refresh(id, freshness).await;
            }
            return known;
        }
        self.fetch(id, freshness).await
    }

    async fn forget(&self, id: &VerificationId) {
        let other = self.0.names.forget(id).await;
        for name in [Some(id), other.as_ref()].into_iter().flatten() {
            let entry = self.0.slots.entry_by_ref(name);
            entry.and_compute_with(|_| ready(Op::Remove)).await;
            self.0.behind.forget(name).await;
        }
    }
}

/// Takes one fetch of a caller's quota; the error is when there will be another.
fn within(quota: Option<&TokenBucket>, at: Moment) -> Result<(), Duration> {
    let taken = quota.map(|quota| quota.take(at.uptime, Duration::ZERO));
    taken.transpose().map(drop)
}

/// What a fetch brings, once it has landed.
async fn landed(flight: Flight) -> Result<Known, Outage> {
    let mut landing = flight.landing;
    let landed = landing.wait_for(Option::is_some).await;
    let brought = landed.ok().and_then(|brought| brought.clone());
    brought.ok_or(Outage::Abandoned)
}

fn unknown(outage: Outage, at: Moment) -> Known {
    Known {
        evidence: Arc::new(Evidence {
            finding: Finding::Unknown(outage),
            seen_at: at.now,
        }),
        origin: Origin::Nowhere,
        took: Took::default(),
        not_before: at.now,
    }
}
