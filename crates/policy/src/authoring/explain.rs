//! `policy explain`: a decision with each rule's verdict, how long that holds, and the changes to come with their causes.

mod cause;
mod timeline;

use std::sync::Arc;

pub use self::{
    cause::{Cause, Turn},
    timeline::{Alternation, Timeline, TimelineChange},
};
use crate::{
    decide::Facts,
    decision::Decision,
    effect::Effect,
    judgement::Judgement,
    limits::YEARS_AHEAD,
    reason::ReasonCode,
    rule::{Judged, Requirement},
    schedule::Zone,
    set::Policy,
    time::{Timestamp, anniversary},
};

/// A decision, explained.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// The decision.
    pub decision: Decision,
    /// The verdict of each rule, in the order of the policy; none if a guard keeps the rules from being judged.
    pub verdicts: Vec<Verdict>,
    /// The changes by time alone.
    pub timeline: Timeline,
    /// The zones of the policy's schedules, by name.
    pub zones: Vec<Zone>,
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
        let (mut verdicts, mut timeline) = (Vec::new(), Timeline::default());
        if let Ok(judgement) = &judgement {
            verdicts = verdicts_of(judgement, facts.now);
            timeline = timeline::timeline(judgement, facts.now);
        }
        Explanation {
            decision: self.decide_by(&judgement, facts.now),
            verdicts,
            timeline,
            zones: zones(self),
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

/// The zones of the policy's schedules, each once, by name.
fn zones(policy: &Policy) -> Vec<Zone> {
    let mut zones = Vec::new();
    for rule in policy.rules() {
        add_zones(rule.requirement(), &mut zones);
    }
    zones.sort_by(|a, b| a.name().cmp(b.name()));
    zones.dedup();
    zones
}

fn add_zones(requirement: &Requirement, zones: &mut Vec<Zone>) {
    match requirement {
        Requirement::Schedule(schedule) => zones.push(schedule.local_zone().clone()),
        Requirement::AnyOf(parts) | Requirement::AllOf(parts) => {
            parts.iter().for_each(|part| add_zones(part, zones));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests;
