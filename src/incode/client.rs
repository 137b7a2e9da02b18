//! The way to the upstream: one HTTP client, the guard that every call passes, and what each answer means.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use http::{HeaderMap, HeaderValue, StatusCode, header::CONTENT_TYPE};
use reqwest::{Client, RequestBuilder, Response, redirect};
use secrecy::{ExposeSecret as _, SecretString};
use tracing::{Instrument as _, error, info, warn};
use url::Url;
use uuid::Uuid;

use super::{
    admission::Guard,
    circuit_breaker::Outcome,
    clock_comparison::{ClockGuard, retry_after},
    metrics::{ApiCall as UpstreamCall, Metrics},
    token::{Issuer, Token},
    wire,
};
use crate::{
    clock::Clock,
    config::IncodeConfig,
    log_throttle::LogThrottle,
    policy::{Flaw, Verification, VerificationId},
    provenance::{Outage, Timings},
    span,
    step_up::{Link, StepUpRequest},
};

/// No honest answer is larger.
const BODY_BYTES_MAX: usize = 64 * 1024;
const REFUSED: &str = "the upstream refuses our credentials, so that nothing new can be asked: check incode.api_key, incode.integration_id and incode.secret, and whether the vendor has withdrawn them";
/// How long an idle connection is kept for the next call.
const IDLE_MAX: Duration = Duration::from_secs(90);

/// The way to the upstream.
#[derive(Debug)]
pub(super) struct Door {
    http: Client,
    account: IncodeConfig,
    pub(super) guard: Guard,
    /// Of its own, so that what befalls links does not keep verifications from being asked for.
    links: Guard,
    pub(super) clocks: ClockGuard,
    /// Whether our credentials were refused, and have not been accepted since.
    credentials_refused: AtomicBool,
    /// What goes wrong, by what it is.
    pub(super) log: LogThrottle,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
}

/// Why the HTTP client could not be built.
#[derive(Debug, thiserror::Error)]
#[error("the client for the upstream cannot be built")]
pub struct NoClient(#[source] reqwest::Error);

/// Why a call brought nothing.
#[derive(Debug)]
pub(super) enum NoAnswer {
    NotFound,
    Unauthorized,
    Unusable(Flaw),
    Out(Outage),
}

impl NoAnswer {
    /// The outcome as metrics and logs name it.
    fn as_str(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Unauthorized => "unauthorized",
            Self::Unusable(_) => "unusable",
            Self::Out(outage) => outage.as_str(),
        }
    }

    /// What it says of the upstream's health. One that makes no sense is well enough to be asked: it is judged per answer. One
    /// that refuses what it is asked for may do so for whom it is asked for.
    fn outcome(&self, call: UpstreamCall) -> Outcome {
        match (self, call) {
            (Self::NotFound | Self::Unauthorized | Self::Unusable(_), _)
            | (
                Self::Out(Outage::Unexpected | Outage::CredentialsRefused),
                UpstreamCall::Details | UpstreamCall::Link,
            ) => Outcome::Answered,
            (Self::Out(Outage::RateLimited), _) => Outcome::Neither,
            (Self::Out(_), _) => Outcome::Failed,
        }
    }
}

