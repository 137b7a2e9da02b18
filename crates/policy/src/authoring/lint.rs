//! Warnings about policies: what is valid and surely a mistake. They are found by comparing a policy with itself less a rule (see
//! [`diff`](super::diff)), so that a warning is never a guess.

use std::time::Duration;

use annotate_snippets::{Level, Renderer};

use crate::{
    authoring::diff::{Direction, WorkBudget, policy_differs},
    effect::Refusal,
    request::PolicyName,
    rule::{Requirement, Rule},
    set::{Policy, PolicySet},
    time::Shown,
    yaml::Location,
};

/// Something in a policy that is valid and surely a mistake.
#[derive(Debug, Clone)]
pub struct Warning {
    /// The policy that has it.
    pub policy: PolicyName,
    /// Where it is, if the policy was read from a text.
    pub location: Option<Location>,
    /// What it is.
    pub message: String,
    /// What can be done about it.
    pub hint: &'static str,
}

impl Warning {
    /// The warning with its line and a caret under the position, for a terminal.
    pub fn render(&self, renderer: &Renderer) -> String {
        let Self {
            policy,
            location,
            message,
            hint,
        } = self;
        let message = format!("policy `{policy}`: {message}");
        match location {
            Some(location) => {
                location.render(Level::WARNING, &message, Some(hint), &[], renderer)
            }
            None => {
                let title = Level::WARNING.primary_title(&message);
                renderer.render(&[title.element(Level::HELP.message(*hint))])
            }
        }
    }
}

/// The work budget of one policy.
const POLICY_STEPS_MAX: usize = 2_000_000;
/// The work budget of a set of policies: about a second's work.
const SET_STEPS_MAX: usize = 20_000_000;

/// The warnings of every policy of a set, in the order of the text. A policy that exhausts its work budget, or that comes when
/// that of the set is exhausted, has none of the warnings that need a comparison.
pub fn lint(set: &PolicySet) -> Vec<Warning> {
    let mut set_steps = SET_STEPS_MAX;
    let mut warnings = Vec::new();
    for (name, policy) in set.iter() {
        let steps = set_steps.min(POLICY_STEPS_MAX);
        let mut budget = WorkBudget::new(steps);
        warnings.extend(lint_policy(name, policy, &mut budget));
        let spent = steps.saturating_sub(budget.remaining());
        set_steps = set_steps.saturating_sub(spent);
    }
    warnings.sort_by(|one: &Warning, other: &Warning| position(one).cmp(&position(other)));
    warnings
}

/// The file, line and column of a warning.
fn position(warning: &Warning) -> Option<(&str, usize, usize)> {
    let location = warning.location.as_ref()?;
    let position = location.position;
    Some((&location.source.path, position.line, position.column))
}

fn lint_policy(name: &PolicyName, policy: &Policy, budget: &mut WorkBudget) -> Vec<Warning> {
    let warning = |location: Option<&Location>, message, hint| Warning {
        policy: name.clone(),
        location: location.cloned(),
        message,
        hint,
    };
    if never_allows(name, policy, budget) {
        // The default rule about the status is not in the text.
        let written = policy
            .rules()
            .iter()
            .filter(|rule| rule.location().is_some());
        let hint = if written.count() == 1 {
            "its one rule can never hold"
        } else {
            "its rules cannot all hold together"
        };
        let message = "it can never ALLOW".to_owned();
        return vec![warning(policy.location(), message, hint)];
    }
    let mut warnings = Vec::new();
    if let Some(message) = asks_of_nobody(name, policy, budget) {
        let hint = "add `- identity: same_as_request`, and let callers send the badge's or account's `identity_id`: without it, \
                    anybody's verification passes for anybody";
        warnings.push(warning(policy.location(), message.to_owned(), hint));
    }
    for (index, rule) in policy.rules().iter().enumerate() {
        // A rule about the status always matters: it replaces the default one.
        let about_status = matches!(rule.requirement(), Requirement::Status(_));
        if !about_status && !budget.is_exhausted() && never_matters(name, policy, index, budget) {
            let message = format!("the rule `{}` can never matter", rule.text());
            let hint = "another rule always asks for as much: take one of the two out";
            warnings.push(warning(rule.location(), message, hint));
        }
    }
    let rules = policy.rules().iter();
    let age_limits = rules.filter_map(|rule| Some((tightest_age(rule.requirement())?, rule)));
    let fresh_for = policy.evidence().fresh_for;
    if let Some((tightest, rule)) = age_limits.min_by_key(|(limit, _)| *limit)
        && tightest < fresh_for
    {
        let (fresh_for, tightest) = (Shown(fresh_for), Shown(tightest));
        let message = format!(
            "`fresh_for: {fresh_for}` is longer than its tightest `verified_within: {tightest}`"
        );
        let hint = "a new verification would go unnoticed for longer than an old one counts";
        warnings.push(warning(rule.location(), message, hint));
    }
    warnings
}

