//! What each caller may cause: a bucket for each address, bounded in number.

use std::{net::IpAddr, sync::Arc};

use moka::{future::Cache, policy::EvictionPolicy};

use super::Asker;
use crate::rate_limit::TokenBucket;

/// The quotas of no more callers than this are kept; who is dropped has a full one.
const CALLERS_MAX: u64 = 10_000;

/// The quotas of callers.
#[derive(Debug)]
pub struct Quotas {
    buckets: Cache<IpAddr, Arc<TokenBucket>>,
    per_second: u32,
    burst: u32,
}

impl Quotas {
    /// Everybody may do so much a second, and so much at once after a pause.
    pub fn new(per_second: u32, burst: u32) -> Self {
        Self {
            // The newest always stays: a caller who is turned away would have a full quota each time.
            buckets: Cache::builder()
                .max_capacity(CALLERS_MAX)
                .eviction_policy(EvictionPolicy::lru())
                .build(),
            per_second,
            burst,
        }
    }

    /// The quota of whoever asks; none for the service itself.
    pub async fn of(&self, asker: Asker) -> Option<Arc<TokenBucket>> {
        let Asker::Caller(address) = asker else {
            return None;
        };
        let full = async { Arc::new(TokenBucket::new(self.per_second, self.burst)) };
        Some(self.buckets.get_with(address, full).await)
    }
}
