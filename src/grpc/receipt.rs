//! What an answer took, told in the trailers of the call: `server-timing`, as the W3C writes it, in milliseconds, and
//! `verigate-evidence-age-ms`. For those who ask why a door was slow; no decision hangs on it.

use std::time::Duration;

use axum::{body::Body, response::Response};
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body_util::BodyExt as _;

use crate::{
    gate::{Ruling, Spent},
    policy::{Finding, between},
};

const TIMING: HeaderName = HeaderName::from_static("server-timing");
const EVIDENCE_AGE: HeaderName = HeaderName::from_static("verigate-evidence-age-ms");

/// Trailers that wait for their answer.
#[derive(Debug, Clone)]
pub(super) struct Receipt(HeaderMap);

impl Receipt {
    pub(super) fn of(ruling: &Ruling) -> Self {
        let took = ruling.known.took;
        let Spent { decide, journal } = ruling.spent;
        let ms = |span: Duration| span.as_secs_f64() * 1000.0;
        let timing = format!(
            "queue;dur={:.3}, token;dur={:.3}, fetch;dur={:.3}, decide;dur={:.3}, journal;dur={:.3}",
            ms(took.queue),
            ms(took.token),
            ms(took.fetch),
            ms(decide),
            ms(journal)
        );
        let evidence = &ruling.known.evidence;
        let said = !matches!(evidence.finding, Finding::Unknown(_));
        let age = between(evidence.seen_at, ruling.decision.decided_at());
        let age = said.then(|| age.as_millis().to_string());
        let mut trailers = HeaderMap::new();
        for (name, text) in [(TIMING, Some(timing)), (EVIDENCE_AGE, age)] {
            // Digits and names: always a header.
            let value = text.and_then(|text| HeaderValue::try_from(text).ok());
            trailers.extend(value.map(|value| (name, value)));
        }
        Self(trailers)
    }
}

/// Adds the receipt of an answer to its trailers, where gRPC's own status is too.
pub(super) async fn attach(mut response: Response) -> Response {
    match response.extensions_mut().remove::<Receipt>() {
        None => response,
        Some(Receipt(receipt)) => response.map(|body| {
            Body::new(body.map_frame(move |mut frame| {
                if let Some(trailers) = frame.trailers_mut() {
                    trailers.extend(receipt.clone());
                }
                frame
            }))
        }),
    }
}
