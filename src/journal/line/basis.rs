//! What the decision in a line rests on, requirement by requirement, and what the shadow policies would have decided. Nothing of a person's.

use std::borrow::Cow;

use serde::Serialize;

use super::parts::{LineReason, line_reasons};
use crate::{
    journal::entry::Entry,
    policy::{Facts, Request, RequirementVerdict, Timestamp, Window, rfc3339, verdicts},
    ruling::{Shadow, ShadowOutcome},
};

/// The verdict on one requirement.
#[derive(Serialize)]
pub(super) struct LineVerdict<'e> {
    requirement: &'e str,
    #[serde(flatten)]
    window: LineWindow,
    /// At the instant of the vendor's clock, if that is outside of the window.
    #[serde(skip_serializing_if = "Option::is_none")]
    vendor: Option<LineWindow>,
}

#[derive(Serialize)]
struct LineWindow {
    holds: Holds,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
}

/// `true`, `false`, or why that is not known.
#[derive(Serialize)]
#[serde(untagged)]
enum Holds {
    Known(bool),
    Unknown(&'static str),
}

/// What the shadow policies would have decided.
#[derive(Serialize)]
pub(super) struct LineShadow<'e> {
    revision: String,
    decision: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasons: Option<Vec<LineReason<'e>>>,
}

/// The verdicts on what the policy, and its shadow, read.
pub(super) fn entry_verdicts(entry: &Entry) -> Vec<RequirementVerdict<'_>> {
    let Entry {
        request,
        ruling,
        sets,
        ..
    } = entry;
    let judged = judged_request(entry);
    let facts = Facts {
        request: &judged,
        evidence: &ruling.evidence,
        now: ruling.decision.decided_at(),
    };
    let sets = [Some(&sets.in_force), sets.shadow.as_ref()];
    let sets = sets.into_iter().flatten();
    let policies = sets.filter_map(|set| set.find(&request.policy));
    verdicts(policies, &facts, ruling.vendor_at)
}

/// The request that the evidence is about.
fn judged_request(entry: &Entry) -> Cow<'_, Request> {
    match &entry.ruling.successor {
        None => Cow::Borrowed(&*entry.request),
        Some(successor) => Cow::Owned(Request {
            verification: successor.clone(),
            ..(*entry.request).clone()
        }),
    }
}

impl<'e> From<RequirementVerdict<'e>> for LineVerdict<'e> {
    fn from(verdict: RequirementVerdict<'e>) -> Self {
        Self {
            requirement: verdict.requirement,
            window: LineWindow::from(verdict.window),
            vendor: verdict.other.map(|other| LineWindow::from(Some(other))),
        }
    }
}

impl From<Option<Window>> for LineWindow {
    fn from(window: Option<Window>) -> Self {
        let holds = window.map_or(Holds::Unknown("unknown"), |window| {
            Holds::Known(window.unmet.is_none())
        });
        let bound = |bound: Option<Timestamp>| bound.map(rfc3339);
        Self {
            holds,
            reason: window.and_then(|window| Some(window.unmet?.as_str())),
            from: window.and_then(|window| bound(window.from)),
            until: window.and_then(|window| bound(window.until)),
        }
    }
}

impl<'e> From<&'e Shadow> for LineShadow<'e> {
    fn from(shadow: &'e Shadow) -> Self {
        let reasons = match &shadow.outcome {
            ShadowOutcome::Decided(assessment) => Some(line_reasons(&assessment.reasons)),
            ShadowOutcome::Absent | ShadowOutcome::Unknown => None,
        };
        Self {
            revision: shadow.revision.to_string(),
            decision: shadow.outcome.as_str(),
            reasons,
        }
    }
}
