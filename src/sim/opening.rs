//! `GET /sim/links/{trace}`: the person opens a link and verifies again, and the vendor sends its webhooks.
//!
//! `?outcome=failed` lets the verification fail. `?deliver=twice`, `reversed` or `forged` sends the webhooks twice, in reverse
//! order, or with a wrong secret.

use std::sync::Arc;

use axum::{
    extract::{Path, RawQuery, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use url::form_urlencoded;

use super::{links::VerificationResult, vendor::Vendor, wire};

/// How the webhooks are delivered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Delivery {
    #[default]
    Once,
    Twice,
    Reversed,
    Forged,
}

impl Delivery {
    /// The events in the order in which they are sent.
    fn events(self, result: VerificationResult) -> Vec<&'static str> {
        let (started, ended) = ("verification.started", result.event());
        match self {
            Self::Once | Self::Forged => vec![started, ended],
            Self::Twice => vec![started, ended, started, ended],
            Self::Reversed => vec![ended, started],
        }
    }
}

/// Reads the query. `None` if it has an unknown key or value.
fn parse(query: &str) -> Option<(VerificationResult, Delivery)> {
    let (mut result, mut delivery) = (VerificationResult::default(), Delivery::default());
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        match (&*key, &*value) {
            ("outcome", "succeeded") => result = VerificationResult::Succeeded,
            ("outcome", "failed") => result = VerificationResult::Failed,
            ("deliver", "once") => delivery = Delivery::Once,
            ("deliver", "twice") => delivery = Delivery::Twice,
            ("deliver", "reversed") => delivery = Delivery::Reversed,
            ("deliver", "forged") => delivery = Delivery::Forged,
            _ => return None,
        }
    }
    Some((result, delivery))
}

/// `GET /sim/links/{trace}`: reports in text what happened, one line per event.
pub(super) async fn open(
    State(vendor): State<Arc<Vendor>>,
    Path(trace_id): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let Some((result, delivery)) = parse(&query.unwrap_or_default()) else {
        return (
            StatusCode::BAD_REQUEST,
            "unknown query: use outcome=succeeded|failed, deliver=once|twice|reversed|forged\n",
        )
            .into_response();
    };
    let Some(link) = vendor.open(&trace_id, result) else {
        return (StatusCode::NOT_FOUND, "there is no such link\n").into_response();
    };
    let status = result.status();
    let mut report = vec![format!("the verification {trace_id} is {status}")];
    let webhook = vendor.webhook();
    for event in delivery.events(result) {
        let sent = match &webhook {
            None => "not sent: no webhook is configured".to_owned(),
            Some(webhook) => {
                let body = wire::webhook(event, &trace_id, link.correlation_id.as_deref());
                webhook.send(&body, delivery == Delivery::Forged).await
            }
        };
        report.push(format!("webhook {event}: {sent}"));
    }
    let redirect_url = link.redirect_url;
    report.push(format!("the browser would go to {redirect_url} now\n"));
    report.join("\n").into_response()
}
