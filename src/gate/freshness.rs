//! How long evidence counts as fresh for a check, by the max age that its policy gives it.

use crate::{
    callers::OverQuotaError,
    clock::Reading,
    policy::{Finding, Policy, Timestamp, VerificationId, after, between},
    provenance::Origin,
    source::{Known, LookupRequest, Source, Wait},
};

/// Until when checks of this policy are answered from this evidence, unless it is invalidated. `None` where the upstream is asked
/// again as soon as that is possible.
pub(super) fn fresh_until(policy: &Policy, known: &Known) -> Option<Timestamp> {
    let evidence = &known.evidence;
    match evidence.finding {
        Finding::Present(_) | Finding::Absent if !known.degraded() => {
            Some(after(evidence.seen_at, policy.max_age(&evidence.finding)))
        }
        _ => None,
    }
}

/// What is in memory about a verification and is young enough for what it says. Nearly every check is answered by it: without a future, and
/// without the state of a fetch.
pub(super) fn look_up_now(
    source: &dyn Source,
    policy: &Policy,
    id: &VerificationId,
    lookup: &LookupRequest,
) -> Option<Known> {
    let known = source.look_up_now(id, lookup)?;
    (!is_too_old(policy, &known)).then_some(known)
}

/// Looks a verification up. Cached evidence that is too old for what it says is fetched again, in the time that is left.
pub(super) async fn look_up(
    source: &dyn Source,
    policy: &Policy,
    id: &VerificationId,
    lookup: LookupRequest,
    started: &Reading,
) -> Result<Known, OverQuotaError> {
    let known = source.look_up(id, lookup.clone()).await?;
    if !is_too_old(policy, &known) {
        return Ok(known);
    }
    let max_age = policy.max_age(&known.evidence.finding);
    let left = lookup.wait.max().saturating_sub(started.elapsed());
    let again = LookupRequest {
        max_age,
        wait: Wait::AtMost(left),
        ..lookup
    };
    source.look_up(id, again).await
}

/// Whether what is cached is too old for what it says.
fn is_too_old(policy: &Policy, known: &Known) -> bool {
    // It is judged no earlier than now by both clocks, so that the difference is its age.
    let age = between(known.evidence.seen_at, known.not_before);
    known.origin == Origin::Cache && age >= policy.max_age(&known.evidence.finding)
}
