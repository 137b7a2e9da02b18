//! HTTP client of the vendor's API: [`Connections`], [`Admission`] control per call class, and the mapping of responses to outcomes
//! ([`UpstreamError`]).
//!
//! Why two call classes with an admission each: creating a link is a call of another kind, with limits and faults of its own. If links
//! fail, the circuit breaker must not keep evidence from being fetched, nor the reverse.

mod credentials;
mod requests;
mod response;

use std::{sync::Arc, time::Duration};

use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{ACCEPT, CACHE_CONTROL, USER_AGENT},
};
use reqwest::RequestBuilder;
use tracing::Instrument as _;
use url::Url;

pub(super) use self::response::UpstreamError;
use self::{credentials::Credentials, response::Received};
use super::{
    admission::Admission,
    api_call::{AdmissionError, ApiCall, CallContext},
    circuit_breaker::CallResult,
    clock_comparison::ClockComparison,
    config::Config,
    connections::{Connections, Lease},
    metrics::Metrics,
    retry_after::{RetryAfter, retry_after},
    wire::shape::ShapeError,
};
use crate::{
    clock::Clock,
    deps::Deps,
    log_throttle::{LogThrottle, throttled},
    policy::Flaw,
    provenance::Timings,
    secrets::{SecretInUse, WipedBytes},
    span,
    tls::{self, ClientFactory, TlsFiles},
};

