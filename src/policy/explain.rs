//! A decision laid open: each rule's verdict and how long it stands, and what time will bring.

use std::sync::Arc;

use super::{
    decide::Facts,
    decision::{Change, Decision, Effect, ReasonCode},
    rule::Rule,
    set::Policy,
    time::{Timestamp, anniversary},
};

/// How many changes a timeline shows at most.
const CHANGES_MAX: usize = 8;
/// How far ahead a verdict's end is looked for, in calendar years.
const YEARS_AHEAD: u16 = 10;

/// A decision laid open.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// The decision itself.
    pub decision: Decision,
    /// What each rule says, in the order of the file; none where the evidence may not be judged.
    pub verdicts: Vec<Verdict>,
    /// The changes that time brings, in order; the first is the decision's own.
    pub timeline: Vec<Change>,
}

/// What one rule says.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// The rule, as a policy would write it.
    pub rule: Arc<str>,
    /// What happens where it is not met.
    pub otherwise: Effect,
    /// Why it is not met; nothing if it is.
    pub unmet: Option<ReasonCode>,
    /// When that becomes otherwise, if time alone does it.
    pub until: Option<Timestamp>,
}

impl Policy {
    /// Decides, and tells how.
    pub fn explain(&self, facts: &Facts<'_>) -> Explanation {
        Explanation {
            decision: self.decide(facts),
            verdicts: self.verdicts(facts),
            timeline: self.timeline(facts),
        }
    }

    fn verdicts(&self, facts: &Facts<'_>) -> Vec<Verdict> {
        let Some(given) = self.judged(facts) else {
            return Vec::new();
        };
        let last = anniversary(facts.now, YEARS_AHEAD);
        let verdict = |rule: &Rule| {
            let unmet = rule.reason(&given, facts.now).map(|reason| reason.code);
            let holds = rule.requirement().holds(&given);
            Verdict {
                rule: Arc::clone(rule.text()),
                otherwise: rule.otherwise().into(),
                unmet,
                until: holds.next(unmet.is_some(), facts.now, last),
            }
        };
        self.rules().iter().map(verdict).collect()
    }

    /// Each change is found from the one before it, with the same evidence and question.
    fn timeline(&self, facts: &Facts<'_>) -> Vec<Change> {
        let mut timeline = Vec::new();
        let mut now = facts.now;
        while timeline.len() < CHANGES_MAX
            && let Some(change) = self.decide(&Facts { now, ..*facts }).next_change()
        {
            timeline.push(change);
            now = change.at;
        }
        timeline
    }
}
