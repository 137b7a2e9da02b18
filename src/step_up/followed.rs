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
    clock::{Clock, Moment, Reading},
    deps::Deps,
    log_throttle::{LogThrottle, throttled},
    metrics::counter_by,
    policy::{DataKinds, Datum, Finding, Identity, Verification, VerificationId},
    signatures::HandedOn,
    source::{Invalidation, Known, LookupRequest, PurgeTarget, Purged, Source, Succession, Wait},
};

/// A source that gives the evidence of a verification's successor in its place.
#[derive(Debug)]
pub struct FollowingSource {
    behind: Arc<dyn Source>,
    step_ups: StepUps,
    /// Whether the successors that this process knows count, and not only those that browsers bring.
    follows_known: bool,
    clock: Arc<dyn Clock>,
    log: LogThrottle,
    metrics: Metrics,
}

/// Whether a successor counts in place of the verification that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FollowOutcome<'k> {
    /// It is verified, and both are of this identity.
    Same(&'k Identity),
    /// Of another identity: somebody else has opened the link.
    OtherIdentity,
    /// The upstream does not say of one of the two whose it is.
    NoIdentity,
    /// It is not verified, or cannot be used.
    NotVerified,
    /// The upstream is still being asked for it.
    Pending,
    /// The upstream cannot be asked for one of the two.
    Unavailable,
}

impl FollowOutcome<'_> {
    const NAMES: [&'static str; 6] = [
        "followed",
        "other_identity",
        "no_identity",
        "not_verified",
        "pending",
        "unavailable",
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Same(_) => "followed",
            Self::OtherIdentity => "other_identity",
            Self::NoIdentity => "no_identity",
            Self::NotVerified => "not_verified",
            Self::Pending => "pending",
            Self::Unavailable => "unavailable",
        }
    }

    /// What to do about it; `None` where that passes by itself.
    pub fn hint(self) -> Option<&'static str> {
        match self {
            Self::OtherIdentity => {
                Some("the person who opened the link is not the one of the verification")
            }
            Self::NoIdentity => Some("the vendor must give the identity id of every verification"),
            Self::Same(_) | Self::NotVerified | Self::Pending | Self::Unavailable => None,
        }
    }
}

/// A lookup of a verification that has successors.
struct Lookup<'l> {
    id: &'l VerificationId,
    request: LookupRequest,
    started: Reading,
    /// What is known of the verification itself.
    known: Known,
    /// Whether the upstream is still being asked for one of them.
    is_pending: bool,
}

impl Lookup<'_> {
    /// What is asked for a successor, in the time that is left.
    fn request_now(&self) -> LookupRequest {
        let wait = self.request.wait;
        let left = wait.max().saturating_sub(self.started.elapsed());
        LookupRequest {
            wait: match wait {
                Wait::No => Wait::No,
                Wait::AtMost(_) => Wait::AtMost(left),
            },
            ..self.request.clone()
        }
    }
}

/// The later of two verifications of a person; the first one if the upstream does not say which that is.
fn latest(first: Option<Known>, second: Known) -> Known {
    let verified_at = |known: &Known| match &known.evidence.finding {
        Finding::Present(verification) => verification.verified_at,
        Finding::Absent | Finding::Unusable(_) | Finding::Unknown => None,
    };
    match first {
        Some(first) if verified_at(&first) >= verified_at(&second) => first,
        Some(_) | None => second,
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
            FollowOutcome::NAMES,
        )?))
    }
}

impl FollowingSource {
    /// Follows the successors that browsers bring, and if `follows_known` those that these step-ups know.
    pub fn new(
        behind: Arc<dyn Source>,
        step_ups: StepUps,
        follows_known: bool,
        deps: &Deps,
    ) -> Result<Self, prometheus::Error> {
        Ok(Self {
            behind,
            step_ups,
            follows_known,
            clock: Arc::clone(&deps.clock),
            log: LogThrottle::default(),
            metrics: Metrics::register(&deps.registry)?,
        })
    }

    /// The successors of a verification that count, the latest first.
    async fn successors(&self, id: &VerificationId, at: Moment) -> Vec<VerificationId> {
        if self.follows_known {
            self.step_ups.successors(id, at).await
        } else {
            Vec::new()
        }
    }

