//! The outcome of a webhook: its metric, its log line's hint, and the response.

use axum::{
    Json,
    http::{StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
};
use prometheus::{IntCounterVec, Registry};
use serde_json::json;

use crate::metrics::counter_by;

/// When the vendor may repeat a webhook that could not be queued.
const RETRY_AFTER_SECONDS: u32 = 1;

/// The outcome of a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WebhookOutcome {
    /// It is queued.
    Accepted,
    /// It names nothing that can be acted on.
    Ignored,
    /// It has no secret, or a wrong one.
    Unauthorized,
    /// Its body is not JSON, or is compressed.
    Unsupported,
    /// Its body is not an event.
    Malformed,
    /// Its body is too large, or was not complete in time.
    TooLarge,
    /// The queue is full.
    Busy,
    /// Webhooks are not configured.
    Off,
}

impl WebhookOutcome {
    /// Every outcome.
    const ALL: [Self; 8] = [
        Self::Accepted,
        Self::Ignored,
        Self::Unauthorized,
        Self::Unsupported,
        Self::Malformed,
        Self::TooLarge,
        Self::Busy,
        Self::Off,
    ];

    /// The outcome's name in metrics and logs.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Ignored => "ignored",
            Self::Unauthorized => "unauthorized",
            Self::Unsupported => "unsupported",
            Self::Malformed => "malformed",
            Self::TooLarge => "too_large",
            Self::Busy => "busy",
            Self::Off => "off",
        }
    }

    /// Whether the body was not read.
    pub(super) fn body_is_unread(self) -> bool {
        matches!(
            self,
            Self::Off | Self::Unauthorized | Self::Unsupported | Self::TooLarge
        )
    }

    /// What to do about a webhook that was rejected; `None` if it was not.
    pub(super) fn hint(self) -> Option<&'static str> {
        match self {
            Self::Accepted | Self::Ignored => None,
            Self::Unauthorized => Some("compare the header that the vendor sends with [webhook]"),
            Self::Off => Some("set webhook.secret_file, or remove the webhook at the vendor"),
            Self::Busy => Some(
                "the vendor sends events faster than they are processed, and will repeat this one",
            ),
            Self::Unsupported => {
                Some("the vendor must send JSON (`application/json`), not compressed")
            }
            Self::Malformed | Self::TooLarge => {
                Some("not an event in the agreed form: find out what sends it")
            }
        }
    }
}

impl IntoResponse for WebhookOutcome {
    fn into_response(self) -> Response {
        let rejected =
            |status, error: &str| (status, Json(json!({ "error": error }))).into_response();
        match self {
            Self::Accepted | Self::Ignored => StatusCode::NO_CONTENT.into_response(),
            Self::Unauthorized => {
                rejected(StatusCode::UNAUTHORIZED, "the secret is missing or wrong")
            }
            Self::Unsupported => rejected(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "the body must be JSON (`application/json`), not compressed",
            ),
            Self::Malformed => rejected(StatusCode::BAD_REQUEST, "the body is not an event"),
            Self::TooLarge => rejected(
                StatusCode::PAYLOAD_TOO_LARGE,
                "the body is longer than 65536 bytes, or too slow",
            ),
            Self::Busy => {
                let response =
                    rejected(StatusCode::SERVICE_UNAVAILABLE, "the webhook queue is full");
                ([(RETRY_AFTER, RETRY_AFTER_SECONDS)], response).into_response()
            }
            Self::Off => rejected(
                StatusCode::NOT_FOUND,
                "webhooks are not configured; set webhook.secret or webhook.secret_file",
            ),
        }
    }
}

/// The metrics of webhooks.
#[derive(Debug)]
pub(super) struct Metrics(IntCounterVec);

impl Metrics {
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self(counter_by(
            registry,
            "verigate_webhooks_total",
            "Webhooks received, by outcome.",
            "outcome",
            WebhookOutcome::ALL.map(WebhookOutcome::as_str),
        )?))
    }

    pub(super) fn webhook(&self, outcome: WebhookOutcome) {
        self.0.with_label_values(&[outcome.as_str()]).inc();
    }
}
