//! What is valid in a policy and surely not meant. Found by comparing the policy with itself less a rule, so that a warning is
//! never a guess.

use std::{collections::BTreeSet, fmt, time::Duration};

use super::{
    decision::{Effect, Refusal},
    diff::compare,
    request::PolicyName,
    rule::{Requirement, Rule},
    set::{Policy, PolicySet},
    time::Shown,
};

/// Something that is valid and surely not meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The policy that has it.
    pub policy: PolicyName,
    /// What it is.
    pub message: String,
    /// What can be done about it.
    pub hint: &'static str,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            policy,
            message,
            hint,
        } = self;
        write!(f, "warning: policy `{policy}`: {message}\n  = help: {hint}")
    }
}

/// The warnings of every policy of a set. A policy that is too large to be compared with itself has none of the first kind.
pub fn lint(set: &PolicySet) -> Vec<Warning> {
    let of = |(name, policy)| lint_one(name, policy);
    set.iter().flat_map(of).collect()
}

fn lint_one(name: &PolicyName, policy: &Policy) -> Vec<Warning> {
    let warning = |message, hint| Warning {
        policy: name.clone(),
        message,
        hint,
    };
    if never_allows(name, policy) {
        let hint = "its rules cannot all hold together";
        return vec![warning("it can never ALLOW".to_owned(), hint)];
    }
    let mut warnings = Vec::new();
    for (index, rule) in policy.rules().iter().enumerate() {
        // A rule about the status always matters: without one, another stands.
        let about_status = matches!(rule.requirement(), Requirement::Status(_));
        if !about_status && never_matters(name, policy, index) {
            let message = format!("the rule `{}` can never matter", rule.text());
            let hint = "another rule always asks for as much: take one of the two out";
            warnings.push(warning(message, hint));
        }
    }
    let tightest = policy
        .rules()
        .iter()
        .filter_map(|r| tightest(r.requirement()))
        .min();
    let fresh_for = policy.evidence().fresh_for;
    if let Some(tightest) = tightest.filter(|tightest| *tightest < fresh_for) {
        let (fresh_for, tightest) = (Shown(fresh_for), Shown(tightest));
        let message = format!(
            "`fresh_for: {fresh_for}` is longer than its tightest `verified_within: {tightest}`"
        );
        let hint = "a new verification would go unnoticed for longer than an old one counts";
        warnings.push(warning(message, hint));
    }
    warnings
}

/// Whether the same policy without this rule decides every check alike.
fn never_matters(name: &PolicyName, policy: &Policy, index: usize) -> bool {
    let rules = policy.rules().iter().enumerate();
    let others = rules.filter(|(other, _)| *other != index);
    let without = with_rules(policy, others.map(|(_, rule)| rule.clone()).collect());
    compare(name, policy, &without).is_ok_and(|changes| changes.cells.is_empty())
}

/// Whether a policy that denies everything differs from it nowhere where it allows.
fn never_allows(name: &PolicyName, policy: &Policy) -> bool {
    let nothing = Rule::new(Requirement::Status(BTreeSet::new()), Refusal::Deny);
    let denies = with_rules(policy, vec![nothing]);
    compare(name, policy, &denies)
        .is_ok_and(|changes| changes.cells.iter().all(|cell| cell.old != Effect::Allow))
}

fn with_rules(policy: &Policy, rules: Vec<Rule>) -> Policy {
    Policy::new(None, rules, policy.evidence(), policy.reuse_allow())
}

fn tightest(requirement: &Requirement) -> Option<Duration> {
    match requirement {
        Requirement::VerifiedWithin(within) => Some(*within),
        Requirement::AnyOf(parts) | Requirement::AllOf(parts) => {
            parts.iter().filter_map(tightest).min()
        }
        _ => None,
    }
}
