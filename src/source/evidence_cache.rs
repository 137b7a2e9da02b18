//! The evidence cache: what the upstream said, bounded, in this process. What is used again outlasts what is not. It never holds decisions.
//!
//! - Single-flight: however many callers want a verification, one task fetches it ([`Flight`]); callers that leave do not cancel it.
//! - Refresh-ahead: what is used often is fetched again before it expires.
//! - Negative caching: a 404 is cached for seconds, and so is a failure, during which stale evidence or none is served. What is not
//!   about a verification that exists has its own bound.
//! - Stale-if-error: evidence older than `max_age` is served up to `max_stale` while the upstream cannot be asked. Invalidated evidence
//!   is never fresh; it is served for seconds where asking again failed or was refused, unless it was revoked.
//!
//! - Need-to-know: of a person's data only that is kept which the policies in force and their shadow read. Evidence that lacks what a check reads is not
//!   used for it: it is fetched again, and a fetch in flight that would lack it too is replaced.
//!
//! Why reads, results and invalidations go through one lock per key: with a lookup, a fetch and an insertion as three steps, an
//! invalidation in between is lost, and revoked evidence is served until it expires. Here a result is only stored if its fetch is
//! still the one in the entry, and an invalidation takes it from the entry.

mod store;
mod entry;
mod payment;
mod fetcher;
mod need_to_know;
mod results;
mod shared_texts;
mod unread;
mod purge;
mod waiters;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use tracing::Instrument as _;

use self::{
    entry::{Entry, InFlight},
    fetcher::{Fetcher, is_too_old},
    need_to_know::NeedToKnow,
    payment::{Payment, Payments},
    shared_texts::SharedTexts,
    store::{Change, Store},
    waiters::{SHED, Waiters},
};
use super::{
    Config, FetchOutcome, Invalidation, Known, LookupRequest, PurgeTarget, Purged, Source, Wait,
    alias_index::AliasIndex, metrics::Metrics,
};
use crate::{
    callers::{CallerId, OverQuotaError},
    clock::{Clock, Moment},
    deps::Deps,
    flight::{Flight, Spawn},
    log_throttle::{LogThrottle, throttled},
    policy::{DataKinds, Finding, VerificationId},
    provenance::{Outage, Timings},
    span,
};

/// Fetches ahead of time that may be in flight.
const REFRESHES_MAX: usize = 64;

/// A cache of evidence in front of another source. Clones share it.
#[derive(Debug, Clone)]
pub struct EvidenceCache(Arc<CacheInner>);

#[derive(Debug)]
struct CacheInner {
    entries: Store,
    aliases: Arc<AliasIndex>,
    fetcher: Fetcher,
    texts: SharedTexts,
    policies: NeedToKnow,
    payments: Payments,
    waiters: Waiters,
    refreshes: Arc<Semaphore>,
    clock: Arc<dyn Clock>,
    spawn: Spawn,
    metrics: Metrics,
    log: LogThrottle,
}

/// What a lookup finds under the lock of its key.
enum Lookup {
    /// An answer that needs no fetch.
    Hit(Known),
    /// A fetch to wait for.
    InFlight(InFlight),
}

impl EvidenceCache {
    /// An empty cache of what `behind` says. One fetch may take `fetch_timeout`, however long callers wait for it.
    pub fn new(
        behind: Arc<dyn Source>,
        config: Config,
        fetch_timeout: Duration,
        deps: &Deps,
    ) -> Result<Self, prometheus::Error> {
        let aliases = Arc::new(AliasIndex::new(config.capacity));
        let entries = Store::new(config.capacity, Arc::clone(&aliases));
        let counted = entries.clone();
        let metrics = Metrics::register(&deps.registry, move || counted.counts())?;
        Ok(Self(Arc::new(CacheInner {
            entries,
            aliases,
            fetcher: Fetcher::new(behind, fetch_timeout),
            texts: SharedTexts::default(),
            policies: NeedToKnow::default(),
            payments: Payments::new(config.fetches),
            waiters: Waiters::new(config.waiters),
            refreshes: Arc::new(Semaphore::new(REFRESHES_MAX)),
            clock: Arc::clone(&deps.clock),
            spawn: deps.spawn.clone(),
            metrics,
            log: LogThrottle::default(),
        })))
    }