/// What to say of a policy that can ALLOW although the request names another identity than the verification's, or none. A list of
/// identities says who may be let in, and not that it is them.
fn asks_of_nobody(
    name: &PolicyName,
    policy: &Policy,
    budget: &mut WorkBudget,
) -> Option<&'static str> {
    let asks = |rule: &Rule| asks_for_identity(rule.requirement());
    if !policy.rules().iter().any(asks) {
        return Some("it never asks whose verification this is");
    }
    let mut denying = all_denying(policy);
    let without = with_rules(policy, denying.clone());
    denying.push(Rule::new(Requirement::IdentityAsRequested, Refusal::Deny));
    let with = with_rules(policy, denying);
    policy_differs(name, [&without, &with], Direction::Tightening, budget)
        .is_ok_and(|differs| differs)
        .then_some("it can ALLOW without asking whose verification this is")
}

/// Whether it is `identity: same_as_request`, or has it inside.
fn asks_for_identity(requirement: &Requirement) -> bool {
    match requirement {
        Requirement::IdentityAsRequested => true,
        Requirement::AnyOf(parts) | Requirement::AllOf(parts) => {
            parts.iter().any(asks_for_identity)
        }
        Requirement::Status(_)
        | Requirement::VerifiedWithin(_)
        | Requirement::Scopes(_)
        | Requirement::AgeAtLeast(_)
        | Requirement::AgeBelow(_)
        | Requirement::PhonePrefix(_)
        | Requirement::IdentityIn(_)
        | Requirement::IdentityNotIn(_)
        | Requirement::Project(_)
        | Requirement::Attribute(..)
        | Requirement::Authenticated(_)
        | Requirement::Schedule(_) => false,
    }
}

/// The rules of a policy, each of which denies.
fn all_denying(policy: &Policy) -> Vec<Rule> {
    let denying = |rule: &Rule| Rule::new(rule.requirement().clone(), Refusal::Deny);
    policy.rules().iter().map(denying).collect()
}

/// Whether the policy without this rule decides every check the same.
fn never_matters(
    name: &PolicyName,
    policy: &Policy,
    index: usize,
    budget: &mut WorkBudget,
) -> bool {
    let rules = policy.rules().iter().enumerate();
    let others = rules.filter(|(other, _)| *other != index);
    let without = with_rules(policy, others.map(|(_, rule)| rule.clone()).collect());
    // One rule less tightens nothing.
    policy_differs(name, [policy, &without], Direction::Loosening, budget)
        .is_ok_and(|differs| !differs)
}

/// Whether a policy that denies everything decides every check the same as this one would if each of its rules denied.
fn never_allows(name: &PolicyName, policy: &Policy, budget: &mut WorkBudget) -> bool {
    let strict = with_rules(policy, all_denying(policy));
    let no_status = Rule::new(Requirement::Status([].into()), Refusal::Deny);
    let denies_all = with_rules(policy, vec![no_status]);
    policy_differs(name, [&strict, &denies_all], Direction::Tightening, budget)
        .is_ok_and(|differs| !differs)
}

fn with_rules(policy: &Policy, rules: Vec<Rule>) -> Policy {
    Policy::new(None, rules, policy.evidence(), policy.reuse_allow())
}

/// The shortest age that a requirement, or one inside it, allows a verification.
fn tightest_age(requirement: &Requirement) -> Option<Duration> {
    match requirement {
        Requirement::VerifiedWithin(within) => Some(*within),
        Requirement::AnyOf(parts) | Requirement::AllOf(parts) => {
            parts.iter().filter_map(tightest_age).min()
        }
        Requirement::Status(_)
        | Requirement::Scopes(_)
        | Requirement::AgeAtLeast(_)
        | Requirement::AgeBelow(_)
        | Requirement::PhonePrefix(_)
        | Requirement::IdentityAsRequested
        | Requirement::IdentityIn(_)
        | Requirement::IdentityNotIn(_)
        | Requirement::Project(_)
        | Requirement::Attribute(..)
        | Requirement::Authenticated(_)
        | Requirement::Schedule(_) => None,
    }
}
