//! `POST /webhooks/incode`: the upstream tells that something has changed. Whoever knows the secret is heard, and what is said
//! is taken for a hint. The answer does not wait until the hint is followed.

mod config;
mod event;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Json,
    body::{Body, to_bytes},
    extract::{ConnectInfo, Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, StatusCode, Version,
        header::{CONNECTION, RETRY_AFTER},
    },
    response::{IntoResponse, Response},
};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};
use tokio::time::timeout;
use tracing::{debug, warn};

pub use self::config::Config;
use self::event::hint;
use crate::{
    clock::Clock,
    hints::{Busy, Hints},
    log_throttle::LogThrottle,
    metrics::{Metrics, Webhook},
};

/// No honest event is larger.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// How long an event may take to come.
const BODY_TIME_MAX: Duration = Duration::from_secs(5);
/// When the vendor may try again what could not be taken.
const AGAIN_AFTER_SECONDS: u32 = 1;

/// Takes webhooks.
#[derive(Debug)]
pub struct Webhooks {
    /// Nothing while none are taken.
    terms: Option<Terms>,
    hints: Hints,
    /// Says now and then that some were refused.
    refused: LogThrottle,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
}

/// How the upstream is told from others.
#[derive(Debug)]
struct Terms {
    header: HeaderName,
    /// The digests of the secret and of the one before it.
    secrets: Vec<Secret>,
}

/// The digest of a secret: two of them are as long as each other, whatever the secrets are.
#[derive(Debug, Clone, Copy)]
struct Secret([u8; 32]);

impl Secret {
    fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl Webhooks {
    /// Takes webhooks that carry the secret, or none at all.
    pub fn new(
        config: Option<&Config>,
        hints: Hints,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let digest = |secret: &SecretString| Secret::of(secret.expose_secret().as_bytes());
        let terms = config.map(|config| Terms {
            header: config.header.clone(),
            secrets: [Some(&config.secret), config.previous_secret.as_ref()]
                .into_iter()
                .flatten()
                .map(digest)
                .collect(),
        });
        Self {
            terms,
            hints,
            refused: LogThrottle::default(),
            clock,
            metrics,
        }
    }

    /// What becomes of a webhook.
    async fn take(&self, request: Request) -> Webhook {
        let Some(terms) = &self.terms else {
            return Webhook::Off;
        };
        // Before the body is read: who does not know the secret costs no more than that.
        if !terms.admit(request.headers()) {
            return Webhook::Unauthorized;
        }
        let Some(body) = read(request.into_body()).await else {
            return Webhook::TooLarge;
        };
        match hint(&body) {
            Err(_) => Webhook::Malformed,
            // An honest event may be about something else. It would be repeated if it were refused, and no better for it.
            Ok(None) => Webhook::Ignored,
            Ok(Some(hint)) => match self.hints.hand_in(hint) {
                Ok(()) => Webhook::Accepted,
                Err(Busy) => Webhook::Busy,
            },
        }
    }

    /// Tells of one that was not taken: of those without the secret now and then only.
    fn tell(&self, outcome: Webhook, from: SocketAddr) {
        let outcome_told = outcome.as_str();
        match outcome {
            Webhook::Accepted | Webhook::Ignored => debug!(outcome = outcome_told, "a webhook"),
            Webhook::Unauthorized
            | Webhook::Malformed
            | Webhook::TooLarge
            | Webhook::Busy
            | Webhook::Off => {
                // Who tries secrets does not fill the log.
                let uptime = self.clock.moment().uptime;
                if let Some(left_out) = self.refused.allow(outcome_told, uptime) {
                    let (from, advice) = (from.ip(), advice(outcome));
                    warn!(%from, outcome = outcome_told, left_out, "a webhook is refused: {advice}");
                }
            }
        }
    }
}

impl Terms {
    /// Whether these headers carry the secret, once. How long this takes tells nothing about the secret.
    fn admit(&self, headers: &HeaderMap) -> bool {
        let mut given = headers.get_all(&self.header).iter();
        let (Some(given), None) = (given.next(), given.next()) else {
            return false;
        };
        let given = Secret::of(given.as_bytes());
        let admitted = self.secrets.iter().fold(Choice::from(0), |any, secret| {
            any | secret.0.ct_eq(&given.0)
        });
        admitted.into()
    }
}

/// `POST /webhooks/incode`
pub(super) async fn receive(
    State(webhooks): State<Arc<Webhooks>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let version = request.version();
    let outcome = webhooks.take(request).await;
    webhooks.metrics.webhook(outcome);
    webhooks.tell(outcome, from);
    let mut response = answer(outcome);
    let unread = matches!(
        outcome,
        Webhook::Off | Webhook::Unauthorized | Webhook::TooLarge
    );
    if unread && version < Version::HTTP_2 {
        // The connection ends with what was not read: said, so that nobody sends an honest webhook over it.
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
    response
}

/// What to do about a webhook that was refused.
fn advice(outcome: Webhook) -> &'static str {
    match outcome {
        Webhook::Unauthorized => "compare the header that the vendor sends with [webhook]",
        Webhook::Off => "set webhook.secret_file, or take it away with the vendor",
        Webhook::Busy => "the vendor sends more than can be followed, and will repeat it",
        Webhook::Malformed | Webhook::TooLarge | Webhook::Accepted | Webhook::Ignored => {
            "it is not what was agreed: see what sends it"
        }
    }
}

fn answer(outcome: Webhook) -> Response {
    let refusal = |status, error: &str| (status, Json(json!({ "error": error }))).into_response();
    match outcome {
        Webhook::Accepted | Webhook::Ignored => StatusCode::NO_CONTENT.into_response(),
        Webhook::Unauthorized => {
            refusal(StatusCode::UNAUTHORIZED, "the secret is missing or wrong")
        }
        Webhook::Malformed => refusal(StatusCode::BAD_REQUEST, "the body is not an event"),
        Webhook::TooLarge => refusal(
            StatusCode::PAYLOAD_TOO_LARGE,
            "the body is longer than 65536 bytes, or too slow",
        ),
        Webhook::Busy => {
            let told = refusal(StatusCode::SERVICE_UNAVAILABLE, "too many events wait");
            ([(RETRY_AFTER, AGAIN_AFTER_SECONDS)], told).into_response()
        }
        Webhook::Off => refusal(
            StatusCode::NOT_FOUND,
            "webhooks are not taken; set webhook.secret or webhook.secret_file",
        ),
    }
}

/// Reads a body that is no longer than any honest one, and comes in time.
async fn read(body: Body) -> Option<axum::body::Bytes> {
    let read = timeout(BODY_TIME_MAX, to_bytes(body, BODY_BYTES_MAX)).await;
    read.ok().and_then(Result::ok)
}
