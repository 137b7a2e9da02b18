//! The upstream, Incode Workforce: asks for the details of a verification, authorises again once when its token is
//! refused, tries a second time when that may help, and never fails: an outage is a finding. Asks for links, too, but each
//! once.

mod client;
mod admission;
mod circuit_breaker;
mod token;
mod clock_comparison;
mod metrics;
pub mod wire;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};
use tracing::{error, warn};
use uuid::Uuid;

pub use self::client::NoClient;
use self::{
    circuit_breaker::BreakerState,
    client::{Door, NoAnswer},
    metrics::Metrics,
    token::{Token, Tokens},
};
use crate::{
    callers::OverQuota,
    clock::Clock,
    config::IncodeConfig,
    deps::Deps,
    jitter::up_to,
    log_throttle::throttled,
    policy::{Evidence, Finding, VerificationId},
    provenance::{Origin, Outage, Timings},
    readiness::Component,
    retry_budget::RetryBudget,
    source::{Known, LookupRequest, Source},
    step_up::{Link, Links, StepUpRequest},
};

/// A second try waits for anything up to this, so that those of many callers do not come together.
const SECOND_TRY_AFTER: Duration = Duration::from_millis(100);

/// The upstream as a source of evidence.
#[derive(Debug)]
pub struct Incode {
    door: Arc<Door>,
    tokens: Arc<Tokens>,
    /// How many look-ups may be tried again.
    second_tries: RetryBudget,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
}

/// The state of the upstream as we see it.
#[derive(Debug, Clone, Copy)]
pub struct Status {
    /// The state of the circuit breaker.
    pub breaker: BreakerState,
    /// Whether the upstream refused our credentials, and has not accepted them since.
    pub credentials_refused: bool,
    /// How far its clock is ahead of ours, if that is known.
    pub clock_ahead_ms: Option<i64>,
    /// Whether the two clocks differ too much to judge ages by.
    pub clocks_apart: bool,
    /// The age of the token in use.
    pub token_age: Option<Duration>,
}

impl Component for Incode {
    fn state(&self) -> Value {
        let status = self.status();
        json!({
            "breaker": status.breaker.as_str(),
            "credentials_refused": status.credentials_refused,
            "clock_ahead_ms": status.clock_ahead_ms,
            "clocks_apart": status.clocks_apart,
            "token_age_seconds": status.token_age.map(|age| age.as_secs()),
        })
    }
}

