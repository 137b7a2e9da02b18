//! Step-ups: a link by which a person verifies again, made by the upstream, and what becomes of it.
//!
//! Making a link is not idempotent for the upstream, and costs: a caller who repeats a call by the same name gets the same
//! link for as long as it is held good, and calls by one name that come together share one call, which goes on when they
//! leave. What is known here grants nothing: whoever verified again is judged by evidence, as always.

mod config;
mod register;
mod wish;

use std::{fmt::Debug, future::ready, sync::Arc, time::Duration};

use async_trait::async_trait;
use moka::{Entry, future::Cache, ops::compute::Op, policy::EvictionPolicy};
use tokio::{
    sync::{Semaphore, watch},
    time::timeout,
};
use tracing::info;
use uuid::Uuid;

use self::register::Register;
pub use self::{
    config::Config,
    register::{State, StepUp},
    wish::{LoginHint, NoRedirect, Redirect, Wish},
};
use crate::{
    clock::{Clock, Moment},
    live::Live,
    metrics::{Metrics, StepUpEvent},
    policy::{Outage, PolicyName, Timestamp, VerificationId, after},
    rate_limit::TokenBucket,
    source::{Asker, Quotas},
};

/// No more links than this are asked for at once.
const ATTEMPTS_MAX: usize = 256;
/// No more calls than this are remembered by their names; who used its own the longest ago is forgotten first.
const NAMES_MAX: u64 = 10_000;

/// Makes links.
#[async_trait]
pub trait Links: Debug + Send + Sync + 'static {
    /// Makes a link for this step-up. It is made once or not at all, as far as that can be known.
    async fn make(&self, id: Uuid, wish: &Wish) -> Result<Link, Outage>;
}

/// A link by which a person verifies again. Whoever has it may be that person, so it is not shown.
#[derive(Clone)]
pub struct Link {
    /// Where to send the person.
    pub url: Box<str>,
    /// The upstream's trace id of the verification that will be.
    pub trace: Option<VerificationId>,
}

impl Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link")
            .field("trace", &self.trace)
            .finish_non_exhaustive()
    }
}

/// A step-up that has begun.
#[derive(Debug, Clone)]
pub struct Begun {
    /// Names it.
    pub id: Uuid,
    /// The link.
    pub link: Link,
    /// Until when the link is held good.
    pub expires_at: Timestamp,
}

/// Why a step-up does not begin.
#[derive(Debug, thiserror::Error)]
pub enum NoStepUp {
    /// No policy has this name.
    #[error("there is no policy `{0}`")]
    NoSuchPolicy(PolicyName),
    /// The caller gave another call the same name.
    #[error("was another call's, with other parameters, a moment ago")]
    AnotherCall,
    /// This caller has asked for too many links.
    #[error("too many links were asked for")]
    OverQuota {
        /// When it may have another.
        retry_after: Duration,
    },
    /// The upstream made none.
    #[error("the upstream makes no link ({})", .0.as_str())]
    NoLink(Outage),
}

/// Step-ups, and the one place where they begin.
#[derive(Debug, Clone)]
pub struct StepUps(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    links: Arc<dyn Links>,
    live: Arc<Live>,
    terms: Config,
    /// How long making one link may take, whoever still waits for it.
    attempt_max: Duration,
    register: Register,
    /// By a caller and its own name for a call, what came of it.
    attempts: Cache<(Asker, Box<str>), Attempt>,
    starts: Semaphore,
    quotas: Quotas,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
}

/// A link that is being made, or was.
#[derive(Debug, Clone)]
struct Attempt {
    since: Moment,
    /// What was wished for, as a digest: of the person's address nothing is kept.
    digest: [u8; 32],
    outcome: watch::Receiver<Option<Result<Begun, Outage>>>,
}

impl Attempt {
    /// Whether a call by the same name joins it: it is under way, or its link is still held good. A failure is nobody else's.
    fn stands(&self, at: Moment, link_life: Duration) -> bool {
        // Asked before the outcome is looked at: one that comes in between is an outcome, not an end without one.
        let ended = self.outcome.has_changed().is_err();
        match &*self.outcome.borrow() {
            None => !ended,
            Some(Ok(_)) => at.age_of(self.since).is_some_and(|age| age < link_life),
            Some(Err(_)) => false,
        }
    }
}

impl StepUps {
    /// None has begun.
    pub fn new(
        links: Arc<dyn Links>,
        live: Arc<Live>,
        terms: Config,
        attempt_max: Duration,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self(Arc::new(Inner {
            quotas: Quotas::new(terms.links.per_second, terms.links.burst),
            links,
            live,
            terms,
            attempt_max,
            register: Register::new(),
            // The newest always stays: it is the one that will be asked for again.
            attempts: Cache::builder()
                .max_capacity(NAMES_MAX)
                .eviction_policy(EvictionPolicy::lru())
                .build(),
            starts: Semaphore::new(ATTEMPTS_MAX),
            clock,
            metrics,
        }))
    }

    /// Where the browser goes afterwards: where the caller says, or else where the policy does, if that is allowed.
    pub fn redirect(
        &self,
        policy: Option<&PolicyName>,
        given: &str,
    ) -> Result<Redirect, NoRedirect> {
        let allowed = &self.0.terms.redirects;
        if !given.is_empty() {
            return Redirect::among(allowed, given);
        }
        let policies = self.0.live.current();
        let policy = policy.and_then(|policy| policies.find(policy));
        let policy = policy.ok_or(NoRedirect::NoSuchPolicy)?;
        let own = policy.redirect().ok_or(NoRedirect::NotGiven)?;
        Redirect::among(allowed, own)
    }

