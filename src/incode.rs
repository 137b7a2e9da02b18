//! The upstream, Incode Workforce: asks for the details of a verification, authorises again once when its token is
//! refused, and never fails: an outage is a finding.

mod token;
pub mod wire;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use http::{HeaderMap, HeaderValue, StatusCode, header::CONTENT_TYPE};
use reqwest::{Client, RequestBuilder, Response, redirect};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::{sync::Semaphore, time::timeout};
use tracing::{error, warn};
use url::Url;

use self::token::{Issuer, Token, Tokens};
use crate::{
    clock::Clock,
    config::IncodeConfig,
    metrics::{Metrics, UpstreamCall},
    policy::{Evidence, Finding, Flaw, Origin, Outage, Verification, VerificationId},
    source::{Freshness, Known, Source},
};

/// No honest answer is larger.
const BODY_BYTES_MAX: usize = 64 * 1024;
const REFUSED: &str = "the upstream refuses our credentials: check incode.api_key, incode.integration_id and incode.secret";
/// No more calls than this are under way at once; the others wait, within their time.
const CALLS_MAX: usize = 64;
/// How long an idle connection is kept for the next call.
const IDLE_MAX: Duration = Duration::from_secs(90);

/// The upstream as a source of evidence.
#[derive(Debug)]
pub struct Incode {
    door: Arc<Door>,
    tokens: Arc<Tokens>,
    clock: Arc<dyn Clock>,
}

/// The way to the upstream: one HTTP client, and what each call needs.
#[derive(Debug)]
struct Door {
    http: Client,
    account: IncodeConfig,
    /// Whose turn it is to call.
    turns: Semaphore,
    metrics: Arc<Metrics>,
}

