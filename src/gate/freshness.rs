//! How long evidence counts as fresh: for as long as the policy says, or only for seconds where it may change at any moment. A person that
//! has just verified is not denied for minutes because the state before was cached.

use std::time::Duration;

use crate::{
    callers::OverQuotaError,
    clock::Reading,
    policy::{Finding, Policy, Timestamp, VerificationId, after, between},
    provenance::Origin,
    source::{Known, LookupRequest, Source, UNSETTLED_FOR, Wait, is_unsettled},
};

/// The max age of evidence with this finding, for this policy.
fn max_age(policy: &Policy, finding: &Finding) -> Duration {
    let accepted = match finding {
        Finding::Present(verification) => policy.accepts_status(verification.status.as_deref()),
        Finding::Absent | Finding::Unusable(_) | Finding::Unknown => true,
    };
    let fresh_for = policy.evidence().fresh_for;
    if accepted && !is_unsettled(finding) {
        fresh_for
    } else {
        fresh_for.min(UNSETTLED_FOR)
    }
}

/// Until when checks of this policy are answered from this evidence, unless it is invalidated. `None` where the upstream is asked
/// again as soon as that is possible.
pub(super) fn fresh_until(policy: &Policy, known: &Known) -> Option<Timestamp> {
    let evidence = &known.evidence;
    match evidence.finding {
        Finding::Present(_) | Finding::Absent if !known.degraded() => {
            Some(after(evidence.seen_at, max_age(policy, &evidence.finding)))
        }
        _ => None,
    }
}

/// Looks a verification up. Cached evidence that is too old for what it says is fetched again, in the time that is left.
pub(super) async fn look_up(
    source: &dyn Source,
    policy: &Policy,
    id: &VerificationId,
    lookup: LookupRequest,
    started: &Reading,
) -> Result<Known, OverQuotaError> {
    let known = source.look_up(id, lookup).await?;
    let max_age = max_age(policy, &known.evidence.finding);
    // What is cached is judged no earlier than now by both clocks, so that the difference is its age.
    let age = between(known.evidence.seen_at, known.not_before);
    if known.origin != Origin::Cache || age < max_age {
        return Ok(known);
    }
    let left = lookup.wait.max().saturating_sub(started.elapsed());
    let again = LookupRequest {
        max_age,
        wait: Wait::AtMost(left),
        ..lookup
    };
    source.look_up(id, again).await
}
