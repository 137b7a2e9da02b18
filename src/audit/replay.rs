//! What a journal's decisions would have been by other policies, where its lines say enough to know that.

use std::collections::BTreeMap;

use super::{
    changes::{Change, Groups},
    decision::DecisionLine,
    facts::{FactsOpener, OpenedFacts},
};
use crate::{
    journal::{AuditorKey, FactsError},
    policy::{
        Policy, PolicyName, PolicySet, Reason,
        recompute::{Requirements, SameLists},
    },
};

/// Requirements that are named because it is not known whether they held.
const MISSING_MAX: usize = 1_000;

/// Decides what was recorded again.
#[derive(Debug)]
pub struct Replay<'p> {
    set: &'p PolicySet,
    revision: String,
    requirements: Requirements,
    opener: Option<FactsOpener>,
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
    /// Decisions that were made again from their full facts.
    pub from_facts: u64,
    /// Decisions whose facts lack data that the policies read.
    pub not_kept: u64,
    /// Decisions whose facts cannot be opened, by cause.
    pub not_opened: BTreeMap<FactsError, NotOpened>,
}

/// Facts that cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotOpened {
    /// Of how many decisions.
    pub count: u64,
    /// The id of the first one.
    pub first: Box<str>,
}

impl<'p> Replay<'p> {
    /// By these policies.
    pub fn new(set: &'p PolicySet) -> Self {
        Self {
            set,
            revision: set.revision().to_string(),
            requirements: Requirements::default(),
            opener: None,
            report: ReplayReport::default(),
        }
    }

    /// With the keys of an auditor, which open the facts of lines.
    pub fn with_keys(self, keys: Vec<AuditorKey>) -> Self {
        Self {
            opener: Some(FactsOpener::new(keys)),
            ..self
        }
    }

    /// Learns from a line that is no decision. Lines have to come in the order of the journal.
    pub fn learn(&mut self, line: &[u8]) {
        if let Some(opener) = &mut self.opener {
            opener.learn(line);
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
        match self.opener.as_ref().and_then(|opener| opener.open(line)) {
            None => {}
            Some(Ok(facts)) => return self.by_facts(policy, line, &facts),
            Some(Err(error)) => {
                let found = self.report.not_opened.entry(error);
                let found = found.or_insert_with(|| NotOpened {
                    count: 0,
                    first: line.decision_id().into(),
                });
                found.count = found.count.saturating_add(1);
                // The line itself may say enough, unless it was changed.
                match error {
                    FactsError::NoKey | FactsError::OtherAuditor | FactsError::BadKey => {}
                    FactsError::Damaged | FactsError::OtherForm => return "unknown",
                }
            }
        }
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
        self.count_reasons(line, effect.as_str(), again.reasons.as_deref());
        effect.as_str()
    }

    /// What the policy would have decided on the facts.
    fn by_facts(
        &mut self,
        policy: &Policy,
        line: &DecisionLine,
        facts: &OpenedFacts,
    ) -> &'static str {
        // In force, the policy would have had what it reads: only the one that decided is known to have gone without.
        if facts.lack(policy) && line.policy_revision() != self.revision {
            self.report.not_kept = self.report.not_kept.saturating_add(1);
            return "unknown";
        }
        self.report.from_facts = self.report.from_facts.saturating_add(1);
        let assessment = policy.assess(&facts.facts(), facts.vendor_at);
        let effect = assessment.effect.as_str();
        self.count_reasons(line, effect, Some(&assessment.reasons));
        effect
    }

    /// Counts a decision that would have been the same for other reasons.
    fn count_reasons(&mut self, line: &DecisionLine, effect: &str, reasons: Option<&[Reason]>) {
        if effect == line.decision() {
            let count = match reasons {
                Some(reasons) if !are_same(line, reasons) => &mut self.report.other_reasons,
                None => &mut self.report.unknown_reasons,
                Some(_) => return,
            };
            *count = count.saturating_add(1);
        }
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
