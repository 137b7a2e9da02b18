//! The upstream, Incode Workforce: asks for the details of a verification, authorises again once when its token is
//! refused, and never fails: an outage is a finding.

mod token;
pub mod wire;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use http::{HeaderMap, HeaderValue, StatusCode, header::CONTENT_TYPE};
use reqwest::{Client, RequestBuilder, Response, redirect};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::timeout;
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
        for _ in 0..2 {
            if let Ok(finding) = self.try_once(id).await {
                return finding;
            }
        }
        warn!("the upstream refuses a token that it has just issued");
        Finding::Unknown(Outage::TokenRefused)
    }

    async fn try_once(&self, id: &VerificationId) -> Result<Finding, Refused> {
        let token = match self.tokens.get().await {
            Ok(token) => token,
            Err(outage) => return Ok(Finding::Unknown(outage)),
        };
        let answer = self.door.details(id, &token).await;
        match answer {
            Answer::Is(verification) => Ok(Finding::Present(verification)),
            Answer::NotFound => Ok(Finding::Absent),
            Answer::Flawed(flaw) => Ok(Finding::Unusable(flaw)),
            Answer::Out(outage) => Ok(Finding::Unknown(outage)),
            Answer::Unauthorized => {
                self.tokens.refused(&token);
                Err(Refused)
            }
        }
    }
}

/// The token was refused.
struct Refused;

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
            asked_at,
        });
        Known { evidence, origin }
    }
}

/// What one request for details came to.
enum Answer {
    Is(Verification),
    NotFound,
    Unauthorized,
    Flawed(Flaw),
    Out(Outage),
}

impl Door {
    async fn details(&self, id: &VerificationId, token: &Token) -> Answer {
        let Ok(mut secret) = HeaderValue::from_str(token.secret.expose_secret()) else {
            return Answer::Unauthorized;
        };
        secret.set_sensitive(true);
        let url = self.url(&["v1", "verification", "details", id.as_str()]);
        let request = self.http.get(url).header("x-auth-token", secret);
        match self.send(UpstreamCall::Details, request).await {
            Ok(Body(body)) => wire::details(&body, id).map_or_else(
                |flaw| {
                    warn!(?flaw, "the upstream's answer cannot be used");
                    Answer::Flawed(flaw)
                },
                Answer::Is,
            ),
            Err(answer) => answer,
        }
    }

    /// Sends a request, and reads the body of a success.
    async fn send(&self, call: UpstreamCall, request: RequestBuilder) -> Result<Body, Answer> {
        let timer = self.metrics.upstream_call(call);
        let (status, outcome) = match request.send().await {
            Ok(response) => (Some(response.status()), read(response).await),
            Err(error) => (None, Err(Answer::Out(outage(&error)))),
        };
        timer.ended(match &outcome {
            Ok(_) | Err(Answer::Is(_)) => "ok",
            Err(Answer::NotFound) => "not_found",
            Err(Answer::Unauthorized) => "unauthorized",
            Err(Answer::Flawed(_)) => "unusable",
            Err(Answer::Out(outage)) => outage.as_str(),
        });
        let (call, status) = (call.as_str(), status.map(|status| status.as_u16()));
        match &outcome {
            Err(Answer::Out(Outage::CredentialsRefused)) => error!(call, status, "{REFUSED}"),
            Err(Answer::Out(outage)) => {
                let outage = outage.as_str();
                warn!(call, outage, status, "the upstream could not be asked");
            }
            Err(Answer::Flawed(flaw)) => {
                warn!(call, ?flaw, "the upstream's answer cannot be used");
            }
            _ => {}
        }
        outcome
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
        match self.send(UpstreamCall::Authorize, request).await {
            Ok(Body(body)) => wire::token(&body).ok_or_else(|| {
                warn!("the upstream authorises us without a token");
                Outage::Failed
            }),
            Err(Answer::Unauthorized) => {
                error!("{REFUSED}");
                Err(Outage::CredentialsRefused)
            }
            Err(Answer::Out(outage)) => Err(outage),
            Err(_) => {
                warn!("there is nothing to authorise with at incode.url");
                Err(Outage::Failed)
            }
        }
    }
}

/// The body of a success.
struct Body(Vec<u8>);

/// Reads what came, as far as any honest answer goes.
async fn read(mut response: Response) -> Result<Body, Answer> {
    match response.status() {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND => return Err(Answer::NotFound),
        StatusCode::UNAUTHORIZED => return Err(Answer::Unauthorized),
        StatusCode::FORBIDDEN => return Err(Answer::Out(Outage::CredentialsRefused)),
        StatusCode::TOO_MANY_REQUESTS => return Err(Answer::Out(Outage::RateLimited)),
        _ => return Err(Answer::Out(Outage::Failed)),
    }
    if !is_json(response.headers()) {
        return Err(Answer::Flawed(Flaw::Unreadable));
    }
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len().saturating_add(chunk.len()) > BODY_BYTES_MAX => {
                return Err(Answer::Flawed(Flaw::TooLarge));
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(Body(body)),
            Err(error) => return Err(Answer::Out(outage(&error))),
        }
    }
}

/// Whether the content type is `application/json`, with or without parameters.
fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok());
    content_type
        .and_then(|value| value.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

fn outage(error: &reqwest::Error) -> Outage {
    if error.is_timeout() {
        Outage::TimedOut
    } else {
        Outage::Unreachable
    }
}
