//! What a line says of the evidence. Nothing of a person's.

use serde::Serialize;

use super::parts::whole_ms;
use crate::{
    journal::entry::Entry,
    policy::{Finding, Verification, between, rfc3339},
};

#[derive(Serialize)]
pub(super) struct LineEvidence<'e> {
    source: &'static str,
    finding: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    age_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seen_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verified_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<&'e str>,
}

impl<'e> From<&'e Entry> for LineEvidence<'e> {
    fn from(entry: &'e Entry) -> Self {
        let ruling = &entry.ruling;
        let evidence = &*ruling.evidence;
        let verification: Option<&Verification> = match &evidence.finding {
            Finding::Present(verification) => Some(verification),
            Finding::Absent | Finding::Unusable(_) | Finding::Unknown => None,
        };
        let answered = !matches!(evidence.finding, Finding::Unknown);
        let age = between(evidence.seen_at, ruling.decision.decided_at());
        Self {
            source: ruling.origin.as_str(),
            finding: finding(entry),
            age_ms: answered.then(|| whole_ms(age)),
            seen_at: answered.then(|| rfc3339(evidence.seen_at)),
            verified_at: verification.and_then(|v| v.verified_at).map(rfc3339),
            status: verification.and_then(|v| v.status.as_deref()),
            trace_id: verification.and_then(|v| v.trace_id.as_deref()),
        }
    }
}

/// What the evidence was for the decision.
fn finding(entry: &Entry) -> &'static str {
    let judged = entry.ruling.successor.as_ref();
    let judged = judged.unwrap_or(&entry.request.verification);
    match &entry.ruling.evidence.finding {
        Finding::Present(verification) if verification.is_about(judged) => "present",
        Finding::Present(_) | Finding::Unusable(_) => "invalid",
        Finding::Absent => "absent",
        Finding::Unknown => "unknown",
    }
}
