//! What a line says of the evidence. Nothing of a person's.

use super::{object::Object, parts::whole_ms};
use crate::{
    journal::{Protection, entry::Entry},
    policy::{Finding, Verification, between},
};

/// What is recorded of the evidence of this entry.
pub(super) fn evidence(line: &mut Object<'_>, entry: &Entry) {
    let ruling = &entry.ruling;
    let evidence = &*ruling.evidence;
    line.object("evidence", |object| {
        object.text("source", ruling.origin.as_str());
        object.text("finding", finding(entry));
        if matches!(evidence.finding, Finding::Unknown) {
            return;
        }
        let age = between(evidence.seen_at, ruling.decision.decided_at());
        object.number("age_ms", whole_ms(age));
        object.instant("seen_at", evidence.seen_at);
        if let Finding::Present(verification) = &evidence.finding {
            meta(object, verification, &entry.protection);
        }
    });
}

/// What the vendor said of the verification itself.
fn meta(object: &mut Object<'_>, verification: &Verification, protection: &Protection) {
    if let Some(verified_at) = verification.verified_at {
        object.instant("verified_at", verified_at);
    }
    if let Some(status) = &verification.status {
        object.text("status", status);
    }
    if let Some(trace_id) = &verification.trace_id {
        object.text("trace_id", &protection.verification(trace_id));
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
