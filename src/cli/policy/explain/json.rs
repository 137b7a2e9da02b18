//! An explanation for a program.

use serde_json::{Value, json};

use super::text::in_cause;
use crate::{
    cli::remedies,
    policy::{
        Decision, Effect, Explanation, ReasonCode, Timeline, TimelineChange, Timestamp, Verdict,
        Zone, suite::Case,
    },
};

/// The explanation of a case. Its timeline is in order of time, whatever brings a change.
pub(super) fn object(case: &Case, explanation: &Explanation) -> Value {
    let (decision, zones) = (&explanation.decision, &explanation.zones);
    let guards = decision.reasons().iter().map(|reason| reason.code.as_str());
    let guard = guards.take(1).find(|_| explanation.verdicts.is_empty());
    let rules: Vec<Value> = explanation.verdicts.iter().map(rule).collect();
    let (remedies, alternatives) = remedies::as_json(decision);
    let Timeline {
        changes,
        weekly,
        schedules,
        ended,
        more,
    } = &explanation.timeline;
    let mut changes: Vec<&TimelineChange> = changes.iter().chain(weekly).collect();
    changes.sort_by_key(|change| change.at);
    let changes: Vec<Value> = changes.iter().map(|of| change(of, zones)).collect();
    let ended: Vec<String> = ended.iter().map(|cause| in_cause(cause, zones)).collect();
    json!({
        "case": case.name,
        "policy": case.request.policy.as_str(),
        "at": case.now.to_string(),
        "local": local(case.now, zones),
        "decision": decision.effect().as_str(),
        "guard": guard,
        "rules": rules,
        "remedies": remedies,
        "alternatives": alternatives,
        "reusable_until": instant(decision.valid_until()),
        "next_change": next_change(decision),
        "timeline": changes,
        "more": more,
        "schedules": schedules.as_ref().map(|alternation| json!({
            "schedules": alternation.schedules,
            "inside": alternation.inside.as_str(),
            "outside": alternation.outside.as_str(),
        })),
        "ended": (!ended.is_empty()).then(|| ended.join("; ")),
    })
}

fn rule(verdict: &Verdict) -> Value {
    json!({
        "rule": &*verdict.rule,
        "effect": verdict.otherwise.as_str(),
        "met": verdict.unmet.is_none(),
        "reason": verdict.unmet.map(ReasonCode::as_str),
        "until": instant(verdict.until),
    })
}

fn change(change: &TimelineChange, zones: &[Zone]) -> Value {
    let causes = change.causes.iter().map(|cause| in_cause(cause, zones));
    json!({
        "at": change.at.to_string(),
        "local": local(change.at, zones),
        "decision": change.to.as_str(),
        "cause": causes.collect::<Vec<_>>().join("; "),
    })
}

/// The local times in the policy's zones.
fn local(at: Timestamp, zones: &[Zone]) -> Vec<String> {
    let local = |zone: &Zone| format!("{} {}", zone.local(at), zone.name());
    zones.iter().map(local).collect()
}

fn next_change(decision: &Decision) -> Option<Value> {
    let change = decision.next_change()?;
    Some(json!({ "at": change.at.to_string(), "to": Effect::as_str(change.to) }))
}

fn instant(at: Option<Timestamp>) -> Option<String> {
    at.map(|at| at.to_string())
}