/// The HTTP client of the vendor's API.
#[derive(Debug)]
pub(super) struct Client {
    connections: Connections,
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
pub struct ClientError(#[source] tls::ClientError);

impl Client {
    pub(super) fn new(
        config: Config,
        tls_files: &mut TlsFiles,
        deps: &Deps,
        clocks: ClockComparison,
        metrics: Metrics,
    ) -> Result<Self, ClientError> {
        let mut headers: HeaderMap = config.headers.iter().cloned().collect();
        let user_agent = concat!("verigate/", env!("CARGO_PKG_VERSION"));
        headers.insert(USER_AGENT, HeaderValue::from_static(user_agent));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        // A cache must neither answer in the vendor's place nor keep a person's data.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let options = tls::ClientOptions {
            timeout: config.timeout,
            connect_timeout: Some(config.connect_timeout),
            // Whether plain HTTP is permitted was checked with the configuration.
            https_only: config.url.scheme() == "https",
            headers,
            ca_certificates: config.ca_certificates(),
            pings: Some(config.pings),
        };
        let clients = ClientFactory::with_files(options, &config.files, tls_files, deps);
        let clients = clients.map_err(ClientError)?;
        let clock = Arc::clone(&deps.clock);
        let connections =
            Connections::new(clients, config.timeout, Arc::clone(&clock), metrics.clone())
                .map_err(ClientError)?;
        let admission = |rate| {
            Admission::new(
                &config,
                rate,
                Arc::clone(&clock),
                deps.spawn.clone(),
                metrics.clone(),
            )
        };
        Ok(Self {
            connections,
            admission: admission(config.rate),
            link_admission: admission(config.links),
            clocks,
            credentials: Credentials::default(),
            log: LogThrottle::default(),
            api_key: SecretInUse::new(&config.api_key),
            secret: SecretInUse::new(&config.secret),
            config,
            clock,
            metrics,
        })
    }

    /// Makes one call: waits for a permit, sends the request, and decodes the body of a success with `decode`. Returns how long ago the
    /// vendor made the response, too.
    async fn call<T>(
        &self,
        call: ApiCall,
        request: impl FnOnce(&reqwest::Client) -> RequestBuilder,
        context: CallContext,
        timings: &mut Timings,
        decode: impl FnOnce(&[u8]) -> Result<T, Flaw>,
    ) -> Result<(T, Duration), UpstreamError> {
        let queued = self.clock.read();
        let permit = self.admission_of(call).acquire(context).await;
        timings.queue = timings.queue.saturating_add(queued.elapsed());
        let permit =
            permit.map_err(|error| UpstreamError::Outage(AdmissionError::outage(error)))?;
        let started = self.clock.read();
        let lease = self.connections.lease(permit.is_probe());
        let request = request(lease.http());
        let observer = self.metrics.call(call, started);
        let span = span::upstream_call(call.as_str());
        let requested = started.moment.uptime;
        let sent = self
            .send(call, lease, request, requested)
            .instrument(span.clone());
        let decoded = sent.await.and_then(|(body, age)| {
            let decoded = decode(&body).map(|value| (value, age));
            decoded.map_err(|flaw| UpstreamError::Unusable(flaw, age))
        });
        timings.fetch = timings.fetch.saturating_add(started.elapsed());
        let error = decoded.as_ref().err();
        // A token is another kind of call, and is not compared with the others.
        let found = error.is_none() && !matches!(call, ApiCall::Authorize);
        let result = error.map_or(CallResult::Success, |error| error.call_result(call));
        permit.finish(result, found);
        let outcome = error.map_or("ok", UpstreamError::as_str);
        observer.ended(outcome);
        span::ended(&span, outcome);
        if let Some(UpstreamError::Unusable(flaw, _)) = error {
            self.log_unusable(call, *flaw);
        }
        decoded
    }

    /// Sends a request, at this uptime; the body of a success of the vendor, and how old it is.
    async fn send(
        &self,
        call: ApiCall,
        lease: Lease<'_>,
        request: RequestBuilder,
        requested: Duration,
    ) -> Result<(WipedBytes, Duration), UpstreamError> {
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return Err(self.no_response(call, lease, error)),
        };
        let (at, status) = (self.clock.moment(), response.status());
        let pause = retry_after(response.headers(), at.now);
        match response::requested_pause(status, pause) {
            RetryAfter::Missing => {}
            RetryAfter::Unstated => self.admission_of(call).pause(None),
            RetryAfter::For(pause) => self.admission_of(call).pause(Some(pause)),
        }
        let received = match Received::read(response).await {
            Ok(received) => received,
            Err(error) => return Err(self.no_response(call, lease, error)),
        };
        lease.keep();
        let sent = response::vendor_sent(call, &received);
        // The clock of a proxy says nothing about the vendor's.
        if let Ok(age) = sent {
            self.clocks
                .compare(&received.headers, age, requested, at.uptime);
        }
        if let Err(error) = sent {
            self.log_foreign(call, &received, error);
        }
        match response::classify(call, status, sent) {
            Ok(age) => Ok((received.body.unwrap_or_default(), age)),
            Err(error) => {
                self.log_error(call, status, sent.is_ok(), &error);
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
    fn no_response(&self, call: ApiCall, lease: Lease<'_>, error: reqwest::Error) -> UpstreamError {
        if error.is_connect() {
            // It had no connection. Those of other calls may work.
            lease.keep();
        } else {
            lease.discard();
        }
        let outage = response::outage_of(&error);
        throttled!(
            self.log,
            self.uptime(),
            warn,
            "upstream_call_failed" / outage.as_str(),
            call = call.as_str(),
            outcome = outage.as_str(),
            error = format!("{:#}", anyhow::Error::new(error.without_url())),
            "upstream call failed without a response: check incode.url and the network path from this machine"
        );
        UpstreamError::Outage(outage)
    }

    fn log_foreign(&self, call: ApiCall, received: &Received, error: ShapeError) {
        throttled!(
            self.log,
            self.uptime(),
            warn,
            "upstream_response_foreign",
            call = call.as_str(),
            status = received.status.as_u16(),
            content_type = received.content_type(),
            problem = error.problem,
            line = error.position.map(|(line, _)| line),
            column = error.position.map(|(_, column)| column),
            "response is not of the vendor's shape and counts as an outage: look for a proxy, a cache or a maintenance page that answers in the vendor's place, and check incode.url"
        );
    }

    fn log_error(&self, call: ApiCall, status: StatusCode, by_vendor: bool, error: &UpstreamError) {
        if matches!(call, ApiCall::Authorize) && status == StatusCode::NOT_FOUND {
            throttled!(
                self.log,
                self.uptime(),
                error,
                "authorize_endpoint_not_found",
                "no authorize endpoint at incode.url: set the address of the vendor's API for the tenant, without `/v1`"
            );
        }
        if let UpstreamError::Outage(outage) = *error
            && by_vendor
        {
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
    }

    fn log_unusable(&self, call: ApiCall, flaw: Flaw) {
        throttled!(
            self.log,
            self.uptime(),
            warn,
            "upstream_response_unusable",
            call = call.as_str(),
            flaw = flaw.as_str(),
            "unusable response: it is never evidence for an ALLOW: report it to the vendor"
        );
    }

    /// The time by which log lines are throttled.
    pub(super) fn uptime(&self) -> Duration {
        self.clock.moment().uptime
    }
}
