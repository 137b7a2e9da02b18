//! Step-ups: a link by which a person verifies again, created by the upstream, and its outcome.
//!
//! Why idempotent by `request_id`: creating a link is not idempotent for the upstream, and costs. A caller that repeats a call gets
//! the same link while it is valid, calls that arrive together share one attempt ([`Flight`]), and an attempt goes on when they
//! leave. What is known here grants nothing: a person who verified again is judged by evidence like everybody else.

mod config;
mod link;
mod attempt;
mod awaited;
mod followed;
mod page_state;
mod purge;
mod register;
mod request;
mod metrics;

use std::{fmt::Debug, future::ready, sync::Arc, time::Duration};

use async_trait::async_trait;
use moka::{Entry, future::Cache, ops::compute::Op, policy::EvictionPolicy};
use tokio::{
    sync::{Semaphore, watch},
    time::timeout,
};
use tracing::info;
use uuid::Uuid;

use self::{attempt::Attempt, metrics::Metrics, register::Register};
pub use self::{
    awaited::AwaitedSource,
    config::{Config, PageConfig, WaitingLimits},
    followed::{FollowOutcome, FollowingSource, compare},
    link::{Begun, Link},
    metrics::StepUpEvent,
    page_state::{PageAddress, PageKeys, PageState, PageStateError, digest_of},
    register::{StepUp, StepUpState},
    request::{LoginHint, Redirect, RedirectError, StepUpRequest},
};
use crate::{
    callers::{Caller, CallerId, NotPermittedError, OverQuotaError, Quota, Quotas},
    clock::{Clock, Moment},
    deps::Deps,
    flight::{Flight, Spawn},
    live::Live,
    policy::{PolicyName, VerificationId, after},
    provenance::Outage,
    refusals::Refusals,
};

/// Attempts to create a link that may be in flight.
const ATTEMPTS_MAX: usize = 256;
/// Idempotency keys that are kept; the least recently used is dropped first.
const KEYS_MAX: u64 = 10_000;
/// When to ask again for a link where all callers together asked for too many.
const OVER_RATE_RETRY_AFTER: Duration = Duration::from_secs(2);

/// Creates links.
#[async_trait]
pub trait Links: Debug + Send + Sync + 'static {
    /// Creates a link for this step-up, which this caller asks for: at most once. An error may mean that one was created whose response
    /// was lost.
    async fn create(
        &self,
        id: Uuid,
        request: &StepUpRequest,
        caller: CallerId,
    ) -> Result<Link, Outage>;
}

