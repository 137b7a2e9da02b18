//! The vendor's API, Incode Workforce: a [`Source`] of evidence, and of re-verification links ([`Links`]). A lookup never fails: an outage
//! is part of what is known.
//!
//! One lookup: `token` provides a token, `client` makes the call once `admission` permits it, and the response is decoded by type
//! ([`wire`]). A refused token is replaced once; a failure that may pass is retried once, if the [`RetryBudget`] allows it. The
//! creation of a link is never retried, because the first attempt may have created one.

mod client;
mod connections;
mod admission;
mod circuit_breaker;
mod token;
mod config;
mod api_call;
mod retry_after;
mod age;
mod clock_comparison;
mod http_date;
mod status;
mod metrics;
pub mod wire;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use serde_json::Value;
use tokio::time::timeout;
use uuid::Uuid;

use self::{
    api_call::{CallContext, Order},
    client::{Client, UpstreamError},
    clock_comparison::ClockComparison,
    metrics::Metrics,
    status::Status,
    token::{Token, Tokens},
};
pub use self::{
    client::ClientError,
    config::{Config, PINGS},
};
use crate::{
    callers::{CallerId, OverQuotaError},
    clock::{Clock, pause},
    deps::Deps,
    jitter::up_to,
    log_throttle::throttled,
    policy::{DataKinds, Evidence, Finding, VerificationId, before},
    provenance::{Origin, Outage, Timings},
    readiness::Component,
    retry_budget::RetryBudget,
    source::{Known, LookupRequest, Source},
    step_up::{Link, Links, StepUpRequest},
    tls::TlsFiles,
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

/// The verification that is looked up, and what of it is kept.
#[derive(Debug, Clone, Copy)]
struct Wanted<'a> {
    id: &'a VerificationId,
    keeps: DataKinds,
}

/// What the upstream said.
struct Statement {
    finding: Finding,
    /// How long ago: an HTTP cache may have sent it.
    age: Duration,
}

/// Why an attempt has no finding.
enum AttemptError {
    /// The upstream refused this token.
    TokenRefused {
        token: Arc<Token>,
        /// Whether the vendor did, and not somebody in its place.
        by_vendor: bool,
    },
    /// The upstream could not be asked.
    Outage(Outage),
}

