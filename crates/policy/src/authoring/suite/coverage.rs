//! What the cases have tried of the policies: each rule met and unmet, and each edge in time from both sides.
//!
//! A case tries a rule if the policy's rules judged it at all: with a guard that failed, no rule was asked. A rule is tried
//! whole when some case met it and some case did not.
//!
//! A case tries an edge at the instant `e` from before if it is at `e - 1 ms`, the last instant before it, and from after if
//! it is at `e` or at `e + 1 ms`. Both sides together tell a limit from every other one; a case further off tells less.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Case,
    edge::{MS, Turn, edges},
};
use crate::{
    request::PolicyName,
    rule::{Given, Rule},
    set::{Policy, PolicySet},
    time::{after, before},
};

/// What was tried of every policy, in the order of their names.
#[derive(Debug)]
pub struct Coverage {
    /// One for each policy of the set.
    pub policies: BTreeMap<PolicyName, PolicyCoverage>,
}

/// What was tried of one policy.
#[derive(Debug)]
pub struct PolicyCoverage {
    /// How many cases are about it.
    pub cases: usize,
    /// One for each rule, in their order.
    pub rules: Vec<RuleCoverage>,
}

/// What was tried of one rule.
#[derive(Debug)]
pub struct RuleCoverage {
    /// The rule, as the policy writes it.
    pub rule: Arc<str>,
    /// Whether some case met it.
    pub met: bool,
    /// Whether some case did not.
    pub unmet: bool,
    /// One for each edge that it can have.
    pub edges: Vec<EdgeCoverage>,
}

/// What was tried of one edge.
#[derive(Debug)]
pub struct EdgeCoverage {
    /// The requirement, as the policy writes it: the rule's own, or one inside it.
    pub requirement: String,
    /// Which way it turns.
    pub turn: Turn,
    /// Whether some case is on its last millisecond before.
    pub before: bool,
    /// Whether some case is on it, or a millisecond after.
    pub after: bool,
}

impl RuleCoverage {
    /// Whether some case met it and some case did not.
    pub fn is_whole(&self) -> bool {
        self.met && self.unmet
    }
}

impl EdgeCoverage {
    /// Whether it was tried from both sides.
    pub fn is_whole(&self) -> bool {
        self.before && self.after
    }
}

impl Coverage {
    /// Nothing tried yet.
    pub(super) fn none(policies: &PolicySet) -> Self {
        let policies = policies
            .iter()
            .map(|(name, policy)| {
                let rules = policy.rules().iter().map(RuleCoverage::none).collect();
                (name.clone(), PolicyCoverage { cases: 0, rules })
            })
            .collect();
        Self { policies }
    }

    /// Notes what this case tries.
    pub(super) fn note(&mut self, policy: &Policy, case: &Case) {
        let Some(coverage) = self.policies.get_mut(&case.request.policy) else {
            return;
        };
        coverage.cases = coverage.cases.saturating_add(1);
        if let Some(given) = policy.judged(&case.facts()) {
            for (rule, coverage) in policy.rules().iter().zip(&mut coverage.rules) {
                coverage.note(rule, &given, case);
            }
        }
    }

    /// How many rules there are, and how many of them were tried whole.
    pub fn rules(&self) -> (usize, usize) {
        let rules = || self.policies.values().flat_map(|policy| &policy.rules);
        (rules().count(), rules().filter(|r| r.is_whole()).count())
    }

    /// How many edges there are, and how many of them were tried from both sides.
    pub fn edges(&self) -> (usize, usize) {
        let rules = || self.policies.values().flat_map(|policy| &policy.rules);
        let edges = || rules().flat_map(|rule| &rule.edges);
        (edges().count(), edges().filter(|e| e.is_whole()).count())
    }
}

impl RuleCoverage {
    fn none(rule: &Rule) -> Self {
        let edges = edges(rule).into_iter().map(|edge| EdgeCoverage {
            requirement: edge.requirement.to_string(),
            turn: edge.turn,
            before: false,
            after: false,
        });
        Self {
            rule: Arc::clone(rule.text()),
            met: false,
            unmet: false,
            edges: edges.collect(),
        }
    }

    fn note(&mut self, rule: &Rule, given: &Given<'_>, case: &Case) {
        if rule.requirement().holds(given).contains(case.now) {
            self.met = true;
        } else {
            self.unmet = true;
        }
        for (edge, coverage) in edges(rule).iter().zip(&mut self.edges) {
            let ahead = [after(case.now, MS)];
            let behind = [case.now, before(case.now, MS)];
            coverage.before |= edge.at_one_of(given, ahead).is_some();
            coverage.after |= edge.at_one_of(given, behind).is_some();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_tried_from_one_side_only_is_not_whole() {
        for (one, other) in [(false, false), (true, false), (false, true), (true, true)] {
            let edge = EdgeCoverage {
                requirement: "verified_within: 30d".to_owned(),
                turn: Turn::Ends,
                before: one,
                after: other,
            };
            let rule = RuleCoverage {
                rule: "verified_within: 30d".into(),
                met: one,
                unmet: other,
                edges: Vec::new(),
            };
            assert_eq!(
                (edge.is_whole(), rule.is_whole()),
                (one && other, one && other)
            );
        }
    }
}
