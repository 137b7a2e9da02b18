//! A token bucket for each caller, in a bounded number.

use std::{sync::Arc, time::Duration};

use moka::{future::Cache, policy::EvictionPolicy};

use super::{CALLERS_MAX, CallerId};
use crate::rate_limit::{Rate, TokenBucket};

/// The quotas of all callers, for one kind of work. A caller that was dropped starts with a full bucket when it returns; while as many
/// are kept as can be, without a burst: a host with very many addresses does not have as many bursts.
#[derive(Debug)]
pub struct Quotas {
    buckets: Cache<CallerId, Arc<TokenBucket>>,
    rate: Rate,
}

/// The caller has used its quota, and nothing can be answered without more of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("quota exceeded")]
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
        Self {
            // LRU, because the default policy may reject a new key: such a caller would have a full bucket at each call.
            buckets: Cache::builder()
                .max_capacity(CALLERS_MAX)
                .eviction_policy(EvictionPolicy::lru())
                .build(),
            rate,
        }
    }

    /// The quota of this caller.
    pub async fn of(&self, caller: CallerId) -> Quota {
        match caller {
            CallerId::Internal => Quota(None),
            CallerId::Address(_) => {
                let new = async {
                    if self.buckets.entry_count() < CALLERS_MAX {
                        Arc::new(TokenBucket::new(self.rate.per_second, self.rate.burst))
                    } else {
                        Arc::new(TokenBucket::new(self.rate.per_second, 1))
                    }
                };
                Quota(Some(self.buckets.get_with(caller, new).await))
            }
        }
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
