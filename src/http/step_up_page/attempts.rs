//! The links that were made by each state and about each verification: a few, because they cost and the page faces the Internet.

use std::{
    collections::BTreeSet,
    future::{Future, ready},
    sync::Arc,
    time::Duration,
};

use moka::{Entry, future::Cache, ops::compute::Op, policy::EvictionPolicy};
use tokio::task::yield_now;

use crate::{
    clock::Moment,
    flight::{Flight, Progress, Spawn},
    key_hash::KeyHasher,
    policy::{Timestamp, VerificationId},
    rate_limit::TokenBucket,
    step_up::{Begun, StepUpError},
};

/// Links that may be made by one state: for a mistyped address, and a link that has expired.
const LINKS_MAX: usize = 3;
/// Links that may be made about one verification at once, by all its states and from all networks.
const LINKS_OF_VERIFICATION: u32 = 10;
/// And how often one more after that: as many in an hour.
const LINK_EVERY: Duration = Duration::from_mins(6);
/// States by which a link was made, or may have been; the least recently used is dropped first. More than the default quota of all
/// callers makes in the longest life of a state: 10 in each second of an hour.
const STATES_MAX: u64 = 50_000;
/// Verifications whose links are counted; the least recently used is dropped first.
const VERIFICATIONS_MAX: u64 = 50_000;

/// States that are looked at before other tasks have their turn.
const AT_ONCE: usize = 256;

/// A link that was made, or why there is none.
pub(super) type Made = Result<Begun, Arc<StepUpError>>;

/// What was made by states that were used, by their digest. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Attempts {
    states: Cache<[u8; 32], Vec<Attempt>>,
    /// How many links were made about each verification, by a hash.
    verifications: Cache<u64, Arc<TokenBucket>>,
    keys: KeyHasher,
    spawn: Spawn,
}

/// What a link is asked for by.
#[derive(Debug, Clone)]
pub(super) struct LinkKey {
    /// The digest of the state.
    pub(super) state: [u8; 32],
    /// Distinguishes the people for whom one state asks.
    pub(super) person: Box<str>,
    /// The verification that did not suffice.
    pub(super) verification: VerificationId,
}

/// A link that was made, or that is being made.
#[derive(Debug, Clone)]
struct Attempt {
    person: Box<str>,
    /// The verification that did not suffice.
    verification: VerificationId,
    flight: Flight<Made>,
}

/// No more links are made now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoMoreError {
    /// By this state, ever.
    State,
    /// About this verification, for this time.
    Verification(Duration),
}

impl Attempts {
    /// Nothing was made yet. Links are made in tasks of their own.
    pub(super) fn new(spawn: Spawn) -> Self {
        // LRU, because the default policy may reject a new key, whose links would not be counted.
        let (states, verifications) = (Cache::builder(), Cache::builder());
        Self {
            states: states
                .max_capacity(STATES_MAX)
                .eviction_policy(EvictionPolicy::lru())
                .build(),
            verifications: verifications
                .max_capacity(VERIFICATIONS_MAX)
                .eviction_policy(EvictionPolicy::lru())
                .build(),
            keys: KeyHasher::default(),
            spawn,
        }
    }

    /// The latest link by this state.
    pub(super) async fn current(&self, state: &[u8; 32]) -> Option<Begun> {
        let links = self.states.get(state).await?;
        links.iter().rev().find_map(Attempt::begun)
    }

    /// A link is asked for: the one that was made by this key, or is being made, while it is valid, from whichever network that was; or
    /// else one more, by `make`. It is made, and counted, also if nobody waits for it any more.
    pub(super) async fn link(
        &self,
        key: LinkKey,
        at: Moment,
        make: impl Future<Output = Result<Begun, StepUpError>> + Send + 'static,
    ) -> Result<Flight<Made>, NoMoreError> {
        let bucket = self.bucket(&key.verification).await;
        let mut result = Err(NoMoreError::State);
        let entry = self.states.entry(key.state);
        entry
            .and_compute_with(|links| {
                let mut links = links.map(Entry::into_value).unwrap_or_default();
                let is_this = |link: &Attempt| link.person == key.person && link.is_shared(at.now);
                if let Some(index) = links.iter().position(is_this) {
                    // It is the latest now.
                    let link = links.remove(index);
                    result = Ok(link.flight.clone());
                    links.push(link);
                    return ready(Op::Put(links));
                }
                if links.len() >= LINKS_MAX {
                    return ready(Op::Nop);
                }
                if let Err(wait) = bucket.take(at.uptime, Duration::ZERO) {
                    result = Err(NoMoreError::Verification(wait));
                    return ready(Op::Nop);
                }
                let (person, verification) = (key.person.clone(), key.verification.clone());
                let flight = self.start(key, bucket, make);
                result = Ok(flight.clone());
                links.push(Attempt {
                    person,
                    verification,
                    flight,
                });
                ready(Op::Put(links))
            })
            .await;
        result
    }