    /// The evidence of a verification, or of its latest successor that is of the same identity.
    async fn follow(
        &self,
        id: &VerificationId,
        request: LookupRequest,
        handed_on: Option<&HandedOn>,
    ) -> Result<Known, OverQuotaError> {
        let mut successors = self.successors(id, request.at).await;
        if successors.is_empty() && handed_on.is_none() {
            return self.behind.look_up(id, request).await;
        }
        let request = LookupRequest {
            reads: request.reads.and(DataKinds::IDENTITY),
            ..request
        };
        let mut lookup = Lookup {
            id,
            started: self.clock.read(),
            known: self.behind.look_up(id, request.clone()).await?,
            request,
            is_pending: false,
        };
        let mut followed = None;
        if let Some(handed_on) = handed_on {
            // It is looked at once, as the one that was brought.
            successors.retain(|known| known != handed_on.successor());
            followed = self
                .followed(&mut lookup, handed_on.successor(), Some(handed_on))
                .await?;
        }
        for successor in &successors {
            if let Some(later) = self.followed(&mut lookup, successor, None).await? {
                followed = Some(latest(followed, later));
                break;
            }
        }
        let Lookup {
            known, is_pending, ..
        } = lookup;
        Ok(followed.unwrap_or(Known {
            succession: if is_pending {
                Succession::Pending
            } else {
                Succession::None
            },
            ..known
        }))
    }

    /// The evidence of a successor, if it counts in place of that of the verification that was asked for.
    async fn followed(
        &self,
        lookup: &mut Lookup<'_>,
        successor: &VerificationId,
        handed_on: Option<&HandedOn>,
    ) -> Result<Option<Known>, OverQuotaError> {
        let (known, id) = (&lookup.known, lookup.id);
        let request = lookup.request_now();
        let later = self.behind.look_up(successor, request).await?;
        let followed = match compare(known, &later) {
            FollowOutcome::Same(identity) if handed_on.is_some_and(|h| !h.is_of(identity)) => {
                FollowOutcome::OtherIdentity
            }
            followed => followed,
        };
        self.record(followed);
        match followed {
            FollowOutcome::Same(_) => self.step_ups.confirm(id, successor).await,
            FollowOutcome::OtherIdentity => self.step_ups.reject(id, successor).await,
            _ => {}
        }
        let is_same = matches!(followed, FollowOutcome::Same(_));
        let is_pending = followed == FollowOutcome::Pending;
        lookup.is_pending |= is_pending;
        let not_before = later.not_before.max(lookup.known.not_before);
        Ok(is_same.then(|| Known {
            not_before,
            succession: Succession::By(successor.clone()),
            ..later
        }))
    }

    fn record(&self, followed: FollowOutcome<'_>) {
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
        let successors = self.successors(id, request.at).now_or_never()?;
        let known = || self.behind.look_up_now(id, request);
        successors.is_empty().then(known).flatten()
    }

    async fn look_up(
        &self,
        id: &VerificationId,
        request: LookupRequest,
    ) -> Result<Known, OverQuotaError> {
        self.follow(id, request, None).await
    }

    async fn look_up_handed_on(
        &self,
        id: &VerificationId,
        request: LookupRequest,
        handed_on: &HandedOn,
    ) -> Result<Known, OverQuotaError> {
        self.follow(id, request, Some(handed_on)).await
    }

    async fn invalidate(&self, id: &VerificationId, invalidation: Invalidation) {
        self.behind.invalidate(id, invalidation).await;
    }

    async fn purge(&self, whose: &PurgeTarget) -> Purged {
        self.behind.purge(whose).await
    }

    async fn doubt(&self, id: &VerificationId) {
        self.behind.doubt(id).await;
    }

    async fn in_use_as(&self, id: &VerificationId) -> Option<VerificationId> {
        self.behind.in_use_as(id).await
    }
}

/// Whether the evidence of `later` counts in place of that of `known`: only if the upstream gives the identity of both, and it is the same.
pub fn compare<'k>(known: &'k Known, later: &Known) -> FollowOutcome<'k> {
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
        Finding::Unknown => return FollowOutcome::Unavailable,
        Finding::Absent | Finding::Unusable(_) => None,
    };
    match (old, identity(successor)) {
        (Some(old), Some(new)) if old == new => FollowOutcome::Same(old),
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
