//! The three requests of the vendor's API: a token, the details of a verification, and a re-verification link.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderValue, header::CONTENT_TYPE};
use reqwest::RequestBuilder;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::{task::spawn_blocking, time::timeout};
use uuid::Uuid;

use super::{Client, UpstreamError};
use crate::{
    callers::CallerId,
    incode::{
        Wanted,
        api_call::{ApiCall, CallContext, Order},
        token::{Issuer, Token},
        wire,
    },
    policy::{Flaw, Verification},
    provenance::{Outage, Timings},
    secrets,
    source::Priority,
    step_up::{Link, StepUpRequest},
};

/// How long the files with our credentials may take to be read again.
const RELOAD_TIMEOUT: Duration = Duration::from_secs(1);

impl Client {
    /// Requests the details of a verification. Also returns the age of the response.
    pub(in crate::incode) async fn details(
        &self,
        wanted: Wanted<'_>,
        token: &Token,
        context: CallContext,
        timings: &mut Timings,
    ) -> Result<(Verification, Duration), UpstreamError> {
        let url = self.url(&["v1", "verification", "details", wanted.id.as_str()]);
        let token = token_header(token)?;
        let request = |http: &reqwest::Client| http.get(url).header("x-auth-token", token);
        let decode = |body: &[u8]| wire::details(body, wanted.id, wanted.keeps);
        self.call(ApiCall::Details, request, context, timings, decode)
            .await
    }

    /// Requests a link by which a person verifies again.
    pub(in crate::incode) async fn link(
        &self,
        id: Uuid,
        step_up: &StepUpRequest,
        token: &Token,
        caller: CallerId,
    ) -> Result<Link, UpstreamError> {
        let url = self.url(&["v1", "verification", "generate-verification-link"]);
        let token = token_header(token)?;
        let correlation_id = id.to_string();
        let body = wire::LinkRequest {
            integration_id: &self.config.integration_id,
            login_hint: step_up.login_hint.reveal(),
            redirect_url: step_up.redirect.as_str(),
            correlation_id: &correlation_id,
        };
        let body = secrets::json(&body).map_err(|_| UpstreamError::Outage(Outage::Unexpected))?;
        let request = |http: &reqwest::Client| {
            let request = http.post(url).header("x-auth-token", token);
            with_json(request, body)
        };
        let decode = |body: &[u8]| wire::link(body, &self.config.url);
        // How long it took is not shown to anybody.
        let timings = &mut Timings::default();
        let context = CallContext {
            failed_before: false,
            order: Order::InTurn(Priority::Cold, caller),
        };
        let made = self.call(ApiCall::Link, request, context, timings, decode);
        made.await.map(|(link, _)| link)
    }

    /// Reads the files with our credentials again; whether they are others now. What a file system does not give in time counts as
    /// unchanged.
    pub(in crate::incode) async fn reload_credentials(self: &Arc<Self>) -> bool {
        let client = Arc::clone(self);
        let reload = spawn_blocking(move || {
            let uptime = client.uptime();
            // Both of them, whatever became of the first one.
            client.api_key.reload(uptime) | client.secret.reload(uptime)
        });
        matches!(timeout(RELOAD_TIMEOUT, reload).await, Ok(Ok(true)))
    }

    /// Requests a token.
    async fn authorize(&self) -> Result<SecretString, UpstreamError> {
        let api_key = sensitive(&self.api_key.get())
            .ok_or(UpstreamError::Unauthorized { by_vendor: true })?;
        let secret = self.secret.get();
        let url = self.url(&["v1", "integration", "authorize", "server"]);
        let body = wire::AuthorizeRequest {
            integration_id: &self.config.integration_id,
            secret: secret.expose_secret(),
        };
        let body = secrets::json(&body).map_err(|_| UpstreamError::Outage(Outage::Unexpected))?;
        let request = |http: &reqwest::Client| {
            let request = http.post(url).header("x-api-key", api_key);
            with_json(request, body)
        };
        let decode = |body: &[u8]| wire::token(body).ok_or(Flaw::Unreadable);
        // The lookup measures it as a whole.
        let timings = &mut Timings::default();
        let context = CallContext {
            failed_before: false,
            order: Order::AtOnce,
        };
        let issued = self.call(ApiCall::Authorize, request, context, timings, decode);
        issued.await.map(|(token, _)| token)
    }
}

#[async_trait]
impl Issuer for Arc<Client> {
    async fn issue(&self) -> Result<SecretString, Outage> {
        let mut issued = self.authorize().await;
        // They may have been replaced at the vendor, and in their files too.
        if is_refusal(&issued) && self.reload_credentials().await {
            issued = self.authorize().await;
        }
        match issued {
            Ok(token) => {
                self.credentials.record_accepted();
                Ok(token)
            }
            Err(
                UpstreamError::Unauthorized { by_vendor: true }
                | UpstreamError::Outage(Outage::CredentialsRefused),
            ) => {
                self.credentials.record_refused(self.uptime());
                Err(Outage::CredentialsRefused)
            }
            // Somebody in the vendor's place knows nothing of our credentials.
            Err(UpstreamError::Unauthorized { by_vendor: false }) => Err(Outage::Foreign),
            Err(UpstreamError::NotFound(_) | UpstreamError::Unusable(..)) => {
                Err(Outage::Unexpected)
            }
            Err(UpstreamError::Outage(outage)) => Err(outage),
        }
    }
}

/// Whether the upstream itself refused our credentials.
fn is_refusal<T>(issued: &Result<T, UpstreamError>) -> bool {
    matches!(
        issued,
        Err(UpstreamError::Unauthorized { by_vendor: true }
            | UpstreamError::Outage(Outage::CredentialsRefused))
    )
}

/// A request with this JSON.
fn with_json(request: RequestBuilder, body: Bytes) -> RequestBuilder {
    request.header(CONTENT_TYPE, "application/json").body(body)
}

/// A secret as a header that `Debug` does not show; `None` if it has characters that no header may have.
fn sensitive(secret: &SecretString) -> Option<HeaderValue> {
    secrets::header(secret.expose_secret())
}

/// The token as a header. One that cannot be a header is treated as refused.
fn token_header(token: &Token) -> Result<HeaderValue, UpstreamError> {
    sensitive(&token.secret).ok_or(UpstreamError::Unauthorized { by_vendor: true })
}
