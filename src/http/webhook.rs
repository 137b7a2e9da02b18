//! `POST /webhooks/incode`, with or without a slash at the end: the vendor says that something has changed. Authenticated by a shared
//! secret, queued, and answered without waiting until it is processed.

mod config;
mod event;
mod outcome;

use std::{net::IpAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, Version,
        header::{CONNECTION, CONTENT_ENCODING, CONTENT_TYPE},
    },
    response::{IntoResponse as _, Response},
    routing::post,
};
use parking_lot::Mutex;
use secrecy::ExposeSecret as _;
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};
use tokio::{task::spawn_blocking, time::timeout};
use tracing::debug;

pub use self::config::Config;
use self::{
    event::Parsed,
    outcome::{Metrics, WebhookOutcome},
};
use crate::{
    clock::Clock,
    deps::Deps,
    header_list::single,
    log_throttle::{LogThrottle, throttled},
    peer,
    secrets::SecretInUse,
    webhook_queue::{IDS_MAX, QueueFullError, WebhookEvent, WebhookQueue},
};

/// The longest body, in bytes.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(5);

/// How often a webhook without the secret may cause the files with the secrets to be read.
const RELOAD_EVERY: Duration = Duration::from_secs(10);
/// How long a webhook waits for that.
const RELOAD_TIMEOUT: Duration = Duration::from_secs(1);

/// The route of webhooks.
pub fn routes(webhooks: Arc<Webhooks>) -> Router {
    Router::new()
        .route("/webhooks/incode", post(receive))
        .route("/webhooks/incode/", post(receive))
        .with_state(webhooks)
}

/// Receives webhooks.
#[derive(Debug)]
pub struct Webhooks {
    /// `None` while webhooks are not configured.
    credentials: Option<WebhookSecrets>,
    queue: WebhookQueue,
    /// The uptime from which on a refusal may cause the files with the secrets to be read.
    reload_at: Mutex<Duration>,
    log: LogThrottle,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
}

/// The header and the secrets that authenticate the vendor.
#[derive(Debug)]
struct WebhookSecrets {
    header: HeaderName,
    /// The secret, and the previous one.
    secrets: Vec<SecretInUse>,
}

/// The digest of a secret. Digests have one length, whatever the lengths of the secrets.
#[derive(Debug, Clone, Copy)]
struct SecretDigest([u8; 32]);