    /// Fetches a verification, or joins the fetch in flight. Falls back to stale evidence.
    async fn fetch(
        &self,
        id: &VerificationId,
        request: LookupRequest,
    ) -> Result<Known, OverQuotaError> {
        // `None`: the caller waits no longer, and asking goes on without it.
        let fetched = match request.wait {
            Wait::AtMost(wait) if !wait.is_zero() => {
                match self.0.waiters.enter(&request.caller, request.at.uptime) {
                    Some(_waiting) => timeout(wait, self.await_fetch(id, &request)).await.ok(),
                    None => {
                        self.0.metrics.fetch(FetchOutcome::Shed);
                        Some(Err(SHED))
                    }
                }
            }
            Wait::No | Wait::AtMost(_) => {
                let started = self.join_or_start(id, &request, None).await;
                started.err().map(Err)
            }
        };
        let asked = fetched.is_some();
        let fetched = fetched.unwrap_or_else(|| Ok(nothing(Outage::Unfinished, request.at)));
        let outage = match &fetched {
            Ok(known) if matches!(known.evidence.finding, Finding::Unknown) => {
                known.outage.unwrap_or(Outage::Abandoned)
            }
            // An HTTP cache answered in the upstream's place, with what is too old for this policy.
            Ok(known) if is_too_old(known, &request) => Outage::Foreign,
            Ok(_) => return fetched,
            Err(OverQuotaError { .. }) => Outage::Rejected,
        };
        // Read again: in the meantime the entry may have been invalidated, or a fetch may have stored its result.
        let entry = self.0.entries.get(id).await;
        match entry.and_then(|entry| entry.after_wait(&request, outage, asked)) {
            Some(known) => Ok(known),
            None => fetched.map(|_| nothing(outage, request.at)),
        }
    }

    /// Waits for the result of a fetch. A fetch may have started before an invalidation by an alias that was not known yet. If so,
    /// waits for one more, which starts after this call.
    async fn await_fetch(
        &self,
        id: &VerificationId,
        request: &LookupRequest,
    ) -> Result<Known, OverQuotaError> {
        let mut fetched = nothing(Outage::Abandoned, request.at);
        for _ in 0..2 {
            let in_flight = match self.join_or_start(id, request, None).await? {
                Lookup::Hit(known) => return Ok(known),
                Lookup::InFlight(in_flight) => in_flight,
            };
            let started = in_flight.started;
            let result = in_flight.flight.result().await;
            fetched = result.unwrap_or_else(|| nothing(Outage::Abandoned, request.at));
            match &fetched.evidence.finding {
                Finding::Present(verification)
                    if self.0.aliases.was_invalidated(verification, started).await => {}
                _ => break,
            }
        }
        Ok(fetched)
    }

    /// Fetches ahead of time, without waiting; not if too many such fetches are in flight.
    async fn refresh(&self, id: &VerificationId, request: LookupRequest) {
        if let Ok(permit) = Arc::clone(&self.0.refreshes).try_acquire_owned() {
            let request = LookupRequest {
                caller: CallerId::Internal,
                ..request
            };
            // The service's own fetches have no quota that they could exceed.
            let _ = self.join_or_start(id, &request, Some(permit)).await;
        }
    }

    /// Joins the fetch of this verification or starts one, unless a result has arrived in the meantime. With a permit for it the
    /// fetch is made ahead of time.
    async fn join_or_start(
        &self,
        id: &VerificationId,
        request: &LookupRequest,
        refresh: Option<OwnedSemaphorePermit>,
    ) -> Result<Lookup, OverQuotaError> {
        let (mut lookup, at) = (None, request.at);
        let entry = async |entry: Option<Entry>| {
            let entry = entry.unwrap_or_default();
            // A refresh is made although the entry still answers.
            let answer = entry.answer(request).filter(|_| refresh.is_none());
            match (answer, entry.fetch_in_flight()) {
                (Some(known), _) => {
                    lookup = Some(Ok(Lookup::Hit(known)));
                    Change::Keep
                }
                (None, Some(in_flight)) if in_flight.keeps.include(request.reads) => {
                    self.0.metrics.fetch(FetchOutcome::Joined);
                    span::joined(in_flight.span.as_ref());
                    lookup = Some(Ok(Lookup::InFlight(in_flight.clone())));
                    Change::Keep
                }
                // One that lacks what is read: policies were reloaded since it began. Its result is for those who wait for it.
                (None, in_flight) => {
                    let payments = &self.0.payments;
                    match payments.charge(&entry, &request.caller, request.at).await {
                        Err(over_quota) => {
                            self.record_over_quota(request.at);
                            lookup = Some(Err(over_quota));
                            Change::Keep
                        }
                        Ok(payment) => {
                            let reads = request.reads;
                            let request = LookupRequest {
                                failed_before: entry.has_failed(),
                                reads: self.0.policies.keeps(reads, in_flight),
                                ..request.clone()
                            };
                            let fetch = (id, reads);
                            let in_flight = self.start_fetch(fetch, &request, refresh, payment);
                            lookup = Some(Ok(Lookup::InFlight(in_flight.clone())));
                            Change::Put(entry.fetching(in_flight))
                        }
                    }
                }
            }
        };
        self.0.entries.update(id, entry).await;
        // The closure is always called.
        lookup.unwrap_or_else(|| Ok(Lookup::Hit(nothing(Outage::Abandoned, at))))
    }

