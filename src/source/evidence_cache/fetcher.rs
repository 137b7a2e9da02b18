//! Asks the source behind the cache, within a timeout and a bound on the fetches in flight.

use std::{sync::Arc, time::Duration};

use tokio::{sync::Semaphore, time::timeout};

use super::super::{
    Invalidation, Known, LookupRequest, Priority, PurgeTarget, Purged, Source, Wait,
};
use crate::{
    callers::OverQuotaError,
    log_throttle::{LogThrottle, throttled},
    policy::{UNSETTLED_FOR, VerificationId},
    provenance::{Origin, Outage, Timings},
};

/// Fetches that may be in flight; what needs another is answered as in an outage.
const FETCHES_MAX: usize = 4096;
/// How many of these are kept for verifications that are known.
const FETCHES_RESERVED: usize = FETCHES_MAX / 4;

/// Asks the source behind the cache.
#[derive(Debug)]
pub(super) struct Fetcher {
    behind: Arc<dyn Source>,
    timeout: Duration,
    permits: Semaphore,
    log: LogThrottle,
}

impl Fetcher {
    pub(super) fn new(behind: Arc<dyn Source>, timeout: Duration) -> Self {
        Self {
            behind,
            timeout,
            permits: Semaphore::new(FETCHES_MAX),
            log: LogThrottle::default(),
        }
    }

    /// Fetches a verification. How long callers wait is up to them.
    pub(super) async fn fetch(&self, id: &VerificationId, request: LookupRequest) -> Known {
        let request = LookupRequest {
            wait: Wait::AtMost(self.timeout),
            ..request
        };
        let reserved = match request.priority {
            Priority::Revalidation => 0,
            Priority::Cold | Priority::Guessing => FETCHES_RESERVED,
        };
        let at = request.at;
        let permit = self.permits.try_acquire().ok();
        // Those that come at the same time may see one permit less than there is: they are rejected a little early.
        let permit = permit.filter(|_| self.permits.available_permits() >= reserved);
        let outage = match permit {
            Some(_permit) => match timeout(self.timeout, self.behind.look_up(id, request)).await {
                Ok(Ok(known)) => return known,
                // A quota of the source behind. It is not the quota of those who wait for this fetch.
                Ok(Err(OverQuotaError { .. })) => Outage::Rejected,
                Err(_) => Outage::TimedOut,
            },
            None => {
                throttled!(
                    self.log,
                    at.uptime,
                    warn,
                    "fetch_limit_reached",
                    limit = FETCHES_MAX,
                    "too many evidence fetches in flight; new ones are rejected: the upstream is slow, or too many verifications are requested"
                );
                Outage::Busy
            }
        };
        Known::nothing(outage, at.now, Timings::default())
    }

    pub(super) async fn invalidate(&self, id: &VerificationId, invalidation: Invalidation) {
        self.behind.invalidate(id, invalidation).await;
    }

    pub(super) async fn purge(&self, whose: &PurgeTarget) -> Purged {
        self.behind.purge(whose).await
    }
}

/// Whether what a fetch has just returned is older than evidence may be.
pub(super) fn is_too_old(fetched: &Known, request: &LookupRequest) -> bool {
    let max_age = if fetched.evidence.finding.is_unsettled() {
        request.max_age.min(UNSETTLED_FOR)
    } else {
        request.max_age
    };
    fetched.origin == Origin::Upstream && is_old(fetched) && max_age <= fetched.age()
}

/// Whether what a fetch has returned is older than the fetch: an HTTP cache has answered.
pub(super) fn is_old(fetched: &Known) -> bool {
    !fetched.age().is_zero()
}
