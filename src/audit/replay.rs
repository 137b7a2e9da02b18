//! What a journal's decisions would have been by other policies, where its lines say enough to know that.

use std::collections::BTreeMap;

use super::{
    changes::{Change, Groups},
    decision::DecisionLine,
};
use crate::policy::{
    PolicyName, PolicySet, Reason,
    recompute::{Requirements, SameLists},
};

/// Requirements that are named because it is not known whether they held.
const MISSING_MAX: usize = 1_000;

/// Decides what was recorded again.
#[derive(Debug)]
pub struct Replay<'p> {
    set: &'p PolicySet,
    revision: String,
    requirements: Requirements,
    report: ReplayReport,
}

/// The outcome.
#[derive(Debug, Default)]
pub struct ReplayReport {
    /// The decisions, by policy.
    pub policies: Groups,
    /// Decisions that would have been the same for other reasons.
    pub other_reasons: u64,
    /// Decisions of the same effect of which not all reasons are known.
    pub unknown_reasons: u64,
    /// Decisions of an earlier format, or with values that are not known: nothing is known of what they would have been.
    pub not_recorded: u64,
    /// Requirements of which it is not known whether they held, with how many decisions that concerns.
    pub missing: BTreeMap<Box<str>, u64>,
}

impl<'p> Replay<'p> {
    /// By these policies.
    pub fn new(set: &'p PolicySet) -> Self {
        Self {
            set,
            revision: set.revision().to_string(),
            requirements: Requirements::default(),
            report: ReplayReport::default(),
        }
    }

    /// Decides one again.
    pub fn add(&mut self, line: &DecisionLine) -> Option<Change> {
        let change = line.change_to(self.would_be(line))?;
        self.report.policies.count(line.policy(), change);
        Some(change)
    }

    /// The report.
    pub fn finish(self) -> ReplayReport {
        self.report
    }

    fn would_be(&mut self, line: &DecisionLine) -> &'static str {
        let name = PolicyName::parse(line.policy());
        let Some(policy) = name.ok().and_then(|name| self.set.find(&name)) else {
            return "absent";
        };
        let Ok(recorded) = line.recorded(&mut self.requirements) else {
            let count = &mut self.report.not_recorded;
            *count = count.saturating_add(1);
            return "unknown";
        };
        let again = policy.recompute(&recorded, self.lists(line));
        let Some(effect) = again.effect else {
            for requirement in again.missing {
                if self.report.missing.len() < MISSING_MAX {
                    let count = self.report.missing.entry(requirement).or_default();
                    *count = count.saturating_add(1);
                }
            }
            return "unknown";
        };
        if effect.as_str() == line.decision() {
            let count = match again.reasons {
                Some(reasons) if !are_same(line, &reasons) => &mut self.report.other_reasons,
                None => &mut self.report.unknown_reasons,
                Some(_) => return effect.as_str(),
            };
            *count = count.saturating_add(1);
        }
        effect.as_str()
    }

    /// Whether the lists of identities are those that were recorded.
    fn lists(&self, line: &DecisionLine) -> SameLists {
        if line.policy_revision() == self.revision {
            return SameLists::InForce;
        }
        match line.shadow() {
            Some(shadow) if *shadow.revision == *self.revision => SameLists::Shadow,
            _ => SameLists::Unknown,
        }
    }
}

fn are_same(line: &DecisionLine, reasons: &[Reason]) -> bool {
    let again = reasons.iter().map(|r| (r.code.as_str(), &*r.rule));
    line.reasons().eq(again)
}

impl ReplayReport {
    /// All decisions.
    pub fn all(&self) -> u64 {
        let policies = self.policies.iter();
        policies.fold(0, |all, (_, changes)| all.saturating_add(changes.all()))
    }
}
