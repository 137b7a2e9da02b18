//! A decision laid open: each rule's verdict and how long it stands, and what time will bring.

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

/// How many changes a timeline shows at most.
const CHANGES_MAX: usize = 8;

/// A decision laid open.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// The decision itself.
    pub decision: Decision,
    /// What each rule says, in the order of the file; none where the evidence may not be judged.
    pub verdicts: Vec<Verdict>,
    /// The changes that time brings, in order; the first is the decision's own.
    pub timeline: Vec<Change>,
    /// Whether there are more than these.
    pub goes_on: bool,
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

/// What each rule says; nothing of the rules where the evidence may not be judged yet.
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

/// Each change is found from the one before it, with the same evidence and question; and whether there are more.
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
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        Evidence, Finding, PolicyName, Request, SourceText, Verification, VerificationId, parse,
    };

    /// Laid open on Saturday, 31 January 2026, at noon; verified a day before.
    fn explain(rules: &str) -> Explanation {
        let text = format!("version: 1\npolicies: {{p: {{require: [{rules}]}}}}");
        let path = "p.yaml".to_owned();
        let no_lists = |_: &str, _: &str| Err("no file".to_owned());
        let set = parse(&[Arc::new(SourceText { path, text })], &no_lists).unwrap();
        let name = PolicyName::parse("p").unwrap();
        let now = "2026-01-31T12:00:00Z".parse().unwrap();
        set.find(&name).unwrap().explain(&Facts {
            request: &Request {
                policy: name.clone(),
                verification: VerificationId::parse("v-1").unwrap(),
                identity: None,
                authentication: None,
                attributes: std::collections::BTreeMap::new(),
                id: "".into(),
            },
            evidence: &Evidence {
                finding: Finding::Present(Verification {
                    id: Some("v-1".into()),
                    status: Some("VERIFIED".into()),
                    verified_at: Some("2026-01-30T12:00:00Z".parse().unwrap()),
                    ..Verification::default()
                }),
                seen_at: now,
            },
            now,
        })
    }

    #[test]
    fn each_rule_tells_why_it_is_unmet_and_until_when() {
        let verdicts = explain("verified_within: 30d, identity: same_as_request").verdicts;
        let told: Vec<_> = verdicts
            .iter()
            .map(|v| {
                (
                    &*v.rule,
                    v.otherwise,
                    v.unmet,
                    v.until.map(|at| at.to_string()),
                )
            })
            .collect();
        let until = Some("2026-03-01T12:00:00Z".to_owned());
        assert_eq!(
            told,
            [
                ("status: [VERIFIED]", Effect::Deny, None, None),
                ("verified_within: 30d", Effect::Deny, None, until),
                (
                    "identity: same_as_request",
                    Effect::Deny,
                    Some(ReasonCode::IdentityNotGiven),
                    None
                ),
            ]
        );
    }

    #[test]
    fn a_timeline_is_of_changes_that_differ_and_ends_after_the_eighth() {
        let explained = explain(
            "schedule: {days: [mon, tue, wed, thu, fri], from: \"07:00\", to: \"19:00\", zone: UTC}",
        );
        assert!(explained.goes_on, "it says that there is more");
        let timeline = explained.timeline.iter();
        let told: Vec<_> = timeline.map(|c| format!("{} {}", c.at, c.to)).collect();
        assert_eq!(
            told,
            [
                "2026-02-02T07:00:00Z allow",
                "2026-02-02T19:00:00Z deny",
                "2026-02-03T07:00:00Z allow",
                "2026-02-03T19:00:00Z deny",
                "2026-02-04T07:00:00Z allow",
                "2026-02-04T19:00:00Z deny",
                "2026-02-05T07:00:00Z allow",
                "2026-02-05T19:00:00Z deny",
            ]
        );
        let ends = explain("verified_within: 30d");
        assert_eq!((ends.timeline.len(), ends.goes_on), (1, false));
    }
}
