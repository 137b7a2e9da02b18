//! What the cases have tried of the policies: each rule met and unmet, and each edge from both sides.
//!
//! A case tries a rule if the rules were judged at all: a guard that fails keeps them from being judged. A rule is covered when
//! some case met it and some case did not.
//!
//! A case tries an edge at the instant `e` from before if it is at `e - 1 ms`, the last instant before it, and from after if
//! it is at `e` or at `e + 1 ms`. Only such cases distinguish a limit from every other one.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    case::Case,
    edge::{MS, Turn, edges},
};
use crate::{
    request::PolicyName,
    rule::{Given, Rule},
    set::{Policy, PolicySet},
    time::{after, before},
};

/// What was tried of every policy.
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
    /// One for each rule, in the order of the policy.
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
    /// What happens to the requirement at the edge.
    pub turn: Turn,
    /// Whether some case is at the last millisecond before it.
    pub before: bool,
    /// Whether some case is at it, or a millisecond after.
    pub after: bool,
}

impl RuleCoverage {
    /// Whether some case met it and some case did not.
    pub fn is_covered(&self) -> bool {
        self.met && self.unmet
    }
}

impl EdgeCoverage {
    /// Whether it was tried from both sides.
    pub fn is_covered(&self) -> bool {
        self.before && self.after
    }
}

impl Coverage {
    /// The coverage of no cases.
    pub(super) fn empty(policies: &PolicySet) -> Self {
        let policies = policies
            .iter()
            .map(|(name, policy)| {
                let rules = policy.rules().iter().map(RuleCoverage::empty).collect();
                (name.clone(), PolicyCoverage { cases: 0, rules })
            })
            .collect();
        Self { policies }
    }

    /// Adds what this case tries of its policy.
    pub(super) fn record(&mut self, policy: &Policy, case: &Case) {
        let Some(coverage) = self.policies.get_mut(&case.request.policy) else {
            return;
        };
        coverage.cases = coverage.cases.saturating_add(1);
        if let Some(given) = policy.judged(&case.facts()) {
            for (rule, coverage) in policy.rules().iter().zip(&mut coverage.rules) {
                coverage.record(rule, &given, case);
            }
        }
    }

    /// How many rules there are, and how many of them are covered.
    pub fn rules(&self) -> (usize, usize) {
        let rules = || self.policies.values().flat_map(|policy| &policy.rules);
        (rules().count(), rules().filter(|r| r.is_covered()).count())
    }

    /// How many edges there are, and how many of them are covered.
    pub fn edges(&self) -> (usize, usize) {
        let rules = || self.policies.values().flat_map(|policy| &policy.rules);
        let edges = || rules().flat_map(|rule| &rule.edges);
        (edges().count(), edges().filter(|e| e.is_covered()).count())
    }
}

impl RuleCoverage {
    fn empty(rule: &Rule) -> Self {
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

    fn record(&mut self, rule: &Rule, given: &Given<'_>, case: &Case) {
        if rule.requirement().holds(given).contains(case.now) {
            self.met = true;
        } else {
            self.unmet = true;
        }
        for (edge, coverage) in edges(rule).iter().zip(&mut self.edges) {
            let ahead = [after(case.now, MS)];
            let behind = [case.now, before(case.now, MS)];
            coverage.before |= edge.is_at_one_of(given, ahead);
            coverage.after |= edge.is_at_one_of(given, behind);
        }
    }
}

#[cfg(test)]
mod tests;
