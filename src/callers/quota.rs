//! A token bucket for each caller, in a bounded number.

use std::{sync::Arc, time::Duration};

use moka::{future::Cache, policy::EvictionPolicy};

use super::{
    id::{CALLERS_MAX, CallerId},
    name::NamedCaller,
};
use crate::rate_limit::{Rate, TokenBucket};

/// The quotas of all callers, for one kind of work. A caller that was dropped starts with a full bucket when it returns; while as many
/// are kept as can be, without a burst: a host with very many addresses does not have as many bursts.
#[derive(Debug)]
pub struct Quotas {
    buckets: Cache<CallerId, (Rate, Arc<TokenBucket>)>,
    rate: Rate,
    /// The rate of a caller that has one of its own.
    own_rate: fn(&NamedCaller) -> Option<Rate>,
}

/// The caller has used its quota, or too many callers wait already, and nothing can be answered without asking the upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more verifications have to be looked up than is permitted now")]
pub struct OverQuotaError {
    /// When the next unit will be available.
    pub retry_after: Duration,
}

/// The quota of one caller; that of the service itself is unlimited.
#[derive(Debug, Clone)]
pub struct Quota(Option<Arc<TokenBucket>>);

impl Quotas {
    /// Each caller may use its units at this rate.
    pub fn new(rate: Rate) -> Self {
        Self::with_own_rates(rate, |_| None)
    }

    /// Each caller may use its units at this rate, or at one of its own.
    pub fn with_own_rates(rate: Rate, own_rate: fn(&NamedCaller) -> Option<Rate>) -> Self {
        Self {
            own_rate,
            // LRU, because the default policy may reject a new key: such a caller would have a full bucket at each call.
            buckets: Cache::builder()
                .max_capacity(CALLERS_MAX)
                .eviction_policy(EvictionPolicy::lru())
                .build(),
            rate,
        }
    }

    /// The quota of this caller.
    pub async fn of(&self, caller: &CallerId) -> Quota {
        let rate = match caller {
            CallerId::Internal => return Quota(None),
            CallerId::Address(_) => self.rate,
            CallerId::Named(named) => (self.own_rate)(named).unwrap_or(self.rate),
        };
        if let Some((of_rate, bucket)) = self.buckets.get(caller).await
            && of_rate == rate
        {
            return Quota(Some(bucket));
        }
        let new = async {
            let burst = if self.buckets.entry_count() < CALLERS_MAX {
                rate.burst
            } else {
                1
            };
            (rate, Arc::new(TokenBucket::new(rate.per_second, burst)))
        };
        let entry = self.buckets.entry_by_ref(caller);
        // Two calls at once share one new bucket; one of another rate, from before a reload, is replaced.
        let entry = entry.or_insert_with_if(new, |(of_rate, _)| *of_rate != rate);
        let (_, bucket) = entry.await.into_value();
        Quota(Some(bucket))
    }
}

impl Quota {
    /// Uses one unit at this uptime.
    pub fn charge(&self, uptime: Duration) -> Result<(), OverQuotaError> {
        match &self.0 {
            None => Ok(()),
            Some(bucket) => match bucket.take(uptime, Duration::ZERO) {
                Ok(_) => Ok(()),
                Err(retry_after) => Err(OverQuotaError { retry_after }),
            },
        }
    }

    /// Returns a unit that was charged for work that was not done.
    pub fn refund(&self) {
        if let Some(bucket) = &self.0 {
            bucket.refund();
        }
    }
}
