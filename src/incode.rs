//! The vendor's API, Incode Workforce: a [`Source`] of evidence, and of re-verification links ([`Links`]). A lookup never fails: an outage
//! is part of what is known.
//!
//! One lookup: `token` provides a token, `client` makes the call once `admission` permits it, and the response is decoded by type
//! ([`wire`]). A refused token is replaced once; a failure that may pass is retried once, if the [`RetryBudget`] allows it. The
//! creation of a link is never retried, because the first attempt may have created one.

mod client;
mod admission;
mod circuit_breaker;
mod token;
mod config;
mod api_call;
mod retry_after;
mod clock_comparison;
mod http_date;
mod status;
mod metrics;
pub mod wire;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use serde_json::Value;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

pub use self::{
    client::ClientError,
    config::{Config, is_loopback},
};
use self::{
    client::{Client, UpstreamError},
    metrics::Metrics,
    status::Status,
    token::{Token, Tokens},
};
use crate::{
    callers::OverQuotaError,
    clock::Clock,
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

/// A retry starts after a random time below this, so that the retries of many lookups do not arrive together.
const RETRY_DELAY_MAX: Duration = Duration::from_millis(100);

/// The vendor's API.
#[derive(Debug)]
pub struct Incode {
    client: Arc<Client>,
    tokens: Arc<Tokens>,
    retries: RetryBudget,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
}

/// Why the client of the upstream cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum IncodeStartError {
    /// The HTTP client cannot be built.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A metric cannot be registered: an internal error.
    #[error(transparent)]
    Metrics(#[from] prometheus::Error),
}

/// Why an attempt has no finding.
enum AttemptError {
    /// The upstream refused this token.
    TokenRefused(Arc<Token>),
    /// The upstream could not be asked.
    Outage(Outage),
}

impl Incode {
    /// Builds the client. No call is made yet.
    pub fn new(config: Config, deps: &Deps) -> Result<Arc<Self>, IncodeStartError> {
        let metrics = Metrics::register(&deps.registry)?;
        let clock = Arc::clone(&deps.clock);
        let client = Arc::new(Client::new(config, Arc::clone(&clock), metrics.clone())?);
        let issuer = Box::new(Arc::clone(&client));
        let tokens = Tokens::new(issuer, Arc::clone(&clock), deps.spawn);
        let incode = Arc::new(Self {
            client,
            tokens,
            retries: RetryBudget::default(),
            clock,
            metrics,
        });
        // Weak: the registry outlives the client.
        let weak = Arc::downgrade(&incode);
        metrics::register_state(&deps.registry, move || {
            weak.upgrade().map(|incode| incode.status())
        })?;
        Ok(incode)
    }

    /// Reads the files with our credentials again. If they are others now, they are tried at once.
    pub async fn reload_credentials(&self) {
        if self.client.reload_credentials().await {
            self.tokens.renew();
        }
    }

    /// The state of the upstream, as this service sees it.
    fn status(&self) -> Status {
        Status {
            breaker: self.client.admission.breaker_state(),
            credentials_refused: self.client.credentials.are_refused(),
            clock_ahead_ms: self.client.clocks.ahead_ms(),
            clocks_apart: self.client.clocks.is_skewed(),
            token_age: self.tokens.age(),
        }
    }

    /// Fetches the details of a verification. Makes a second attempt with a new token if the first one's was refused, or if a retry may
    /// succeed and the budget allows it.
    async fn fetch(
        &self,
        id: &VerificationId,
        failed_before: bool,
        timings: &mut Timings,
    ) -> Result<Finding, Outage> {
        let first = self.attempt(id, failed_before, timings).await;
        let rejected = matches!(first, Err(AttemptError::Outage(outage)) if !outage.was_asked());
        if !rejected {
            self.retries.deposit();
        }
        let first = match first {
            Ok(finding) => return Ok(finding),
            Err(AttemptError::TokenRefused(token)) => {
                self.tokens.refused(&token);
                Outage::TokenRefused
            }
            Err(AttemptError::Outage(outage))
                if outage.is_transient() && self.retries.withdraw() =>
            {
                self.metrics.retry();
                sleep(up_to(RETRY_DELAY_MAX)).await;
                outage
            }
            Err(AttemptError::Outage(outage)) => return Err(outage),
        };
        // `true`: the circuit breaker does not count a failure of the same verification twice.
        match self.attempt(id, true, timings).await {
            Ok(finding) => Ok(finding),
            // The token stays in use: it may be accepted for other verifications.
            Err(AttemptError::TokenRefused(_)) => Err(self.new_token_refused()),
            // Only the first attempt was sent, so its outage is reported.
            Err(AttemptError::Outage(Outage::Rejected)) => Err(first),
            Err(AttemptError::Outage(outage)) => Err(outage),
        }
    }

    /// Obtains a token and makes one call.
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
        let details = self.client.details(id, &token, failed_before, timings);
        match details.await {
            Ok(verification) => Ok(Finding::Present(verification)),
            Err(UpstreamError::NotFound) => Ok(Finding::Absent),
            Err(UpstreamError::Unusable(flaw)) => Ok(Finding::Unusable(flaw)),
            Err(UpstreamError::Outage(outage)) => Err(AttemptError::Outage(outage)),
            Err(UpstreamError::Unauthorized) => Err(AttemptError::TokenRefused(token)),
        }
    }

    /// Creates a link. Repeated only with a new token if the first one was refused: after any other failure a link may exist.
    async fn create_link(&self, id: Uuid, request: &StepUpRequest) -> Result<Link, Outage> {
        for _ in 0..2 {
            let token = self.tokens.get().await?;
            match self.client.link(id, request, &token).await {
                Ok(link) => return Ok(link),
                Err(UpstreamError::Unauthorized) => self.tokens.refused(&token),
                Err(UpstreamError::Outage(outage)) => {
                    if outage == Outage::CredentialsRefused {
                        self.log_links_refused();
                    }
                    return Err(outage);
                }
                Err(UpstreamError::NotFound | UpstreamError::Unusable(_)) => {
                    return Err(Outage::Unexpected);
                }
            }
        }
        Err(self.new_token_refused())
    }

    fn log_links_refused(&self) {
        throttled!(
            self.client.log,
            self.client.uptime(),
            error,
            "links_refused",
            "upstream refuses to create re-verification links: check that the integration of incode.integration_id is permitted to"
        );
    }

    /// The outage of a lookup whose new token was refused too; logs it.
    fn new_token_refused(&self) -> Outage {
        throttled!(
            self.client.log,
            self.client.uptime(),
            warn,
            "token_refused",
            "upstream refuses a token that it has just issued: ask the vendor, and check that no second server answers at incode.url"
        );
        Outage::TokenRefused
    }

    fn log_timeout(&self) {
        throttled!(
            self.client.log,
            self.client.uptime(),
            warn,
            "lookup_timed_out",
            "lookup exceeded incode.timeout: the upstream is slow, or calls queue for a permit (incode.rate, incode.concurrency)"
        );
    }
}

#[async_trait]
impl Source for Incode {
    async fn look_up(
        &self,
        id: &VerificationId,
        request: LookupRequest,
    ) -> Result<Known, OverQuotaError> {
        let started_at = self.clock.now();
        let mut timings = Timings::default();
        let fetch = self.fetch(id, request.failed_before, &mut timings);
        let fetched = timeout(request.wait.max(), fetch).await;
        let fetched = fetched.unwrap_or_else(|_| {
            self.log_timeout();
            Err(Outage::TimedOut)
        });
        Ok(match fetched {
            Ok(finding) => Known {
                evidence: Arc::new(Evidence {
                    finding,
                    // The start: the response may describe any instant since.
                    seen_at: started_at,
                }),
                origin: Origin::Upstream,
                outage: None,
                timings,
                not_before: started_at,
            },
            Err(outage) => Known::nothing(outage, started_at, timings),
        })
    }
}

#[async_trait]
impl Links for Incode {
    async fn create(&self, id: Uuid, request: &StepUpRequest) -> Result<Link, Outage> {
        self.create_link(id, request).await
    }
}

impl Component for Incode {
    fn state(&self) -> Value {
        self.status().to_json()
    }
}
