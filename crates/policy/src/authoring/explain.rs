//! `policy explain`: a decision with the verdict of each rule, how long the verdict stays, and future changes with their causes.

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
    /// The zones of the schedules that affect this decision, by name; if none does, the zones of all schedules of the policy.
    pub zones: Vec<Zone>,
}

/// The verdict of one rule.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// The rule, as a policy would write it.
    pub rule: Arc<str>,
    /// The same in several lines, each with its depth of nesting; one line if it has no parts.
    pub lines: Vec<(usize, String)>,
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
        let mut zones = Vec::new();
        if let Ok(judgement) = &judgement {
            let rules = judgement.rules().iter();
            let schedules = rules.flat_map(|judged| judged.holds.schedules());
            zones.extend(schedules.map(|schedule| schedule.local_zone().clone()));
            verdicts = verdicts_of(judgement, facts.now);
            timeline = timeline::timeline(judgement, facts.now);
        }
        Explanation {
            decision: self.decide_by(&judgement, facts.now),
            verdicts,
            timeline,
            zones: self.zones_or(zones),
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
            lines: lines(judged.rule.requirement()),
            otherwise: judged.rule.otherwise().into(),
            until: judged.holds.next(reason.is_some(), now, last),
            unmet: reason.map(|reason| reason.code),
        }
    };
    judgement.rules().iter().map(verdict).collect()
}

impl Policy {
    /// These zones, or the zones of the policy's schedules if there are none; each once, by name.
    fn zones_or(&self, mut zones: Vec<Zone>) -> Vec<Zone> {
        if zones.is_empty() {
            for rule in self.rules() {
                add_zones(rule.requirement(), &mut zones);
            }
        }
        zones.sort_by(|a, b| a.name().cmp(b.name()));
        zones.dedup();
        zones
    }
}

/// A requirement in lines: one for each part without parts of its own.
fn lines(requirement: &Requirement) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    add_lines(requirement, 0, &mut lines);
    lines
}

fn add_lines(requirement: &Requirement, depth: usize, lines: &mut Vec<(usize, String)>) {
    let item = if depth > 0 { "- " } else { "" };
    let (key, parts) = match requirement {
        Requirement::AnyOf(parts) => ("any_of", parts),
        Requirement::AllOf(parts) => ("all_of", parts),
        leaf => return lines.push((depth, format!("{item}{leaf}"))),
    };
    lines.push((depth, format!("{item}{key}:")));
    for part in parts {
        add_lines(part, depth.saturating_add(1), lines);
    }
}

fn add_zones(requirement: &Requirement, zones: &mut Vec<Zone>) {
    match requirement {
        Requirement::Schedule(schedule) => zones.push(schedule.local_zone().clone()),
        Requirement::AnyOf(parts) | Requirement::AllOf(parts) => {
            for part in parts {
                add_zones(part, zones);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests;