    /// Makes a link in a task of its own. What was surely not made does not count.
    fn start(
        &self,
        key: LinkKey,
        bucket: Arc<TokenBucket>,
        make: impl Future<Output = Result<Begun, StepUpError>> + Send + 'static,
    ) -> Flight<Made> {
        let attempts = self.clone();
        Flight::start(&self.spawn, async move {
            let made = make.await;
            if made
                .as_ref()
                .is_err_and(|error| !error.may_have_made_a_link())
            {
                bucket.refund();
                attempts.remove(&key).await;
            }
            made.map_err(Arc::new)
        })
    }

    /// Removes the link that is being made by this key; and the state, if that was all.
    async fn remove(&self, key: &LinkKey) {
        let is_kept = |link: &Attempt| link.person != key.person || !link.flight.is_running();
        self.retain(key.state, is_kept).await;
    }

    /// Removes the links about these verifications, and those that lead to them. One that is being made is given to those who wait for it.
    /// Links about them are counted from the beginning.
    pub(super) async fn purge(&self, verifications: &BTreeSet<&VerificationId>) {
        let is_about = |link: &Attempt| link.ids().any(|id| verifications.contains(&id));
        let mut found = Vec::new();
        for (count, (state, links)) in (1_usize..).zip(&self.states) {
            if links.iter().any(is_about) {
                found.push(*state);
            }
            if count % AT_ONCE == 0 {
                yield_now().await;
            }
        }
        for state in found {
            self.retain(state, |link| !is_about(link)).await;
        }
        for verification in verifications {
            self.verifications
                .invalidate(&self.keys.of(verification))
                .await;
        }
        self.states.run_pending_tasks().await;
        self.verifications.run_pending_tasks().await;
    }

    /// Keeps those of the links of a state that are so; and the state, if there are any.
    async fn retain(&self, state: [u8; 32], is_so: impl Fn(&Attempt) -> bool) {
        let entry = self.states.entry(state);
        entry
            .and_compute_with(|links| {
                let mut links = links.map(Entry::into_value).unwrap_or_default();
                links.retain(is_so);
                ready(if links.is_empty() {
                    Op::Remove
                } else {
                    Op::Put(links)
                })
            })
            .await;
    }

    async fn bucket(&self, verification: &VerificationId) -> Arc<TokenBucket> {
        let entry = self.verifications.entry(self.keys.of(verification));
        let new = async { Arc::new(TokenBucket::every(LINK_EVERY, LINKS_OF_VERIFICATION)) };
        entry.or_insert_with(new).await.into_value()
    }
}

impl Attempt {
    /// The verifications that the link is about: the one that did not suffice, and the one to come.
    fn ids(&self) -> impl Iterator<Item = VerificationId> {
        let trace = self.begun().and_then(|begun| begun.link.trace);
        std::iter::once(self.verification.clone()).chain(trace)
    }

    fn begun(&self) -> Option<Begun> {
        match self.flight.progress() {
            Progress::Done(Ok(begun)) => Some(begun),
            Progress::Done(Err(_)) | Progress::Running | Progress::Abandoned => None,
        }
    }

    /// Whether who asks for the same gets this one. A failure is not shared with those who come later.
    fn is_shared(&self, now: Timestamp) -> bool {
        self.flight.is_running() || self.begun().is_some_and(|begun| now < begun.expires_at)
    }
}

#[cfg(test)]
mod tests;