    /// Begins a step-up, or tells the one that this caller began by the same name. A caller who leaves does not end it.
    pub async fn begin(&self, wish: Wish, asker: Asker) -> Result<Begun, NoStepUp> {
        let at = self.0.clock.moment();
        if self.0.live.current().find(&wish.policy).is_none() {
            return Err(NoStepUp::NoSuchPolicy(wish.policy));
        }
        let mut attempt = self.attempt(wish, asker, at).await?;
        let ended = attempt.outcome.wait_for(Option::is_some).await;
        let ended = ended.ok().and_then(|outcome| outcome.clone());
        ended
            .unwrap_or(Err(Outage::Abandoned))
            .map_err(NoStepUp::NoLink)
    }

    /// What is known of a step-up.
    pub async fn find(&self, id: Uuid) -> Option<StepUp> {
        self.0.register.find(id, self.0.clock.moment()).await
    }

    /// The upstream hints that the person has verified again, under this name.
    pub async fn succeeded(&self, id: Uuid, successor: &VerificationId) {
        let state = State::Succeeded {
            successor: successor.clone(),
        };
        self.ended(id, state, StepUpEvent::Succeeded).await;
    }

    /// The upstream hints that the person has not.
    pub async fn failed(&self, id: Uuid) {
        self.ended(id, State::Failed, StepUpEvent::Failed).await;
    }

    async fn ended(&self, id: Uuid, state: State, event: StepUpEvent) {
        let at = self.0.clock.moment();
        if let Some(step_up) = self.0.register.advance(id, state, at).await {
            self.0.metrics.step_up(event);
            let (policy, outcome) = (step_up.policy, event.as_str());
            info!(step_up_id = %id, %policy, outcome, "a step-up has ended");
        }
    }

    /// The attempt that the caller began by the same name, or else a new one.
    async fn attempt(&self, wish: Wish, asker: Asker, at: Moment) -> Result<Attempt, NoStepUp> {
        let quota = self.0.quotas.of(asker).await;
        if wish.request_id.is_empty() {
            return self.start(wish, quota.as_deref(), at);
        }
        let (key, digest) = ((asker, wish.request_id.clone()), wish.digest());
        let mut attempt = None;
        let entry = self.0.attempts.entry(key);
        entry
            .and_compute_with(|before| {
                let before = before.map(Entry::into_value);
                let before = before.filter(|b| b.stands(at, self.0.terms.link_life));
                let (outcome, op) = match before {
                    Some(before) if before.digest == digest => {
                        self.0.metrics.step_up(StepUpEvent::Repeated);
                        (Ok(before), Op::Nop)
                    }
                    Some(_) => (Err(NoStepUp::AnotherCall), Op::Nop),
                    None => match self.start(wish, quota.as_deref(), at) {
                        Ok(begun) => (Ok(begun.clone()), Op::Put(begun)),
                        Err(none) => (Err(none), Op::Nop),
                    },
                };
                attempt = Some(outcome);
                ready(op)
            })
            .await;
        attempt.unwrap_or(Err(NoStepUp::NoLink(Outage::Abandoned)))
    }

    /// Asks for a link in a task of its own, if the caller may have another.
    fn start(
        &self,
        wish: Wish,
        quota: Option<&TokenBucket>,
        at: Moment,
    ) -> Result<Attempt, NoStepUp> {
        let taken = quota.map(|quota| quota.take(at.uptime, Duration::ZERO));
        if let Some(Err(retry_after)) = taken {
            self.0.metrics.step_up(StepUpEvent::Refused);
            return Err(NoStepUp::OverQuota { retry_after });
        }
        let (ending, outcome) = watch::channel(None);
        let attempt = Attempt {
            since: at,
            digest: wish.digest(),
            outcome,
        };
        let step_ups = self.clone();
        tokio::spawn(async move {
            let made = step_ups.make(&wish, at).await;
            step_ups.0.metrics.step_up(match made {
                Ok(_) => StepUpEvent::Begun,
                Err(_) => StepUpEvent::Unavailable,
            });
            // Nobody may be waiting any more; a call by the same name will find it.
            let _ = ending.send(Some(made));
        });
        Ok(attempt)
    }

    async fn make(&self, wish: &Wish, at: Moment) -> Result<Begun, Outage> {
        let Ok(_started) = self.0.starts.try_acquire() else {
            return Err(Outage::Busy);
        };
        let id = at.name();
        let made = timeout(self.0.attempt_max, self.0.links.make(id, wish)).await;
        let link = made.unwrap_or(Err(Outage::TimedOut))?;
        // Counted from before it was asked for: the link lives no shorter.
        let expires_at = after(at.now, self.0.terms.link_life);
        let step_up = StepUp {
            id,
            verification: wish.verification.clone(),
            policy: wish.policy.clone(),
            expires_at,
            state: State::Pending,
        };
        // Known before the link is out, so that no event about it comes too early.
        self.0.register.enter(step_up, at).await;
        info!(step_up_id = %id, policy = %wish.policy, "a step-up has begun");
        Ok(Begun {
            id,
            link,
            expires_at,
        })
    }
}