impl Door {
    pub(super) fn new(
        account: IncodeConfig,
        clock: Arc<dyn Clock>,
        metrics: Metrics,
    ) -> Result<Self, NoClient> {
        // Once a process; an error says that it has been done.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let headers: HeaderMap = account.headers.iter().cloned().collect();
        // A redirect or a proxy from the environment would lead our secrets elsewhere. Whether plain HTTP will do has been
        // judged with the configuration. Connecting includes TLS.
        let http = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .https_only(account.url.scheme() == "https")
            .connect_timeout(account.connect_timeout)
            .timeout(account.timeout)
            .pool_idle_timeout(IDLE_MAX)
            .tcp_nodelay(true)
            .default_headers(headers)
            .user_agent(concat!("verigate/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(NoClient)?;
        Ok(Self {
            http,
            guard: Guard::new(&account, Arc::clone(&clock), metrics.clone()),
            links: Guard::new(&account, Arc::clone(&clock), metrics.clone()),
            clocks: ClockGuard::new(),
            credentials_refused: AtomicBool::new(false),
            log: LogThrottle::default(),
            account,
            clock,
            metrics,
        })
    }

    /// Asks for the details of a verification.
    pub(super) async fn details(
        &self,
        id: &VerificationId,
        token: &Token,
        failed_before: bool,
        timings: &mut Timings,
    ) -> Result<Verification, NoAnswer> {
        let url = self.url(&["v1", "verification", "details", id.as_str()]);
        let request = self.http.get(url).header("x-auth-token", sensitive(token)?);
        self.call(
            UpstreamCall::Details,
            request,
            failed_before,
            timings,
            |body| wire::details(body, id),
        )
        .await
    }

    /// Asks for a link by which a person verifies again.
    pub(super) async fn link(
        &self,
        id: Uuid,
        wanted: &StepUpRequest,
        token: &Token,
    ) -> Result<Link, NoAnswer> {
        let url = self.url(&["v1", "verification", "generate-verification-link"]);
        let request = self
            .http
            .post(url)
            .header("x-auth-token", sensitive(token)?)
            .json(&wire::LinkWanted {
                integration_id: self.account.integration_id.as_str().into(),
                login_hint: wanted.login_hint.reveal().into(),
                redirect_url: wanted.redirect.as_str().into(),
                correlation_id: id.to_string().into(),
            });
        let upstream = &self.account.url;
        let timings = &mut Timings::default();
        self.call(UpstreamCall::Link, request, false, timings, |body| {
            wire::link(body, upstream)
        })
        .await
    }

    /// Makes one call, in its turn, and reads its answer.
    async fn call<T>(
        &self,
        call: UpstreamCall,
        request: RequestBuilder,
        failed_before: bool,
        timings: &mut Timings,
        read: impl FnOnce(&[u8]) -> Result<T, Flaw>,
    ) -> Result<T, NoAnswer> {
        let queued = self.clock.read();
        let pass = self.guard_of(call).enter(failed_before).await;
        timings.queue = timings.queue.saturating_add(queued.elapsed());
        let pass = pass.map_err(|_| NoAnswer::Out(Outage::Rejected))?;
        let started = self.clock.read();
        let timer = self.metrics.call(call, started);
        let span = span::upstream_call(call.as_str());
        let sending = self.send(call, request).instrument(span.clone());
        let answer = match sending.await {
            Ok(body) => read(&body).map_err(NoAnswer::Unusable),
            Err(none) => Err(none),
        };
        timings.fetch = timings.fetch.saturating_add(started.elapsed());
        let none = answer.as_ref().err();
        pass.ended(none.map_or(Outcome::Answered, |none| none.outcome(call)));
        let outcome = none.map_or("ok", NoAnswer::as_str);
        timer.ended(outcome);
        span::ended(&span, outcome);
        if let Some(NoAnswer::Unusable(flaw)) = none
            && let Some(left_out) = self.tell("unusable")
        {
            let call = call.as_str();
            warn!(
                call,
                ?flaw,
                left_out,
                "the upstream's answer makes no sense, and nothing is decided by it but DENY: look for a proxy in between that answers in its place, and show it to the vendor"
            );
        }
        answer
    }

    /// Sends a request, and takes the body of a success.
    async fn send(&self, call: UpstreamCall, request: RequestBuilder) -> Result<Vec<u8>, NoAnswer> {
        let response = request.send().await;
        let response = response.map_err(|error| self.broken(call, error))?;
        let at = self.clock.moment();
        self.clocks.compare(response.headers(), at);
        let asked_for = retry_after(response.headers(), at.now);
        let status = match (call, response.status()) {
            // A link that was made may be told as created.
            (UpstreamCall::Link, StatusCode::CREATED) => StatusCode::OK,
            (_, status) => status,
        };
        match status {
            StatusCode::OK => {
                let body = take(response).await;
                let body = body.map_err(|error| self.broken(call, error))?;
                return body.map_err(NoAnswer::Unusable);
            }
            StatusCode::NOT_FOUND => return Err(NoAnswer::NotFound),
            StatusCode::UNAUTHORIZED => return Err(NoAnswer::Unauthorized),
            StatusCode::TOO_MANY_REQUESTS => self.guard_of(call).pause(asked_for),
            StatusCode::SERVICE_UNAVAILABLE if asked_for.is_some() => {
                self.guard_of(call).pause(asked_for);
            }
            _ => {}
        }
        let outage = match status {
            StatusCode::FORBIDDEN => Outage::CredentialsRefused,
            StatusCode::TOO_MANY_REQUESTS => Outage::RateLimited,
            status if status.is_server_error() => Outage::Failed,
            _ => Outage::Unexpected,
        };
        if let Some(left_out) = self.tell(outage.as_str()) {
            let (call, status, advice) = (call.as_str(), status.as_u16(), advice(outage));
            warn!(
                call,
                status, left_out, "the upstream answers with an error: {advice}"
            );
        }
        Err(NoAnswer::Out(outage))
    }

    /// A call that no answer came to. The log names every cause, but not the address, which ends in an identifier.
    fn broken(&self, call: UpstreamCall, error: reqwest::Error) -> NoAnswer {
        let outage = if error.is_timeout() && !error.is_connect() {
            Outage::TimedOut
        } else {
            Outage::Unreachable
        };
        if let Some(left_out) = self.tell(outage.as_str()) {
            let error = anyhow::Error::new(error.without_url());
            let (call, cause) = (call.as_str(), format!("{error:#}"));
            warn!(
                call,
                cause,
                left_out,
                "the upstream could not be asked: check incode.url, and the way there from this machine"
            );
        }
        NoAnswer::Out(outage)
    }

    fn guard_of(&self, call: UpstreamCall) -> &Guard {
        match call {
            UpstreamCall::Authorize | UpstreamCall::Details => &self.guard,
            UpstreamCall::Link => &self.links,
        }
    }

    /// Whether to tell that this goes wrong, and how many like it were left out.
    pub(super) fn tell(&self, what: &'static str) -> Option<u64> {
        self.log.allow(what, self.clock.moment().uptime)
    }

    /// The account's address with these segments appended.
    fn url(&self, segments: &[&str]) -> Url {
        let mut url = self.account.url.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    /// Whether our credentials were refused, and have not been accepted since.
    pub(super) fn credentials_refused(&self) -> bool {
        self.credentials_refused.load(Ordering::Relaxed)
    }

    /// Notes whether our credentials are accepted.
    fn credentials(&self, refused: bool) {
        let before = self.credentials_refused.swap(refused, Ordering::Relaxed);
        match (before, refused) {
            (_, true) => {
                if let Some(left_out) = self.tell("refused") {
                    error!(left_out, "{REFUSED}");
                }
            }
            (true, false) => info!("the upstream accepts our credentials again"),
            (false, false) => {}
        }
    }
}

#[async_trait]
impl Issuer for Arc<Door> {
    async fn issue(&self) -> Result<SecretString, Outage> {
        let mut api_key = HeaderValue::from_str(self.account.api_key.expose_secret())
            .map_err(|_| Outage::CredentialsRefused)?;
        api_key.set_sensitive(true);
        let request = self
            .http
            .post(self.url(&["v1", "integration", "authorize", "server"]))
            .header("x-api-key", api_key)
            .json(&wire::Authorize {
                integration_id: self.account.integration_id.as_str().into(),
                secret: self.account.secret.expose_secret().into(),
            });
        let token = |body: &[u8]| wire::token(body).ok_or(Flaw::Unreadable);
        let timings = &mut Timings::default();
        let answer = self.call(UpstreamCall::Authorize, request, false, timings, token);
        match answer.await {
            Ok(token) => {
                self.credentials(false);
                Ok(token)
            }
            Err(NoAnswer::Unauthorized | NoAnswer::Out(Outage::CredentialsRefused)) => {
                self.credentials(true);
                Err(Outage::CredentialsRefused)
            }
            Err(NoAnswer::NotFound) => {
                if let Some(left_out) = self.tell("nothing_there") {
                    error!(
                        left_out,
                        "there is nothing to authorise with at incode.url: give the address of the vendor's API for the tenant, without `/v1`"
                    );
                }
                Err(Outage::Unexpected)
            }
            Err(NoAnswer::Unusable(_)) => Err(Outage::Unexpected),
            Err(NoAnswer::Out(outage)) => Err(outage),
        }
    }
}

/// The token as a header that is not shown. One that cannot be a header is as good as refused.
fn sensitive(token: &Token) -> Result<HeaderValue, NoAnswer> {
    let secret = token.secret.expose_secret();
    let mut value = HeaderValue::from_str(secret).map_err(|_| NoAnswer::Unauthorized)?;
    value.set_sensitive(true);
    Ok(value)
}

/// Takes what came, as far as any honest answer goes.
async fn take(mut response: Response) -> reqwest::Result<Result<Vec<u8>, Flaw>> {
    if !is_json(response.headers()) {
        return Ok(Err(Flaw::Unreadable));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len().saturating_add(chunk.len()) > BODY_BYTES_MAX {
            return Ok(Err(Flaw::TooLarge));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Ok(body))
}

/// Whether the content type is `application/json`, with or without parameters.
fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok());
    content_type
        .and_then(|value| value.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

/// Where to look when the upstream answers with such an error.
fn advice(outage: Outage) -> &'static str {
    match outage {
        Outage::CredentialsRefused => "ask the vendor whether the integration may still do this",
        Outage::RateLimited => "more is asked than it lets the tenant do",
        Outage::Failed => "it is theirs to mend; checks rest on what is remembered meanwhile",
        _ => "check incode.url, and incode.headers for what the tenant wants (406: api-version)",
    }
}
