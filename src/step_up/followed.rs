//! A gateway that goes on sending the id of the old verification: where that is wanted, its checks are judged by the evidence of the one
//! that a step-up has led to, if the upstream says of both that they are of the same identity.
//!
//! Why not by the webhook alone: a webhook is never evidence. It says when to look; what is looked up is the verification that the upstream
//! named when it created the link, and the identities are compared as the upstream gives them. Anyone who opens somebody else's link verifies
//! as themselves, and that counts for nobody else.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use prometheus::{IntCounterVec, Registry};

use super::{StepUps, awaited::VERIFIED};
use crate::{
    callers::OverQuotaError,
    clock::{Clock, Reading},
    deps::Deps,
    log_throttle::{LogThrottle, throttled},
    metrics::counter_by,
    policy::{DataKinds, Datum, Finding, Identity, Verification, VerificationId},
    source::{Invalidation, Known, LookupRequest, Source, Succession, Wait},
};

/// A source that gives the evidence of a verification's successor in its place.
#[derive(Debug)]
pub struct FollowingSource {
    behind: Arc<dyn Source>,
    step_ups: StepUps,
    clock: Arc<dyn Clock>,
    log: LogThrottle,
    metrics: Metrics,
}

/// Whether the evidence of a successor counts in place of that of the verification that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FollowOutcome {
    /// Of the same identity.
    Same,
    /// Of another identity: somebody else has opened the link.
    OtherIdentity,
    /// The upstream does not say of one of the two whose it is.
    NoIdentity,
    /// It is not verified, or cannot be used.
    NotVerified,
    /// The upstream is still being asked for it.
    Pending,
    /// The upstream cannot be asked for it.
    Unavailable,
}

impl FollowOutcome {
    const ALL: [Self; 6] = [
        Self::Same,
        Self::OtherIdentity,
        Self::NoIdentity,
        Self::NotVerified,
        Self::Pending,
        Self::Unavailable,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Same => "followed",
            Self::OtherIdentity => "other_identity",
            Self::NoIdentity => "no_identity",
            Self::NotVerified => "not_verified",
            Self::Pending => "pending",
            Self::Unavailable => "unavailable",
        }
    }

    /// What to do about it; `None` where that passes by itself.
    fn hint(self) -> Option<&'static str> {
        match self {
            Self::OtherIdentity => {
                Some("the person who opened the link is not the one of the verification")
            }
            Self::NoIdentity => Some("the vendor must give the identity id of every verification"),
            Self::Same | Self::NotVerified | Self::Pending | Self::Unavailable => None,
        }
    }
}

#[derive(Debug)]
struct Metrics(IntCounterVec);

impl Metrics {
    fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self(counter_by(
            registry,
            "verigate_successors_total",
            "Lookups of the verification that a step-up has led to, in place of the one that was asked for, by outcome.",
            "outcome",
            FollowOutcome::ALL.map(FollowOutcome::as_str),
        )?))
    }
}

impl FollowingSource {
    /// Follows the successors that these step-ups know.
    pub fn new(
        behind: Arc<dyn Source>,
        step_ups: StepUps,
        deps: &Deps,
    ) -> Result<Self, prometheus::Error> {
        Ok(Self {
            behind,
            step_ups,
            clock: Arc::clone(&deps.clock),
            log: LogThrottle::default(),
            metrics: Metrics::register(&deps.registry)?,
        })
    }

    /// What is known of a successor.
    async fn successor(
        &self,
        id: &VerificationId,
        request: &LookupRequest,
        started: &Reading,
    ) -> Result<Known, OverQuotaError> {
        let left = request.wait.max().saturating_sub(started.elapsed());
        let request = LookupRequest {
            wait: match request.wait {
                Wait::No => Wait::No,
                Wait::AtMost(_) => Wait::AtMost(left),
            },
            ..request.clone()
        };
        self.behind.look_up(id, request).await
    }

    fn record(&self, followed: FollowOutcome) {
        let outcome = followed.as_str();
        self.metrics.0.with_label_values(&[outcome]).inc();
        let Some(hint) = followed.hint() else { return };
        throttled!(
            self.log,
            self.clock.moment().uptime,
            warn,
            "successor_not_followed" / outcome,
            reason = outcome,
            hint,
            "a person has verified again, and the check is still judged by the old verification"
        );
    }
}

#[async_trait]
impl Source for FollowingSource {
    fn look_up_now(&self, id: &VerificationId, request: &LookupRequest) -> Option<Known> {
        let successors = self.step_ups.successors(id, request.at).now_or_never()?;
        let known = || self.behind.look_up_now(id, request);
        successors.is_empty().then(known).flatten()
    }

    async fn look_up(
        &self,
        id: &VerificationId,
        request: LookupRequest,
    ) -> Result<Known, OverQuotaError> {
        let successors = self.step_ups.successors(id, request.at).await;
        if successors.is_empty() {
            return self.behind.look_up(id, request).await;
        }
        let started = self.clock.read();
        let request = LookupRequest {
            reads: request.reads.and(DataKinds::IDENTITY),
            ..request
        };
        let known = self.behind.look_up(id, request.clone()).await?;
        let mut succession = Succession::None;
        for successor in successors {
            let later = self.successor(&successor, &request, &started).await?;
            let followed = compare(&known, &later);
            self.record(followed);
            match followed {
                FollowOutcome::Same => {
                    self.step_ups.confirm(id, &successor).await;
                    return Ok(Known {
                        not_before: later.not_before.max(known.not_before),
                        succession: Succession::By(successor),
                        ..later
                    });
                }
                FollowOutcome::Pending => succession = Succession::Pending,
                _ => {}
            }
        }
        Ok(Known {
            succession,
            ..known
        })
    }

    async fn invalidate(&self, id: &VerificationId, invalidation: Invalidation) {
        self.behind.invalidate(id, invalidation).await;
    }

    async fn doubt(&self, id: &VerificationId) {
        self.behind.doubt(id).await;
    }

    async fn in_use_as(&self, id: &VerificationId) -> Option<VerificationId> {
        self.behind.in_use_as(id).await
    }
}

/// Whether the evidence of `later` counts in place of that of `known`: only if the upstream gives the identity of both, and it is the same.
fn compare(known: &Known, later: &Known) -> FollowOutcome {
    let successor = match &later.evidence.finding {
        Finding::Present(successor) => successor,
        Finding::Unknown if later.is_pending() => return FollowOutcome::Pending,
        Finding::Unknown => return FollowOutcome::Unavailable,
        Finding::Absent | Finding::Unusable(_) => return FollowOutcome::NotVerified,
    };
    if successor.status.as_deref() != Some(VERIFIED) {
        return FollowOutcome::NotVerified;
    }
    let old = match &known.evidence.finding {
        Finding::Present(old) => identity(old),
        Finding::Unknown if known.is_pending() => return FollowOutcome::Pending,
        Finding::Absent | Finding::Unusable(_) | Finding::Unknown => None,
    };
    match (old, identity(successor)) {
        (Some(old), Some(new)) if old == new => FollowOutcome::Same,
        (Some(_), Some(_)) => FollowOutcome::OtherIdentity,
        (None, _) | (_, None) => FollowOutcome::NoIdentity,
    }
}

/// Whose a verification is, if the upstream says it and it was kept.
fn identity(verification: &Verification) -> Option<&Identity> {
    let is_kept = verification.kept.include(DataKinds::IDENTITY);
    match &verification.identity {
        Datum::Known(identity) if is_kept => Some(identity),
        Datum::Known(_) | Datum::Missing | Datum::Unreadable => None,
    }
}