impl Incode {
    /// Builds the client. No call is made yet. The files of TLS are added to those that are read again when they change.
    pub fn new(
        config: Config,
        tls_files: &mut TlsFiles,
        deps: &Deps,
    ) -> Result<Arc<Self>, IncodeStartError> {
        let metrics = Metrics::register(&deps.registry)?;
        let clock = Arc::clone(&deps.clock);
        let clocks = ClockComparison::new(Arc::clone(&deps.anchored));
        let client = Arc::new(Client::new(
            config,
            tls_files,
            deps,
            clocks,
            metrics.clone(),
        )?);
        let issuer = Box::new(Arc::clone(&client));
        let tokens = Tokens::new(issuer, Arc::clone(&clock), deps.spawn.clone());
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
            in_flight: self.client.admission.in_flight(),
            credentials_refused: self.client.credentials.are_refused(),
            clock_ahead_ms: self.client.clocks.ahead_ms(),
            clocks_apart: self.client.clocks.are_apart(),
            clock_behind: self.client.clocks.wall_is_behind_by(),
            token_age: self.tokens.age(),
        }
    }

    /// Fetches the details of a verification. Makes a second attempt with a new token if the first one's was refused, or if a retry may
    /// succeed and the budget allows it.
    async fn fetch(
        &self,
        wanted: Wanted<'_>,
        context: CallContext,
        timings: &mut Timings,
    ) -> Result<Statement, Outage> {
        let first = self.attempt(wanted, context.clone(), timings).await;
        let rejected = matches!(first, Err(AttemptError::Outage(outage)) if !outage.was_asked());
        if !rejected {
            self.retries.deposit();
        }
        let first = match first {
            Ok(statement) => return Ok(statement),
            Err(AttemptError::TokenRefused { token, .. }) => {
                self.tokens.refused(&token);
                Outage::TokenRefused
            }
            Err(AttemptError::Outage(outage))
                if outage.is_transient() && self.retries.withdraw() =>
            {
                self.metrics.retry();
                pause(up_to(RETRY_DELAY_MAX)).await;
                outage
            }
            Err(AttemptError::Outage(outage)) => return Err(outage),
        };
        // The circuit breaker does not count a failure of the same verification twice.
        let again = CallContext {
            failed_before: true,
            ..context
        };
        match self.attempt(wanted, again, timings).await {
            Ok(statement) => Ok(statement),
            // The token stays in use: it may be accepted for other verifications.
            Err(AttemptError::TokenRefused { by_vendor, .. }) => {
                Err(self.new_token_refused(by_vendor))
            }
            // Only the first attempt was sent, so its outage is reported.
            Err(AttemptError::Outage(Outage::Rejected | Outage::OverRate)) => Err(first),
            Err(AttemptError::Outage(outage)) => Err(outage),
        }
    }

    /// Obtains a token and makes one call.
    async fn attempt(
        &self,
        wanted: Wanted<'_>,
        context: CallContext,
        timings: &mut Timings,
    ) -> Result<Statement, AttemptError> {
        let started = self.clock.read();
        let token = self.tokens.get().await;
        timings.token = timings.token.saturating_add(started.elapsed());
        let token = token.map_err(AttemptError::Outage)?;
        let details = self.client.details(wanted, &token, context, timings);
        let (finding, age) = match details.await {
            Ok((verification, age)) => (Finding::Present(verification), age),
            Err(UpstreamError::NotFound(age)) => (Finding::Absent, age),
            Err(UpstreamError::Unusable(flaw, age)) => (Finding::Unusable(flaw), age),
            Err(UpstreamError::Outage(outage)) => return Err(AttemptError::Outage(outage)),
            Err(UpstreamError::Unauthorized { by_vendor }) => {
                return Err(AttemptError::TokenRefused { token, by_vendor });
            }
        };
        Ok(Statement { finding, age })
    }

    /// Creates a link. Repeated only with a new token if the first one was refused: after any other failure a link may exist.
    async fn create_link(
        &self,
        id: Uuid,
        request: &StepUpRequest,
        caller: CallerId,
    ) -> Result<Link, Outage> {
        let mut refused_by_vendor = true;
        for _ in 0..2 {
            let token = self.tokens.get().await?;
            match self.client.link(id, request, &token, caller.clone()).await {
                Ok(link) => return Ok(link),
                Err(UpstreamError::Unauthorized { by_vendor }) => {
                    refused_by_vendor = by_vendor;
                    self.tokens.refused(&token);
                }
                Err(UpstreamError::Outage(outage)) => {
                    if outage == Outage::CredentialsRefused {
                        self.log_links_refused();
                    }
                    return Err(outage);
                }
                Err(UpstreamError::NotFound(_) | UpstreamError::Unusable(..)) => {
                    return Err(Outage::Unexpected);
                }
            }
        }
        Err(self.new_token_refused(refused_by_vendor))
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

    /// The outage of a lookup whose new token was refused too; logs it. A refusal by somebody in the vendor's place was logged as such.
    fn new_token_refused(&self, by_vendor: bool) -> Outage {
        if !by_vendor {
            return Outage::Foreign;
        }
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
        let context = CallContext {
            failed_before: request.failed_before,
            order: Order::InTurn(request.priority, request.caller),
        };
        let wanted = Wanted {
            id,
            keeps: request.reads,
        };
        let fetch = self.fetch(wanted, context, &mut timings);
        let fetched = timeout(request.wait.max(), fetch).await;
        let fetched = fetched.unwrap_or_else(|_| {
            self.log_timeout();
            Err(Outage::TimedOut)
        });
        Ok(match fetched {
            Ok(Statement { finding, age }) => Known {
                evidence: Arc::new(Evidence {
                    finding,
                    // The start: the response may describe any instant since. One that a cache has kept describes an earlier one.
                    seen_at: before(started_at, age),
                }),
                origin: Origin::Upstream,
                outage: None,
                timings,
                not_before: started_at,
                succession: crate::source::Succession::None,
            },
            Err(outage) => Known::nothing(outage, started_at, timings),
        })
    }
}

#[async_trait]
impl Links for Incode {
    async fn create(
        &self,
        id: Uuid,
        request: &StepUpRequest,
        caller: CallerId,
    ) -> Result<Link, Outage> {
        self.create_link(id, request, caller).await
    }
}

impl Component for Incode {
    fn state(&self) -> Value {
        self.status().to_json()
    }
}
