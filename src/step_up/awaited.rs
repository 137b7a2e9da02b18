//! While a person verifies again, callers poll: the result is wanted as soon as there is one, and not when what was cached before
//! has become old.

use std::sync::Arc;

use async_trait::async_trait;

use super::StepUps;
use crate::{
    callers::OverQuotaError,
    policy::{Finding, VerificationId},
    provenance::Origin,
    source::{Invalidation, Known, LookupRequest, PurgeTarget, Purged, Source},
};

/// The status of a verification that nothing is awaited of.
pub(super) const VERIFIED: &str = "VERIFIED";

/// A source in front of the cache: a verification that a step-up waits for, and that does not exist or is not verified, is asked for
/// again each time, within the caller's quota.
#[derive(Debug)]
pub struct AwaitedSource {
    cache: Arc<dyn Source>,
    step_ups: StepUps,
}

impl AwaitedSource {
    /// Asks the cache, and again if a step-up waits for what it says.
    pub fn new(cache: Arc<dyn Source>, step_ups: StepUps) -> Self {
        Self { cache, step_ups }
    }
}

#[async_trait]
impl Source for AwaitedSource {
    fn look_up_now(&self, id: &VerificationId, request: &LookupRequest) -> Option<Known> {
        let known = self.cache.look_up_now(id, request)?;
        let may_be_asked_again =
            known.origin == Origin::Cache && is_awaited(&known.evidence.finding);
        (!may_be_asked_again).then_some(known)
    }

    async fn look_up(
        &self,
        id: &VerificationId,
        request: LookupRequest,
    ) -> Result<Known, OverQuotaError> {
        let known = self.cache.look_up(id, request.clone()).await?;
        let from_cache = known.origin == Origin::Cache;
        if !from_cache
            || !is_awaited(&known.evidence.finding)
            || !self.step_ups.awaits(id, request.at).await
        {
            return Ok(known);
        }
        let at_once = LookupRequest {
            max_age: std::time::Duration::ZERO,
            ..request
        };
        match self.cache.look_up(id, at_once).await {
            Ok(newer)
                if !matches!(newer.evidence.finding, Finding::Unknown) && !newer.degraded() =>
            {
                Ok(newer)
            }
            // Over the quota, or in an outage: what was cached is fresh by the usual rule.
            Ok(_) | Err(OverQuotaError { .. }) => Ok(known),
        }
    }

    async fn invalidate(&self, id: &VerificationId, invalidation: Invalidation) {
        self.cache.invalidate(id, invalidation).await;
    }

    async fn purge(&self, whose: &PurgeTarget) -> Purged {
        self.cache.purge(whose).await
    }

    async fn doubt(&self, id: &VerificationId) {
        self.cache.doubt(id).await;
    }

    async fn in_use_as(&self, id: &VerificationId) -> Option<VerificationId> {
        self.cache.in_use_as(id).await
    }
}

/// Whether a step-up may be about to change it.
fn is_awaited(finding: &Finding) -> bool {
    match finding {
        Finding::Absent => true,
        Finding::Present(verification) => verification.status.as_deref() != Some(VERIFIED),
        Finding::Unusable(_) | Finding::Unknown => false,
    }
}