/// Why the client of the upstream cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The HTTP client cannot be built.
    #[error(transparent)]
    Client(#[from] NoClient),
    /// A metric cannot be registered: an internal error.
    #[error(transparent)]
    Metrics(#[from] prometheus::Error),
}

impl Incode {
    /// Builds the client. No call is made yet.
    pub fn new(account: IncodeConfig, deps: &Deps) -> Result<Arc<Self>, StartError> {
        let metrics = Metrics::register(&deps.registry)?;
        let clock = Arc::clone(&deps.clock);
        let door = Arc::new(Door::new(account, Arc::clone(&clock), metrics.clone())?);
        let tokens = Tokens::new(Box::new(Arc::clone(&door)), Arc::clone(&clock));
        let incode = Arc::new(Self {
            door,
            tokens,
            second_tries: RetryBudget::default(),
            clock,
            metrics,
        });
        metrics::register_state(&deps.registry, &Arc::downgrade(&incode))?;
        Ok(incode)
    }

    /// The state of the upstream as we see it.
    pub fn status(&self) -> Status {
        Status {
            breaker: self.door.guard.breaker(),
            credentials_refused: self.door.credentials_refused(),
            clock_ahead_ms: self.door.clocks.ahead_ms(),
            clocks_apart: self.door.clocks.are_apart(),
            token_age: self.tokens.age(),
        }
    }

    /// A link, at the second token if the first is refused. Nothing else is tried again: the link may have been made.
    async fn make_link(&self, id: Uuid, request: &StepUpRequest) -> Result<Link, Outage> {
        for _ in 0..2 {
            let token = self.tokens.get().await?;
            match self.door.link(id, request, &token).await {
                Ok(link) => return Ok(link),
                Err(NoAnswer::Unauthorized) => self.tokens.refused(&token),
                Err(NoAnswer::Out(Outage::CredentialsRefused)) => {
                    self.links_refused();
                    return Err(Outage::CredentialsRefused);
                }
                Err(NoAnswer::Out(outage)) => return Err(outage),
                Err(NoAnswer::NotFound | NoAnswer::Unusable(_)) => return Err(Outage::Unexpected),
            }
        }
        Err(self.token_refused())
    }

    /// Says that the upstream makes no links for us, loudly but not with each call.
    fn links_refused(&self) {
        if let Some(left_out) = self.door.tell("links_refused") {
            error!(
                left_out,
                "the upstream refuses to make links: check that the integration of incode.integration_id may"
            );
        }
    }

    /// Asks for the details of a verification: again with a new token if the first is refused, and again if a retry may succeed and
    /// the budget allows it.
    async fn ask(
        &self,
        id: &VerificationId,
        failed_before: bool,
        timings: &mut Timings,
    ) -> Result<Finding, Outage> {
        let first = self.attempt(id, failed_before, timings).await;
        let rejected = matches!(first, Err(AttemptError::Outage(outage)) if !outage.was_asked());
        if !rejected {
            self.second_tries.deposit();
        }
        let first = match first {
            Err(AttemptError::TokenRefused(token)) => {
                self.tokens.refused(&token);
                Outage::TokenRefused
            }
            Err(AttemptError::Outage(outage))
                if outage.is_transient() && self.second_tries.withdraw() =>
            {
                self.metrics.retry();
                sleep(up_to(SECOND_TRY_AFTER)).await;
                outage
            }
            Err(AttemptError::Outage(outage)) => return Err(outage),
            Ok(finding) => return Ok(finding),
        };
        match self.attempt(id, true, timings).await {
            // The token may be accepted for other verifications: it stays.
            Err(AttemptError::TokenRefused(_)) => Err(self.token_refused()),
            // The upstream was asked the first time, and not this time.
            Err(AttemptError::Outage(Outage::Rejected)) => Err(first),
            Err(AttemptError::Outage(outage)) => Err(outage),
            Ok(finding) => Ok(finding),
        }
    }

    /// The outage that a token is which was refused as soon as it was issued, and tells of it.
    fn token_refused(&self) -> Outage {
        if let Some(left_out) = self.door.tell("token_refused") {
            warn!(
                left_out,
                "the upstream refuses a token that it has just issued: ask the vendor, and check that no other machine of theirs answers at incode.url"
            );
        }
        Outage::TokenRefused
    }

    async fn attempt(
        &self,
        id: &VerificationId,
        failed_before: bool,
        timings: &mut Timings,
    ) -> Result<Finding, AttemptError> {
        let started = self.clock.read();
        let token = self.tokens.get().await;
        timings.token = timings.token.saturating_add(started.elapsed());
        let token = token.map_err(AttemptError::Outage)?;
        match self.door.details(id, &token, failed_before, timings).await {
            Ok(verification) => Ok(Finding::Present(verification)),
            Err(NoAnswer::NotFound) => Ok(Finding::Absent),
            Err(NoAnswer::Unusable(flaw)) => Ok(Finding::Unusable(flaw)),
            Err(NoAnswer::Out(outage)) => Err(AttemptError::Outage(outage)),
            Err(NoAnswer::Unauthorized) => Err(AttemptError::TokenRefused(token)),
        }
    }
}

#[async_trait]
impl Links for Incode {
    async fn create(&self, id: Uuid, request: &StepUpRequest) -> Result<Link, Outage> {
        self.make_link(id, request).await
    }
}

/// Why an attempt brought no finding.
enum AttemptError {
    /// This token was refused.
    TokenRefused(Arc<Token>),
    /// The upstream could not be asked.
    Outage(Outage),
}

#[async_trait]
impl Source for Incode {
    async fn look_up(
        &self,
        id: &VerificationId,
        request: LookupRequest,
    ) -> Result<Known, OverQuota> {
        let asked_at = self.clock.now();
        let mut timings = Timings::default();
        let asking = self.ask(id, request.failed_before, &mut timings);
        let asked = timeout(request.wait.max(), asking).await;
        let asked = asked.unwrap_or_else(|_| {
            throttled!(
                self.door.log,
                self.clock.moment().uptime,
                warn,
                "lookup_timed_out",
                "lookup exceeded incode.timeout: the upstream is slow, or calls queue for a permit (incode.rate, incode.concurrency)"
            );
            Err(Outage::TimedOut)
        });
        Ok(match asked {
            Ok(finding) => Known {
                evidence: Arc::new(Evidence {
                    finding,
                    seen_at: asked_at,
                }),
                origin: Origin::Upstream,
                outage: None,
                timings,
                not_before: asked_at,
            },
            Err(outage) => Known::nothing(outage, asked_at, timings),
        })
    }
}