/// Why the HTTP client could not be built.
#[derive(Debug, thiserror::Error)]
#[error("the client for the upstream cannot be built")]
pub struct NoClient(#[source] reqwest::Error);

impl Incode {
    /// Makes the client; nothing is asked yet.
    pub fn new(
        account: IncodeConfig,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, NoClient> {
        // Once a process; an error says that it has been done.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let headers: HeaderMap = account.headers.iter().cloned().collect();
        // A redirect or a proxy from the environment would lead our secrets elsewhere. Whether plain HTTP will do has been
        // judged with the configuration.
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
        let door = Arc::new(Door {
            http,
            account,
            turns: Semaphore::new(CALLS_MAX),
            metrics,
        });
        let tokens = Tokens::new(Box::new(Arc::clone(&door)), Arc::clone(&clock));
        Ok(Self {
            door,
            tokens,
            clock,
        })
    }

    /// What the upstream says, at the second try if it refuses the first token.
    async fn ask(&self, id: &VerificationId) -> Finding {
        let refused = match self.try_once(id).await {
            Ok(finding) => return finding,
            Err(Refused(token)) => token,
        };
        self.tokens.refused(&refused);
        self.try_once(id).await.unwrap_or_else(|Refused(_)| {
            warn!("the upstream refuses a token that it has just issued");
            Finding::Unknown(Outage::TokenRefused)
        })
    }

    async fn try_once(&self, id: &VerificationId) -> Result<Finding, Refused> {
        let token = match self.tokens.get().await {
            Ok(token) => token,
            Err(outage) => return Ok(Finding::Unknown(outage)),
        };
        match self.door.details(id, &token).await {
            Ok(verification) => Ok(Finding::Present(verification)),
            Err(NoAnswer::NotFound) => Ok(Finding::Absent),
            Err(NoAnswer::Unusable(flaw)) => Ok(Finding::Unusable(flaw)),
            Err(NoAnswer::Out(outage)) => Ok(Finding::Unknown(outage)),
            Err(NoAnswer::Unauthorized) => Err(Refused(token)),
        }
    }
}

/// This token was refused.
struct Refused(Arc<Token>);

#[async_trait]
impl Source for Incode {
    async fn look_up(&self, id: &VerificationId, freshness: Freshness) -> Known {
        let asked_at = self.clock.now();
        let finding = timeout(freshness.patience, self.ask(id))
            .await
            .unwrap_or_else(|_| {
                warn!("the upstream did not answer in time");
                Finding::Unknown(Outage::TimedOut)
            });
        let origin = match finding {
            Finding::Unknown(_) => Origin::Nowhere,
            _ => Origin::Upstream,
        };
        let evidence = Arc::new(Evidence {
            finding,
            seen_at: asked_at,
        });
        Known { evidence, origin }
    }
}

/// Why a call brought nothing.
enum NoAnswer {
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
}

impl Door {
    async fn details(&self, id: &VerificationId, token: &Token) -> Result<Verification, NoAnswer> {
        let mut secret = HeaderValue::from_str(token.secret.expose_secret())
            .map_err(|_| NoAnswer::Unauthorized)?;
        secret.set_sensitive(true);
        let url = self.url(&["v1", "verification", "details", id.as_str()]);
        let request = self.http.get(url).header("x-auth-token", secret);
        self.call(UpstreamCall::Details, request, |body| {
            wire::details(body, id)
        })
        .await
    }

    /// Makes one call, in its turn, and reads its answer.
    async fn call<T>(
        &self,
        call: UpstreamCall,
        request: RequestBuilder,
        read: impl FnOnce(&[u8]) -> Result<T, Flaw>,
    ) -> Result<T, NoAnswer> {
        // Never closed, so that there is always a turn.
        let _turn = self.turns.acquire().await;
        let timer = self.metrics.upstream_call(call);
        let answer = match self.send(call, request).await {
            Ok(body) => read(&body).map_err(NoAnswer::Unusable),
            Err(none) => Err(none),
        };
        let call = call.as_str();
        match &answer {
            Err(NoAnswer::Out(Outage::CredentialsRefused)) => error!(call, "{REFUSED}"),
            Err(NoAnswer::Unusable(flaw)) => {
                warn!(call, ?flaw, "the upstream's answer cannot be used");
            }
            _ => {}
        }
        timer.ended(answer.as_ref().err().map_or("ok", NoAnswer::as_str));
        answer
    }

    /// Sends a request, and takes the body of a success.
    async fn send(&self, call: UpstreamCall, request: RequestBuilder) -> Result<Vec<u8>, NoAnswer> {
        let response = request.send().await.map_err(|error| broken(call, error))?;
        match response.status() {
            StatusCode::OK => take(response)
                .await
                .map_err(|error| broken(call, error))?
                .map_err(NoAnswer::Unusable),
            StatusCode::NOT_FOUND => Err(NoAnswer::NotFound),
            StatusCode::UNAUTHORIZED => Err(NoAnswer::Unauthorized),
            StatusCode::FORBIDDEN => Err(NoAnswer::Out(Outage::CredentialsRefused)),
            status => {
                let (call, status) = (call.as_str(), status.as_u16());
                warn!(call, status, "the upstream answers with an error");
                Err(NoAnswer::Out(match status {
                    429 => Outage::RateLimited,
                    _ => Outage::Failed,
                }))
            }
        }
    }

    /// The account's address with these segments appended.
    fn url(&self, segments: &[&str]) -> Url {
        let mut url = self.account.url.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
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
        match self.call(UpstreamCall::Authorize, request, token).await {
            Ok(token) => Ok(token),
            Err(NoAnswer::Unauthorized) => {
                error!("{REFUSED}");
                Err(Outage::CredentialsRefused)
            }
            Err(NoAnswer::NotFound) => {
                error!("there is nothing to authorise with at incode.url");
                Err(Outage::Failed)
            }
            Err(NoAnswer::Unusable(_)) => Err(Outage::Failed),
            Err(NoAnswer::Out(outage)) => Err(outage),
        }
    }
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

/// A call that no answer came to. The log names every cause, but not the address, which ends in an identifier.
fn broken(call: UpstreamCall, error: reqwest::Error) -> NoAnswer {
    let outage = if error.is_timeout() {
        Outage::TimedOut
    } else {
        Outage::Unreachable
    };
    let error = anyhow::Error::new(error.without_url());
    let call = call.as_str();
    warn!(call, cause = %format!("{error:#}"), "the upstream could not be asked");
    NoAnswer::Out(outage)
}
