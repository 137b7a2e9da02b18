//! HTTP client of the vendor's API: one connection pool, [`Admission`] control per call class, and the mapping of responses to
//! outcomes ([`UpstreamError`]).
//!
//! Why two call classes with an admission each: creating a link is a call of another kind, with limits and faults of its own. If links
//! fail, the circuit breaker must not keep evidence from being fetched, nor the reverse.

mod credentials;
mod requests;
mod response;

use std::{sync::Arc, time::Duration};

use http::{HeaderMap, HeaderValue, StatusCode, header::USER_AGENT};
use reqwest::RequestBuilder;
use tracing::Instrument as _;
use url::Url;

use self::credentials::Credentials;
pub(super) use self::response::UpstreamError;
use super::{
    admission::Admission, api_call::ApiCall, circuit_breaker::CallResult,
    clock_comparison::ClockComparison, config::Config, metrics::Metrics, retry_after::retry_after,
};
use crate::{
    clock::Clock,
    log_throttle::{LogThrottle, throttled},
    policy::Flaw,
    provenance::{Outage, Timings},
    secrets::SecretInUse,
    span, tls,
};

/// The HTTP client of the vendor's API.
#[derive(Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    config: Config,
    api_key: SecretInUse,
    secret: SecretInUse,
    /// For tokens and the details of verifications.
    pub(super) admission: Admission,
    /// For links.
    link_admission: Admission,
    pub(super) clocks: ClockComparison,
    pub(super) credentials: Credentials,
    /// For faults that can happen on every call.
    pub(super) log: LogThrottle,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
}

/// The HTTP client of the upstream cannot be built.
#[derive(Debug, thiserror::Error)]
#[error("cannot build the HTTP client of the upstream")]
pub struct ClientError(#[source] reqwest::Error);

impl Client {
    pub(super) fn new(
        config: Config,
        clock: Arc<dyn Clock>,
        metrics: Metrics,
    ) -> Result<Self, ClientError> {
        let mut headers: HeaderMap = config.headers.iter().cloned().collect();
        let user_agent = concat!("verigate/", env!("CARGO_PKG_VERSION"));
        headers.insert(USER_AGENT, HeaderValue::from_static(user_agent));
        let http = tls::client(tls::ClientOptions {
            timeout: config.timeout,
            connect_timeout: Some(config.connect_timeout),
            // Whether plain HTTP is permitted was checked with the configuration.
            https_only: config.url.scheme() == "https",
            headers,
        })
        .map_err(ClientError)?;
        Ok(Self {
            http,
            admission: Admission::new(&config, Arc::clone(&clock), metrics.clone()),
            link_admission: Admission::new(&config, Arc::clone(&clock), metrics.clone()),
            clocks: ClockComparison::new(),
            credentials: Credentials::default(),
            log: LogThrottle::default(),
            api_key: SecretInUse::new(&config.api_key),
            secret: SecretInUse::new(&config.secret),
            config,
            clock,
            metrics,
        })
    }

    /// Makes one call: waits for a permit, sends the request, and decodes the body of a success with `decode`.
    async fn call<T>(
        &self,
        call: ApiCall,
        request: RequestBuilder,
        failed_before: bool,
        timings: &mut Timings,
        decode: impl FnOnce(&[u8]) -> Result<T, Flaw>,
    ) -> Result<T, UpstreamError> {
        let queued = self.clock.read();
        let permit = self.admission_of(call).acquire(failed_before).await;
        timings.queue = timings.queue.saturating_add(queued.elapsed());
        let permit = permit.map_err(|_| UpstreamError::Outage(Outage::Rejected))?;
        let started = self.clock.read();
        let observer = self.metrics.call(call, started);
        let span = span::upstream_call(call.as_str());
        let sent = self.send(call, request).instrument(span.clone()).await;
        let decoded = sent.and_then(|body| decode(&body).map_err(UpstreamError::Unusable));
        timings.fetch = timings.fetch.saturating_add(started.elapsed());
        let error = decoded.as_ref().err();
        permit.finish(error.map_or(CallResult::Success, |error| error.call_result(call)));
        let outcome = error.map_or("ok", UpstreamError::as_str);
        observer.ended(outcome);
        span::ended(&span, outcome);
        if let Some(UpstreamError::Unusable(flaw)) = error {
            self.log_unusable(call, *flaw);
        }
        decoded
    }

    /// Sends a request; the body of a success.
    async fn send(&self, call: ApiCall, request: RequestBuilder) -> Result<Vec<u8>, UpstreamError> {
        let response = request.send().await;
        let response = response.map_err(|error| self.no_response(call, error))?;
        let at = self.clock.moment();
        self.clocks.compare(response.headers(), at);
        let status = response.status();
        let pause = retry_after(response.headers(), at.now);
        if response::requests_pause(status, pause) {
            self.admission_of(call).pause(pause);
        }
        match response::classify(call, status) {
            Ok(()) => {
                let body = response::read_body(response).await;
                let body = body.map_err(|error| self.no_response(call, error))?;
                body.map_err(UpstreamError::Unusable)
            }
            Err(error) => {
                if let UpstreamError::Outage(outage) = error {
                    self.log_error_status(call, status, outage);
                }
                Err(error)
            }
        }
    }

    fn admission_of(&self, call: ApiCall) -> &Admission {
        match call {
            ApiCall::Authorize | ApiCall::Details => &self.admission,
            ApiCall::Link => &self.link_admission,
        }
    }

    /// The address of a call: the config's address with these path segments.
    fn url(&self, segments: &[&str]) -> Url {
        let mut url = self.config.url.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    /// The error for a call without a complete response. The log has its causes but not the address, which ends in an identifier.
    fn no_response(&self, call: ApiCall, error: reqwest::Error) -> UpstreamError {
        let outage = response::outage_of(&error);
        throttled!(
            self.log,
            self.uptime(),
            warn,
            "upstream_call_failed" / outage.as_str(),
            call = call.as_str(),
            outcome = outage.as_str(),
            error = format!("{:#}", anyhow::Error::new(error.without_url())),
            "upstream call failed without a response: check incode.url and the network path from this host"
        );
        UpstreamError::Outage(outage)
    }

    fn log_error_status(&self, call: ApiCall, status: StatusCode, outage: Outage) {
        throttled!(
            self.log,
            self.uptime(),
            warn,
            "upstream_error_status" / outage.as_str(),
            call = call.as_str(),
            status = status.as_u16(),
            outcome = outage.as_str(),
            hint = response::hint(outage),
            "upstream responded with an error status"
        );
    }

    fn log_unusable(&self, call: ApiCall, flaw: Flaw) {
        throttled!(
            self.log,
            self.uptime(),
            warn,
            "upstream_response_unusable",
            call = call.as_str(),
            flaw = flaw.as_str(),
            "unusable response: it is never evidence for an ALLOW: look for a proxy that answers in the vendor's place, otherwise report it to the vendor"
        );
    }

    /// The time by which log lines are throttled.
    pub(super) fn uptime(&self) -> Duration {
        self.clock.moment().uptime
    }
}