impl SecretDigest {
    fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl Webhooks {
    /// Receives webhooks that carry the secret; none without a configuration.
    pub fn new(
        config: Option<&Config>,
        queue: WebhookQueue,
        deps: &Deps,
    ) -> Result<Self, prometheus::Error> {
        let credentials = config.map(|config| WebhookSecrets {
            header: config.header.clone(),
            secrets: [Some(&config.secret), config.previous_secret.as_ref()]
                .into_iter()
                .flatten()
                .map(SecretInUse::new)
                .collect(),
        });
        Ok(Self {
            credentials,
            queue,
            reload_at: Mutex::default(),
            log: LogThrottle::default(),
            clock: Arc::clone(&deps.clock),
            metrics: Metrics::register(&deps.registry)?,
        })
    }

    /// Reads the files with the secrets again. Blocks.
    pub fn reload_secrets(&self) {
        let uptime = self.clock.moment().uptime;
        for secret in self.credentials.iter().flat_map(|known| &known.secrets) {
            secret.reload(uptime);
        }
    }

    /// Reads the files again because a webhook did not carry the secret: it may have been replaced at the vendor first. Whether they were
    /// read, which happens at most once in [`RELOAD_EVERY`].
    async fn reload_after_refusal(self: &Arc<Self>) -> bool {
        let uptime = self.clock.moment().uptime;
        {
            let mut reload_at = self.reload_at.lock();
            if uptime < *reload_at {
                return false;
            }
            *reload_at = uptime.saturating_add(RELOAD_EVERY);
        }
        let webhooks = Arc::clone(self);
        let reload = spawn_blocking(move || webhooks.reload_secrets());
        matches!(timeout(RELOAD_TIMEOUT, reload).await, Ok(Ok(())))
    }

    /// Authenticates a webhook, reads it and queues it.
    async fn accept(self: &Arc<Self>, request: Request, from: IpAddr) -> WebhookOutcome {
        let Some(credentials) = &self.credentials else {
            return WebhookOutcome::Off;
        };
        // Before the body is read, so that a request without the secret costs no more than that.
        let Some(given) = credentials.given(request.headers()) else {
            return WebhookOutcome::Unauthorized;
        };
        let is_admitted = credentials.admit(given)
            || self.reload_after_refusal().await && credentials.admit(given);
        if !is_admitted {
            return WebhookOutcome::Unauthorized;
        }
        if !is_json(request.headers()) {
            return WebhookOutcome::Unsupported;
        }
        let Some(body) = read(request.into_body()).await else {
            return WebhookOutcome::TooLarge;
        };
        match event::parse(&body) {
            Err(_) => WebhookOutcome::Malformed,
            // It may be about something else. If it were rejected, the vendor would repeat it, with the same result.
            Ok(Parsed::Nothing { keys }) => {
                self.log_ignored(&keys, from);
                WebhookOutcome::Ignored
            }
            Ok(Parsed::Unsure { event, keys }) => {
                self.log_ambiguous(&keys, from);
                self.enqueue(event, from)
            }
            Ok(Parsed::Event(event)) => self.enqueue(event, from),
        }
    }

    fn enqueue(&self, event: WebhookEvent, from: IpAddr) -> WebhookOutcome {
        self.log_truncated(event.ids.len(), from);
        match self.queue.enqueue(event) {
            Ok(()) => WebhookOutcome::Accepted,
            Err(QueueFullError) => WebhookOutcome::Busy,
        }
    }

    /// Logs a webhook that names nothing: its form may be one that is not known here.
    fn log_ignored(&self, keys: &str, from: IpAddr) {
        throttled!(
            self.log,
            self.clock.moment().uptime,
            warn,
            "webhook_ignored",
            %from,
            keys,
            "a webhook names no verification that can be read: compare its keys with the forms that are documented"
        );
    }

    /// Logs a webhook that names perhaps only itself.
    fn log_ambiguous(&self, keys: &str, from: IpAddr) {
        throttled!(
            self.log,
            self.clock.moment().uptime,
            warn,
            "webhook_ambiguous",
            %from,
            keys,
            "a webhook has only the `id` at its top, which may be its own; that id is invalidated: compare its keys with the forms that are documented"
        );
    }

    /// Logs a webhook that names more than is processed.
    fn log_truncated(&self, ids: usize, from: IpAddr) {
        if ids > IDS_MAX {
            throttled!(
                self.log,
                self.clock.moment().uptime,
                warn,
                "webhook_truncated",
                %from,
                ids,
                limit = IDS_MAX,
                "a webhook names more verifications than are processed"
            );
        }
    }

    /// Logs the outcome. Rejected webhooks are throttled, so that nobody who guesses secrets fills the log.
    fn log(&self, outcome: WebhookOutcome, from: IpAddr) {
        let name = outcome.as_str();
        match outcome.hint() {
            None => debug!(
                event = "webhook_received",
                outcome = name,
                "webhook received"
            ),
            Some(hint) => throttled!(
                self.log,
                self.clock.moment().uptime,
                warn,
                "webhook_rejected" / name,
                %from,
                outcome = name,
                hint,
                "webhook rejected"
            ),
        }
    }
}

impl WebhookSecrets {
    /// The digest of what the header carries, if that is there exactly once.
    fn given(&self, headers: &HeaderMap) -> Option<SecretDigest> {
        let given = single(headers, &self.header).ok()??;
        Some(SecretDigest::of(given.as_bytes()))
    }

    /// Whether this is the digest of a secret. The time that this takes does not depend on the secret.
    fn admit(&self, given: SecretDigest) -> bool {
        let admitted = self.secrets.iter().fold(Choice::from(0), |any, secret| {
            let secret = SecretDigest::of(secret.get().expose_secret().as_bytes());
            any | secret.0.ct_eq(&given.0)
        });
        admitted.into()
    }
}

async fn receive(State(webhooks): State<Arc<Webhooks>>, request: Request) -> Response {
    let (version, from) = (request.version(), peer::ip_of(request.extensions()));
    let outcome = webhooks.accept(request, from).await;
    webhooks.metrics.webhook(outcome);
    webhooks.log(outcome, from);
    let mut response = outcome.into_response();
    if outcome.body_is_unread() && version < Version::HTTP_2 {
        // The connection cannot be used again, because the body was not read. Said, so that no other webhook is sent over it.
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
    response
}

/// Whether a body is JSON that is not compressed, or says nothing about that. What a page can send without asking first is not.
fn is_json(headers: &HeaderMap) -> bool {
    let is_json = |value: &HeaderValue| {
        let name = value.to_str().unwrap_or_default();
        let name = name.split(';').next().unwrap_or_default().trim();
        let name = name.to_ascii_lowercase();
        let kind = name.strip_prefix("application/");
        kind.is_some_and(|kind| kind == "json" || kind.ends_with("+json"))
    };
    headers.get_all(CONTENT_TYPE).iter().all(is_json)
        && headers
            .get_all(CONTENT_ENCODING)
            .iter()
            .all(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

/// Reads a body within its bounds; `None` if it exceeds them.
async fn read(body: Body) -> Option<axum::body::Bytes> {
    let read = timeout(BODY_TIMEOUT, to_bytes(body, BODY_BYTES_MAX)).await;
    read.ok().and_then(Result::ok)
}
