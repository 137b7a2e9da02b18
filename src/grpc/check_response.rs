//! Renders a [`Ruling`] as a `CheckAccessResponse`. Every conversion is an exhaustive match: nothing that is not an ALLOW is rendered as
//! one, and the zero value of the wire is never produced.

use crate::{
    policy::{Change, Decision, Effect, Finding, Reason, ReasonCode, Scope},
    proto::{
        remedies,
        time::{duration, timestamp},
        v1,
    },
    provenance::Origin,
    ruling::Ruling,
};

/// Renders a ruling on the request with this id.
pub(super) fn check_response(request_id: Box<str>, ruling: &Ruling) -> v1::CheckAccessResponse {
    let decision = &ruling.decision;
    v1::CheckAccessResponse {
        decision: effect(decision.effect()).into(),
        reasons: decision.reasons().iter().map(reason).collect(),
        decision_id: ruling.id.to_string(),
        policy_revision: ruling.revision.to_string(),
        decided_at: Some(timestamp(decision.decided_at())),
        valid_until: decision.valid_until().map(timestamp),
        valid_for: decision.valid_for().map(duration),
        next_change: next_change(decision),
        step_up: remedies::step_up(decision),
        evidence: Some(evidence(ruling)),
        degraded: ruling.degraded,
        request_id: request_id.into(),
    }
}

fn effect(effect: Effect) -> v1::Decision {
    match effect {
        Effect::Allow => v1::Decision::Allow,
        Effect::StepUp => v1::Decision::StepUp,
        Effect::Deny => v1::Decision::Deny,
    }
}

fn reason(reason: &Reason) -> v1::Reason {
    v1::Reason {
        code: code(reason.code).into(),
        rule: reason.rule.to_string(),
        effect: effect(reason.effect.into()).into(),
        message: reason.code.in_words().to_owned(),
    }
}

pub(super) fn code(code: ReasonCode) -> v1::ReasonCode {
    match code {
        ReasonCode::VerificationNotFound => v1::ReasonCode::VerificationNotFound,
        ReasonCode::EvidenceUnavailable => v1::ReasonCode::EvidenceUnavailable,
        ReasonCode::EvidenceInvalid => v1::ReasonCode::EvidenceInvalid,
        ReasonCode::StatusNotAccepted => v1::ReasonCode::StatusNotAccepted,
        ReasonCode::VerificationTooOld => v1::ReasonCode::VerificationTooOld,
        ReasonCode::VerifiedAtMissing => v1::ReasonCode::VerifiedAtMissing,
        ReasonCode::VerifiedAtInFuture => v1::ReasonCode::VerifiedAtInFuture,
        ReasonCode::ScopeNotGranted => v1::ReasonCode::ScopeNotGranted,
        ReasonCode::DataMissing => v1::ReasonCode::DataMissing,
        ReasonCode::DataInvalid => v1::ReasonCode::DataInvalid,
        ReasonCode::UnderAge => v1::ReasonCode::UnderAge,
        ReasonCode::OverAge => v1::ReasonCode::OverAge,
        ReasonCode::PhoneNotAccepted => v1::ReasonCode::PhoneNotAccepted,
        ReasonCode::IdentityNotGiven => v1::ReasonCode::IdentityNotGiven,
        ReasonCode::IdentityMismatch => v1::ReasonCode::IdentityMismatch,
        ReasonCode::IdentityNotListed => v1::ReasonCode::IdentityNotListed,
        ReasonCode::IdentityBlocked => v1::ReasonCode::IdentityBlocked,
        ReasonCode::ProjectNotAccepted => v1::ReasonCode::ProjectNotAccepted,
        ReasonCode::AuthenticationRequired => v1::ReasonCode::AuthenticationRequired,
        ReasonCode::AttributeNotAccepted => v1::ReasonCode::AttributeNotAccepted,
        ReasonCode::OutsideSchedule => v1::ReasonCode::OutsideSchedule,
        ReasonCode::NoAlternativeMet => v1::ReasonCode::NoAlternativeMet,
    }
}

fn next_change(decision: &Decision) -> Option<v1::Change> {
    decision.next_change().map(|Change { at, to }| v1::Change {
        at: Some(timestamp(at)),
        to: effect(to).into(),
    })
}

fn evidence(ruling: &Ruling) -> v1::EvidenceInfo {
    let source = match ruling.origin {
        Origin::Cache => v1::EvidenceSource::Cache,
        Origin::Upstream => v1::EvidenceSource::Upstream,
        Origin::Stale => v1::EvidenceSource::Stale,
        Origin::None => v1::EvidenceSource::None,
    };
    let info = v1::EvidenceInfo {
        source: source.into(),
        fresh_until: ruling.fresh_until.map(timestamp),
        ..v1::EvidenceInfo::default()
    };
    let seen_at = Some(timestamp(ruling.evidence.seen_at));
    match &ruling.evidence.finding {
        Finding::Unknown => info,
        Finding::Absent | Finding::Unusable(_) => v1::EvidenceInfo { seen_at, ..info },
        Finding::Present(verification) => v1::EvidenceInfo {
            seen_at,
            verified_at: verification.verified_at.map(timestamp),
            status: text(verification.status.as_deref()),
            scopes: names(verification.scopes.iter()),
            trace_id: text(verification.trace_id.as_deref()),
            ..info
        },
    }
}

fn text(text: Option<&str>) -> String {
    text.unwrap_or_default().to_owned()
}

fn names<'s>(scopes: impl IntoIterator<Item = &'s Scope>) -> Vec<String> {
    scopes.into_iter().map(|s| s.as_str().to_owned()).collect()
}