    fn record_over_quota(&self, at: Moment) {
        self.0.metrics.fetch(FetchOutcome::Refused);
        throttled!(
            self.0.log,
            at.uptime,
            warn,
            "fetch_quota_exceeded",
            "a caller exceeded its fetch quota and is rejected: it may be guessing identifiers, or quota.fetches_per_second is too low for it"
        );
    }

    /// Starts a fetch of this verification, for a check that reads this, in a task of its own. Its result is stored before it is published.
    fn start_fetch(
        &self,
        (id, reads): (&VerificationId, DataKinds),
        request: &LookupRequest,
        refresh: Option<OwnedSemaphorePermit>,
        payment: Payment,
    ) -> InFlight {
        let ahead_of_time = request.caller == CallerId::Internal;
        self.0.metrics.fetch(if ahead_of_time {
            FetchOutcome::Refresh
        } else {
            FetchOutcome::Cold
        });
        let span = span::fetch(ahead_of_time);
        let started = self.0.aliases.tick();
        let (cache, id) = (self.clone(), id.clone());
        let span_id = span.id();
        let request = LookupRequest {
            caller: payment.payer.clone(),
            priority: payment.priority,
            ..request.clone()
        };
        let work = async move {
            // Not that of the request: a fetch that follows another one starts later.
            let since = cache.0.clock.moment();
            let request = LookupRequest {
                at: since,
                ..request
            };
            let mut fetched = cache.0.fetcher.fetch(&id, request).await;
            cache.0.texts.share(&id, &mut fetched);
            let doubtful = cache.may_be_invalidated(&id, &fetched).await;
            let known = if doubtful {
                nothing(Outage::Foreign, since)
            } else {
                fetched.clone()
            };
            if known.outage.is_some_and(Outage::is_free) {
                payment.refund();
            }
            let ended = cache.0.clock.moment();
            let finding = &known.evidence.finding;
            let payments = &cache.0.payments;
            payments.record(&payment, finding, ended.uptime).await;
            if doubtful {
                cache.replace_older(&id, started, &fetched, since).await;
            }
            cache.store(&id, started, (&known, reads), since).await;
            drop(refresh);
            known
        };
        InFlight {
            started,
            keeps: request.reads,
            span: span_id,
            flight: Flight::start(&self.0.spawn, work.instrument(span)),
        }
    }
}

#[async_trait]
impl Source for EvidenceCache {
    fn look_up_now(&self, id: &VerificationId, request: &LookupRequest) -> Option<Known> {
        let entry = self.0.entries.get_known(id)?;
        let known = entry.answer(request)?;
        // A refresh begins under the lock of the key, which may have to be waited for.
        (!entry.record_use(request)).then_some(known)
    }

    async fn look_up(
        &self,
        id: &VerificationId,
        request: LookupRequest,
    ) -> Result<Known, OverQuotaError> {
        if let Some(entry) = self.0.entries.get(id).await
            && let Some(known) = entry.answer(&request)
        {
            if entry.record_use(&request) {
                Box::pin(self.refresh(id, request)).await;
            }
            return Ok(known);
        }
        // Apart, so that a look-up that is answered from memory does not carry the state of a fetch.
        Box::pin(self.fetch(id, request)).await
    }

    async fn invalidate(&self, id: &VerificationId, invalidation: Invalidation) {
        let at = self.0.clock.moment();
        let alias = self.0.aliases.invalidate(id).await;
        for id in [Some(id), alias.as_ref()].into_iter().flatten() {
            let change = async |entry: Option<Entry>| {
                let Some(entry) = entry else {
                    return Change::Keep;
                };
                let entry = entry.invalidated(invalidation, at);
                if entry.is_empty() {
                    Change::Remove
                } else {
                    Change::Put(entry)
                }
            };
            self.0.entries.update(id, change).await;
            self.0.fetcher.invalidate(id, invalidation).await;
        }
    }

    async fn purge(&self, whose: &PurgeTarget) -> Purged {
        self.purge_target(whose).await
    }

    async fn doubt(&self, id: &VerificationId) {
        let at = self.0.clock.moment();
        let alias = self.0.aliases.alias(id);
        for id in [Some(id), alias.as_ref()].into_iter().flatten() {
            let change = async |entry: Option<Entry>| match entry {
                Some(entry) => Change::Put(entry.doubted(at)),
                None => Change::Keep,
            };
            self.0.entries.update(id, change).await;
        }
    }

    async fn in_use_as(&self, id: &VerificationId) -> Option<VerificationId> {
        let alias = self.0.aliases.alias(id);
        for id in [Some(id), alias.as_ref()].into_iter().flatten() {
            let entry = self.0.entries.get(id).await;
            if entry.is_some_and(|entry| entry.is_in_use()) {
                return Some(id.clone());
            }
        }
        None
    }
}

fn nothing(outage: Outage, at: Moment) -> Known {
    Known::nothing(outage, at.now, Timings::default())
}
