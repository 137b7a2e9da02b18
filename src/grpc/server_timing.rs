//! How long an answer took, in the trailers of the call: `server-timing` (W3C, in milliseconds) and `verigate-evidence-age-ms`. For
//! those who ask why a door was slow; no decision depends on it. They are sent to a caller that asks by the metadata
//! `verigate-timing: 1`: to write them and to compress them as headers costs a good part of a warm check.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::{
    policy::{Finding, between},
    provenance::Timings,
    ruling::Ruling,
};

/// Metadata by which a call asks for the trailers; its value is `1`.
const REQUESTED: HeaderName = HeaderName::from_static("verigate-timing");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
const EVIDENCE_AGE: HeaderName = HeaderName::from_static("verigate-evidence-age-ms");

/// Trailers for a response. The handler puts them into its extensions, from where they are moved into its body.
#[derive(Debug, Clone)]
pub(super) struct ServerTiming(HeaderMap);

impl ServerTiming {
    /// Whether a call asks for the timings of its answer.
    pub(super) fn is_requested(headers: &HeaderMap) -> bool {
        headers.get(REQUESTED).is_some_and(|value| value == "1")
    }

    /// The timings of this check.
    pub(super) fn of(ruling: &Ruling) -> Self {
        let Timings {
            queue,
            token,
            fetch,
            decide,
            journal,
        } = ruling.timings;
        let ms = |step: Duration| step.as_secs_f64() * 1000.0;
        let timing = format!(
            "queue;dur={:.3}, token;dur={:.3}, fetch;dur={:.3}, decide;dur={:.3}, journal;dur={:.3}",
            ms(queue),
            ms(token),
            ms(fetch),
            ms(decide),
            ms(journal)
        );
        let evidence = &ruling.evidence;
        let answered = !matches!(evidence.finding, Finding::Unknown);
        let age = between(evidence.seen_at, ruling.decision.decided_at());
        let age = answered.then(|| age.as_millis().to_string());
        let mut trailers = HeaderMap::new();
        for (name, text) in [(SERVER_TIMING, Some(timing)), (EVIDENCE_AGE, age)] {
            // Digits and names are always a valid header value.
            let value = text.and_then(|text| HeaderValue::try_from(text).ok());
            trailers.extend(value.map(|value| (name, value)));
        }
        Self(trailers)
    }

    /// The trailers.
    pub(super) fn into_trailers(self) -> HeaderMap {
        self.0
    }
}
