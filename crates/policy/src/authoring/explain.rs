//! `policy explain`: a decision with each rule's verdict, how long that holds, and the changes to come.

use std::sync::Arc;

use crate::{
    decide::Facts,
    decision::Decision,
    effect::{Change, Effect},
    judgement::Judgement,
    limits::YEARS_AHEAD,
    reason::ReasonCode,
    rule::Judged,
    set::Policy,
    time::{Timestamp, anniversary},
};

/// The length of a timeline, in changes.
const CHANGES_MAX: usize = 8;

/// A decision, explained.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// The decision.
    pub decision: Decision,
    /// The verdict of each rule, in the order of the policy; none if a guard keeps the rules from being judged.
    pub verdicts: Vec<Verdict>,
    /// The changes by time alone, in order. The first is the decision's `next_change`.
    pub timeline: Vec<Change>,
    /// Whether there are more changes than these.
    pub goes_on: bool,
}

/// The verdict of one rule.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// The rule, as a policy would write it.
    pub rule: Arc<str>,
    /// The effect if it is not met.
    pub otherwise: Effect,
    /// Why it is not met; `None` if it is.
    pub unmet: Option<ReasonCode>,
    /// When that changes by time alone; `None` if it does not.
    pub until: Option<Timestamp>,
}

impl Policy {
    /// Decides, and explains the decision.
    pub fn explain(&self, facts: &Facts<'_>) -> Explanation {
        let judgement = self.judgement(facts);
        let (mut verdicts, mut timeline, mut goes_on) = (Vec::new(), Vec::new(), false);
        if let Ok(judgement) = &judgement {
            verdicts = verdicts_of(judgement, facts.now);
            (timeline, goes_on) = timeline_of(judgement, facts.now);
        }
        Explanation {
            decision: self.decide_by(&judgement, facts.now),
            verdicts,
            timeline,
            goes_on,
        }
    }
}

/// The verdict of each rule; none while the verification claims to have been made in the future.
fn verdicts_of(judgement: &Judgement<'_, '_>, now: Timestamp) -> Vec<Verdict> {
    if !judgement.is_credible(now) {
        return Vec::new();
    }
    let last = anniversary(now, YEARS_AHEAD);
    let verdict = |judged: &Judged<'_>| {
        let reason = judged.reason(judgement.given(), now);
        Verdict {
            rule: Arc::clone(judged.rule.text()),
            otherwise: judged.rule.otherwise().into(),
            until: judged.holds.next(reason.is_some(), now, last),
            unmet: reason.map(|reason| reason.code),
        }
    };
    judgement.rules().iter().map(verdict).collect()
}

/// Up to [`CHANGES_MAX`] changes, with the evidence and the request as they are, and whether there are more.
fn timeline_of(judgement: &Judgement<'_, '_>, mut now: Timestamp) -> (Vec<Change>, bool) {
    let mut timeline = Vec::new();
    while let Some(change) = judgement.next_change(now) {
        if timeline.len() >= CHANGES_MAX {
            return (timeline, true);
        }
        timeline.push(change);
        now = change.at;
    }
    (timeline, false)
}

#[cfg(test)]
mod tests;