/// Why a step-up does not begin.
#[derive(Debug, thiserror::Error)]
pub enum StepUpError {
    /// The caller may not begin it. Said before anything else is looked at.
    #[error(transparent)]
    NotPermitted(#[from] NotPermittedError),
    /// The calls of the caller come too fast.
    #[error("the calls of this caller come too fast")]
    OverRate(#[source] OverQuotaError),
    /// No policy has this name.
    #[error("there is no policy `{0}`")]
    NoSuchPolicy(PolicyName),
    /// The caller used the same idempotency key for a different request.
    #[error("was already used with different parameters")]
    KeyReused,
    /// The caller has used its quota of links, or all callers together theirs.
    #[error("too many links were requested")]
    OverQuota(#[from] OverQuotaError),
    /// The upstream created no link.
    #[error("the upstream created no link ({})", .0.as_str())]
    Upstream(Outage),
}

impl StepUpError {
    /// Whether a link may have been created, although there is none to return.
    pub fn may_have_made_a_link(&self) -> bool {
        match self {
            Self::Upstream(outage) => outage.was_asked() || *outage == Outage::Abandoned,
            Self::NotPermitted(_)
            | Self::OverRate(_)
            | Self::NoSuchPolicy(_)
            | Self::KeyReused
            | Self::OverQuota(_) => false,
        }
    }
}

/// All step-ups. Clones share them.
#[derive(Debug, Clone)]
pub struct StepUps(Arc<StepUpsInner>);

#[derive(Debug)]
struct StepUpsInner {
    links: Arc<dyn Links>,
    live: Arc<Live>,
    config: Config,
    /// How long one attempt may take, however long callers wait for it.
    attempt_timeout: Duration,
    register: Register,
    /// Attempts by caller and idempotency key.
    attempts: Cache<(CallerId, Box<str>), Attempt>,
    permits: Semaphore,
    quotas: Quotas,
    refusals: Refusals,
    clock: Arc<dyn Clock>,
    spawn: Spawn,
    /// Changes when a step-up ends.
    changes: watch::Sender<()>,
    metrics: Metrics,
}

impl StepUps {
    /// No step-up has begun yet.
    pub fn new(
        links: Arc<dyn Links>,
        live: Arc<Live>,
        config: Config,
        attempt_timeout: Duration,
        refusals: Refusals,
        deps: &Deps,
    ) -> Result<Self, prometheus::Error> {
        Ok(Self(Arc::new(StepUpsInner {
            quotas: Quotas::new(config.links),
            refusals,
            links,
            live,
            config,
            attempt_timeout,
            register: Register::new(),
            // LRU, because the default policy may reject a new key, and a repeated call would create a second link.
            attempts: Cache::builder()
                .max_capacity(KEYS_MAX)
                .eviction_policy(EvictionPolicy::lru())
                .build(),
            permits: Semaphore::new(ATTEMPTS_MAX),
            clock: Arc::clone(&deps.clock),
            spawn: deps.spawn.clone(),
            changes: watch::Sender::new(()),
            metrics: Metrics::register(&deps.registry)?,
        })))
    }

    /// Whether a caller may begin a step-up, for this policy if it is known. A refusal is recorded.
    pub fn permit(
        &self,
        caller: &Caller,
        policy: Option<&PolicyName>,
    ) -> Result<(), NotPermittedError> {
        let permitted = caller.permissions.permit_step_up(policy);
        permitted.inspect_err(|error| self.0.refusals.not_permitted(caller, *error, policy))
    }

    /// Where the browser goes afterwards: the caller's URL, or else the policy's, if it is on the allow-list.
    pub fn redirect(
        &self,
        caller: &Caller,
        policy: Option<&PolicyName>,
        given: &str,
    ) -> Result<Redirect, RedirectError> {
        self.permit(caller, policy)?;
        let allowed = &self.0.config.redirects;
        if !given.is_empty() {
            return Redirect::among(allowed, given);
        }
        let policies = self.0.live.current();
        let policy = policy.and_then(|policy| policies.find(policy));
        let policy = policy.ok_or(RedirectError::NoSuchPolicy)?;
        let own = policy.redirect().ok_or(RedirectError::NotGiven)?;
        Redirect::among(allowed, own)
    }

    /// Begins a step-up, or returns the one that this caller began with the same key. A caller that leaves does not end it.
    pub async fn begin(
        &self,
        request: StepUpRequest,
        caller: &Caller,
    ) -> Result<Begun, StepUpError> {
        let at = self.0.clock.moment();
        self.permit(caller, Some(&request.policy))?;
        caller
            .count_call(at.uptime)
            .map_err(StepUpError::OverRate)?;
        if self.0.live.current().find(&request.policy).is_none() {
            return Err(StepUpError::NoSuchPolicy(request.policy));
        }
        let attempt = self.join_or_start(request, caller.id.clone(), at).await?;
        let result = attempt.flight.result().await;
        result
            .unwrap_or(Err(Outage::Abandoned))
            .map_err(|outage| match outage {
                Outage::OverRate => StepUpError::OverQuota(OverQuotaError {
                    retry_after: OVER_RATE_RETRY_AFTER,
                }),
                outage => StepUpError::Upstream(outage),
            })
    }

    /// Whether a step-up is under way whose result may show under this id.
    pub(crate) async fn awaits(&self, id: &VerificationId, at: Moment) -> bool {
        self.0.register.awaits(id, at).await
    }

    /// The verifications to which step-ups about this one have led, the latest first.
    async fn successors(&self, id: &VerificationId, at: Moment) -> Vec<VerificationId> {
        self.0.register.successors.of(id, at).await
    }

    /// The upstream says of a verification and of this successor that they are of the same identity.
    async fn confirm(&self, id: &VerificationId, successor: &VerificationId) {
        self.0.register.successors.confirm(id, successor).await;
    }

    /// The upstream says of a verification and of this successor that they are not of the same identity.
    async fn reject(&self, id: &VerificationId, successor: &VerificationId) {
        self.0.register.successors.reject(id, successor).await;
    }

    /// Whether a step-up about this verification has led to another one.
    pub async fn has_succeeded(&self, id: &VerificationId) -> bool {
        let at = self.0.clock.moment();
        !self.successors(id, at).await.is_empty()
    }

    /// Changes whenever a step-up ends, whichever it is.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.0.changes.subscribe()
    }

    /// A step-up that has succeeded, or whose link may still be used.
    pub async fn find_current(&self, id: Uuid) -> Option<StepUp> {
        let at = self.0.clock.moment();
        let step_up = self.0.register.find(id, at).await?;
        let is_current = !step_up.state.may_become_succeeded() || at.now < step_up.expires_at;
        is_current.then_some(step_up)
    }

    /// What is known of a step-up.
    pub async fn find(&self, id: Uuid) -> Option<StepUp> {
        self.0.register.find(id, self.0.clock.moment()).await
    }

    /// A webhook says that the person has verified again, under this id.
    pub async fn succeeded(&self, id: Uuid, successor: &VerificationId) {
        let state = StepUpState::Succeeded {
            successor: successor.clone(),
        };
        self.ended(id, state, StepUpEvent::Succeeded).await;
    }

    /// A webhook says that the person did not pass.
    pub async fn failed(&self, id: Uuid) {
        self.ended(id, StepUpState::Failed, StepUpEvent::Failed)
            .await;
    }

    async fn ended(&self, id: Uuid, state: StepUpState, event: StepUpEvent) {
        let at = self.0.clock.moment();
        if let Some(step_up) = self.0.register.advance(id, state, at).await {
            self.0.metrics.event(event);
            self.0.changes.send_replace(());
            info!(
                event = "step_up_ended",
                step_up_id = %id,
                policy = %step_up.policy,
                outcome = event.as_str(),
                "step-up ended"
            );
        }
    }

    /// The attempt that the caller began with the same key, or a new one.
    async fn join_or_start(
        &self,
        request: StepUpRequest,
        caller: CallerId,
        at: Moment,
    ) -> Result<Attempt, StepUpError> {
        let quota = self.0.quotas.of(&caller).await;
        if request.request_id.is_empty() {
            return self.start(request, caller, &quota, at);
        }
        let (key, digest) = (
            (caller.clone(), request.request_id.clone()),
            request.digest(),
        );
        let mut result = Err(StepUpError::Upstream(Outage::Abandoned));
        let entry = self.0.attempts.entry(key);
        entry
            .and_compute_with(|attempt| {
                let attempt = attempt.map(Entry::into_value);
                let shared = attempt.filter(|a| a.is_shared(at, self.0.config.link_life));
                let op = match shared {
                    Some(attempt) if attempt.digest == digest => {
                        self.0.metrics.event(StepUpEvent::Repeated);
                        result = Ok(attempt);
                        Op::Nop
                    }
                    Some(_) => {
                        result = Err(StepUpError::KeyReused);
                        Op::Nop
                    }
                    None => {
                        result = self.start(request, caller, &quota, at);
                        let started = result.as_ref().ok().cloned();
                        started.map_or(Op::Nop, Op::Put)
                    }
                };
                ready(op)
            })
            .await;
        result
    }

    /// Starts an attempt in a task of its own, if the caller's quota allows it.
    fn start(
        &self,
        request: StepUpRequest,
        caller: CallerId,
        quota: &Quota,
        at: Moment,
    ) -> Result<Attempt, StepUpError> {
        if let Err(over_quota) = quota.charge(at.uptime) {
            self.0.metrics.event(StepUpEvent::Refused);
            return Err(over_quota.into());
        }
        let (step_ups, digest) = (self.clone(), request.digest());
        let verification = request.verification.clone();
        let work = async move {
            let created = step_ups.create(&request, caller, at).await;
            step_ups.0.metrics.event(match created {
                Ok(_) => StepUpEvent::Begun,
                Err(Outage::OverRate) => StepUpEvent::Refused,
                Err(_) => StepUpEvent::Unavailable,
            });
            created
        };
        Ok(Attempt {
            since: at,
            digest,
            verification,
            flight: Flight::start(&self.0.spawn, work),
        })
    }

    async fn create(
        &self,
        request: &StepUpRequest,
        caller: CallerId,
        at: Moment,
    ) -> Result<Begun, Outage> {
        let Ok(_permit) = self.0.permits.try_acquire() else {
            return Err(Outage::Busy);
        };
        let id = at.uuid();
        let create = self.0.links.create(id, request, caller);
        let created = timeout(self.0.attempt_timeout, create).await;
        let link = created.unwrap_or(Err(Outage::TimedOut))?;
        // Counted from before the call: the link is valid for at least as long.
        let expires_at = after(at.now, self.0.config.link_life);
        let step_up = StepUp {
            id,
            verification: request.verification.clone(),
            trace: link.trace.clone(),
            policy: request.policy.clone(),
            expires_at,
            state: StepUpState::Pending,
        };
        // Registered before the link is returned, so that no webhook about it arrives too early.
        self.0.register.insert(step_up, at).await;
        info!(
            event = "step_up_started",
            step_up_id = %id,
            policy = %request.policy,
            "step-up started"
        );
        Ok(Begun {
            id,
            link,
            expires_at,
        })
    }
}
