//! What is valid in a policy and surely not meant. Found by comparing the policy with itself less a rule, so that a warning is
//! never a guess.

use std::{collections::BTreeSet, time::Duration};

use annotate_snippets::{Level, Renderer};

use super::{
    decision::{Effect, Refusal},
    diagnostic::Spot,
    diff::compare,
    request::PolicyName,
    rule::{Requirement, Rule},
    set::{Policy, PolicySet},
    time::Shown,
};

/// Something that is valid and surely not meant.
#[derive(Debug, Clone)]
pub struct Warning {
    /// The policy that has it.
    pub policy: PolicyName,
    /// Where it is, if the policy was read from a text.
    pub spot: Option<Spot>,
    /// What it is.
    pub message: String,
    /// What can be done about it.
    pub hint: &'static str,
}

impl Warning {
    /// The warning with its line and a caret under the place, for a terminal.
    pub fn render(&self, renderer: &Renderer) -> String {
        let Self {
            policy,
            spot,
            message,
            hint,
        } = self;
        let message = format!("policy `{policy}`: {message}");
        match spot {
            Some(spot) => spot.render(Level::WARNING, &message, Some(hint), renderer),
            None => {
                let title = Level::WARNING.primary_title(&message);
                renderer.render(&[title.element(Level::HELP.message(*hint))])
            }
        }
    }
}

/// The warnings of every policy of a set. A policy that is too large to be compared with itself has none of the first kind.
pub fn lint(set: &PolicySet) -> Vec<Warning> {
    let of = |(name, policy)| lint_one(name, policy);
    set.iter().flat_map(of).collect()
}

fn lint_one(name: &PolicyName, policy: &Policy) -> Vec<Warning> {
    let warning = |spot: Option<&Spot>, message, hint| Warning {
        policy: name.clone(),
        spot: spot.cloned(),
        message,
        hint,
    };
    if never_allows(name, policy) {
        let hint = "its rules cannot all hold together";
        let message = "it can never ALLOW".to_owned();
        return vec![warning(policy.spot(), message, hint)];
    }
    let mut warnings = Vec::new();
    for (index, rule) in policy.rules().iter().enumerate() {
        // A rule about the status always matters: without one, another stands.
        let about_status = matches!(rule.requirement(), Requirement::Status(_));
        if !about_status && never_matters(name, policy, index) {
            let message = format!("the rule `{}` can never matter", rule.text());
            let hint = "another rule always asks for as much: take one of the two out";
            warnings.push(warning(rule.spot(), message, hint));
        }
    }
    let rules = policy.rules().iter();
    let limits = rules.filter_map(|rule| Some((tightest(rule.requirement())?, rule)));
    let fresh_for = policy.evidence().fresh_for;
    if let Some((tightest, rule)) = limits.min_by_key(|(limit, _)| *limit)
        && tightest < fresh_for
    {
        let (fresh_for, tightest) = (Shown(fresh_for), Shown(tightest));
        let message = format!(
            "`fresh_for: {fresh_for}` is longer than its tightest `verified_within: {tightest}`"
        );
        let hint = "a new verification would go unnoticed for longer than an old one counts";
        warnings.push(warning(rule.spot(), message, hint));
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
