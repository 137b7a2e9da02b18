//! What the decision in a line rests on, requirement by requirement, and what the shadow policies would have decided. Nothing of a person's.

use std::borrow::Cow;

use super::{object::Object, parts::reasons};
use crate::{
    journal::entry::Entry,
    policy::{Facts, Request, RequirementVerdict, Window, verdicts as verdicts_on},
    ruling::{Shadow, ShadowOutcome},
};

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
    verdicts_on(policies, &facts, ruling.vendor_at)
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

/// The verdict on each requirement.
pub(super) fn verdicts(line: &mut Object<'_>, verdicts: &[RequirementVerdict<'_>]) {
    line.objects("verdicts", verdicts, |object, verdict| {
        object.text("requirement", verdict.requirement);
        window(object, verdict.window);
        // At the instant of the vendor's clock, if that is outside of the window.
        if let Some(other) = verdict.other {
            object.object("vendor", |object| window(object, Some(other)));
        }
    });
}

/// Whether something holds, why not, and between which instants that stays so.
fn window(object: &mut Object<'_>, window: Option<Window>) {
    let Some(Window { unmet, from, until }) = window else {
        return object.text("holds", "unknown");
    };
    object.flag("holds", unmet.is_none());
    if let Some(reason) = unmet {
        object.text("reason", reason.as_str());
    }
    if let Some(from) = from {
        object.instant("from", from);
    }
    if let Some(until) = until {
        object.instant("until", until);
    }
}

/// What the shadow policies would have decided.
pub(super) fn shadow(line: &mut Object<'_>, shadow: &Shadow) {
    line.object("shadow", |object| {
        object.revision("revision", shadow.revision);
        object.text("decision", shadow.outcome.as_str());
        if let ShadowOutcome::Decided(assessment) = &shadow.outcome {
            reasons(object, &assessment.reasons);
        }
    });
}
