//! What is valid in a policy and surely not meant. Found by comparing the policy with itself less a rule, so that a warning is
//! never a guess.

use std::time::Duration;

use annotate_snippets::{Level, Renderer};

use crate::{
    authoring::diff::{Sought, Work, differ},
    effect::Refusal,
    request::PolicyName,
    rule::{Requirement, Rule},
    set::{Policy, PolicySet},
    time::Shown,
    yaml::Location,
};

/// Something that is valid and surely not meant.
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
    /// The warning with its line and a caret under the place, for a terminal.
    pub fn render(&self, renderer: &Renderer) -> String {
        let Self {
            policy,
            location,
            message,
            hint,
        } = self;
        let message = format!("policy `{policy}`: {message}");
        match location {
            Some(location) => location.render(Level::WARNING, &message, Some(hint), renderer),
            None => {
                let title = Level::WARNING.primary_title(&message);
                renderer.render(&[title.element(Level::HELP.message(*hint))])
            }
        }
    }
}

/// How much comparing may cost for one policy, and for all of a set: about a second's work.
const POLICY_STEPS_MAX: usize = 2_000_000;
const SET_STEPS_MAX: usize = 20_000_000;

/// The warnings of every policy of a set, in the order of the text. A policy that is too large to be compared with itself, or
/// that comes after too many large ones, has none of those that comparing finds.
pub fn lint(set: &PolicySet) -> Vec<Warning> {
    let mut left = SET_STEPS_MAX;
    let mut warnings = Vec::new();
    for (name, policy) in set.iter() {
        let most = left.min(POLICY_STEPS_MAX);
        let mut work = Work::of(most);
        warnings.extend(lint_one(name, policy, &mut work));
        left = left.saturating_sub(most.saturating_sub(work.left()));
    }
    warnings.sort_by(|one: &Warning, other: &Warning| place(one).cmp(&place(other)));
    warnings
}

/// Where a reader meets it.
fn place(warning: &Warning) -> Option<(&str, usize, usize)> {
    let location = warning.location.as_ref()?;
    Some((
        &location.source.path,
        location.position.line,
        location.position.column,
    ))
}

fn lint_one(name: &PolicyName, policy: &Policy, work: &mut Work) -> Vec<Warning> {
    let warning = |location: Option<&Location>, message, hint| Warning {
        policy: name.clone(),
        location: location.cloned(),
        message,
        hint,
    };
    if never_allows(name, policy, work) {
        // The rule about the status that stands where none is written has no place.
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
    for (index, rule) in policy.rules().iter().enumerate() {
        // A rule about the status always matters: without one, another stands.
        let about_status = matches!(rule.requirement(), Requirement::Status(_));
        if !about_status && !work.is_done() && never_matters(name, policy, index, work) {
            let message = format!("the rule `{}` can never matter", rule.text());
            let hint = "another rule always asks for as much: take one of the two out";
            warnings.push(warning(rule.location(), message, hint));
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
        warnings.push(warning(rule.location(), message, hint));
    }
    warnings
}

/// Whether the same policy without this rule decides every check alike.
fn never_matters(name: &PolicyName, policy: &Policy, index: usize, work: &mut Work) -> bool {
    let rules = policy.rules().iter().enumerate();
    let others = rules.filter(|(other, _)| *other != index);
    let without = with_rules(policy, others.map(|(_, rule)| rule.clone()).collect());
    // With a rule less, nothing is decided more strictly.
    differ(Sought::Loosening, name, [policy, &without], work).is_ok_and(|differ| !differ)
}

/// Whether a policy that denies everything decides alike, once this one denies wherever it does not allow.
fn never_allows(name: &PolicyName, policy: &Policy, work: &mut Work) -> bool {
    let denying = |rule: &Rule| Rule::new(rule.requirement().clone(), Refusal::Deny);
    let strict = with_rules(policy, policy.rules().iter().map(denying).collect());
    let nothing = Rule::new(Requirement::Status([].into()), Refusal::Deny);
    let denies = with_rules(policy, vec![nothing]);
    differ(Sought::Tightening, name, [&strict, &denies], work).is_ok_and(|differ| !differ)
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
