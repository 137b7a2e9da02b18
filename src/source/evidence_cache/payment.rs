//! Who pays for a fetch, and when its turn is.
//!
//! - A caller pays for what it attempts, whether or not there is such a verification. Verifications that are known are paid for apart: a
//!   caller that guesses, or one beside it behind the same address, does not use up what these need.
//! - The service itself pays for asking again about what a webhook has just declared unusable, and for what it asks ahead of time.

use std::time::Duration;

use super::{super::Priority, entry::Entry};
use crate::{
    callers::{CallerId, LookupResult, Misses, NamedCaller, OverQuotaError, Quota, Quotas},
    clock::Moment,
    policy::Finding,
    rate_limit::Rate,
};

/// The quotas of the callers, and what their lookups came to.
#[derive(Debug)]
pub(super) struct Payments {
    known: Quotas,
    unknown: Quotas,
    misses: Misses,
}

/// Who pays for a fetch, and when its turn is.
#[derive(Debug)]
pub(super) struct Payment {
    pub(super) payer: CallerId,
    pub(super) priority: Priority,
    quota: Quota,
    /// Whether the upstream has said already that there is no such verification.
    was_absent: bool,
}

impl Payments {
    /// Each caller pays for its fetches at this rate, those of verifications that are known apart.
    pub(super) fn new(rate: Rate) -> Self {
        Self {
            known: Quotas::with_own_rates(rate, NamedCaller::fetches),
            unknown: Quotas::with_own_rates(rate, NamedCaller::fetches),
            misses: Misses::default(),
        }
    }

    /// Charges a fetch that this caller needs.
    pub(super) async fn charge(
        &self,
        entry: &Entry,
        caller: &CallerId,
        at: Moment,
    ) -> Result<Payment, OverQuotaError> {
        let just_invalidated = entry.was_just_invalidated(at);
        let payer = if just_invalidated {
            CallerId::Internal
        } else {
            caller.clone()
        };
        let known = entry.has_verification() || just_invalidated;
        let priority = if known {
            Priority::Revalidation
        } else if self.misses.is_guessing(caller, at.uptime).await {
            Priority::Guessing
        } else {
            Priority::Cold
        };
        let quotas = if known { &self.known } else { &self.unknown };
        let quota = quotas.of(&payer).await;
        quota.charge(at.uptime)?;
        Ok(Payment {
            payer,
            priority,
            quota,
            was_absent: entry.is_absent(),
        })
    }

    /// Records what a fetch came to.
    pub(super) async fn record(&self, payment: &Payment, finding: &Finding, uptime: Duration) {
        if payment.payer == CallerId::Internal || payment.priority == Priority::Revalidation {
            return;
        }
        let result = match finding {
            Finding::Present(_) => LookupResult::Hit,
            Finding::Absent if payment.was_absent => LookupResult::RepeatedMiss,
            Finding::Absent => LookupResult::Miss,
            Finding::Unusable(_) | Finding::Unknown => return,
        };
        self.misses.record(&payment.payer, result, uptime).await;
    }
}

impl Payment {
    /// Returns what was charged: the state of the upstream kept the fetch from being made.
    pub(super) fn refund(&self) {
        self.quota.refund();
    }
}
