//! Rules without which a policy decides every check the same. Each is proved, and reported with the rules that hide it.

use super::{
    facts::related,
    findings::{Findings, joined, named, shown},
    parts::Parts,
    proof::{Prover, denying},
    warning::WarningCode,
    written::Written,
};
use crate::{
    effect::Refusal,
    rule::{Requirement, Rule},
    set::Policy,
    yaml::Location,
};

/// How many rules are searched for a smallest set that hides another rule.
const HIDING_RULES_MAX: usize = 16;

/// Finds rules, alternatives and parts that have no effect on any decision.
pub(super) fn without_effect(
    policy: &Policy,
    written: Written<'_>,
    prover: &mut Prover<'_>,
    findings: &mut Findings<'_>,
) {
    for (index, rule) in policy.rules().iter().enumerate() {
        if prover.is_exhausted() {
            break;
        }
        if is_default(policy, rule) {
            continue;
        }
        let others = related(policy.rules(), index).into_iter();
        let others = others.filter(|other| *other != index);
        let others: Vec<&Rule> = others
            .filter_map(|other| policy.rules().get(other))
            .collect();
        if rule_has_no_effect(policy, rule, &others, prover) {
            let message = format!("the rule `{}` can never matter", shown(rule.requirement()));
            let (hint, related) = cure_of_rule(rule, others, prover);
            let location = rule.location().cloned();
            let code = WarningCode::RuleWithoutEffect;
            findings.add_related(code, location, message, hint, related);
        } else {
            let mut parts = Parts {
                rule,
                others: &others,
                prover: &mut *prover,
                findings: &mut *findings,
            };
            let place = written.rule(rule);
            parts.look_through(rule.requirement(), &mut Vec::new(), place);
        }
    }
}

/// Whether it is the only rule about the status, and equal to the default rule: to write the default is not a mistake.
fn is_default(policy: &Policy, rule: &Rule) -> bool {
    let about_status = |rule: &&Rule| matches!(rule.requirement(), Requirement::Status(_));
    let verified = matches!(rule.requirement(), Requirement::Status(list) if list.len() == 1 && list.contains("VERIFIED"));
    let only_one = policy.rules().iter().filter(about_status).count() == 1;
    verified && only_one && rule.otherwise() == Refusal::Deny
}

/// Whether a policy decides every check the same without this rule. `others` are the rules that share facts with it.
fn rule_has_no_effect(
    policy: &Policy,
    rule: &Rule,
    others: &[&Rule],
    prover: &mut Prover<'_>,
) -> bool {
    let about_status = |rule: &Rule| matches!(rule.requirement(), Requirement::Status(_));
    let count = policy
        .rules()
        .iter()
        .filter(|rule| about_status(rule))
        .count();
    if !about_status(rule) || count > 1 {
        return prover.finds_hidden(rule, others);
    }
    if prover.is_exhausted() {
        return false;
    }
    // Without its rule about the status, a policy has the default one.
    let others: Vec<Rule> = others.iter().map(|other| (*other).clone()).collect();
    let [with, without] = [rule.clone(), default_rule()].map(|rule| {
        let mut rules = others.clone();
        rules.push(rule);
        Policy::of_exactly(rules)
    });
    prover.loosens_nothing(&with, &without) && prover.tightens_nothing(&with, &without)
}

/// The default rule about the status.
fn default_rule() -> Rule {
    denying(&Requirement::Status(["VERIFIED".into()].into()))
}

/// What to do about a rule that can never matter, and the places of the rules that hide it. `others` are the rules that share facts with it.
fn cure_of_rule(
    rule: &Rule,
    others: Vec<&Rule>,
    prover: &mut Prover<'_>,
) -> (String, Vec<Location>) {
    if prover.finds_hidden(rule, &[]) {
        return ("it always holds: take it out".to_owned(), Vec::new());
    }
    let is_hidden = prover.finds_hidden(rule, &others);
    if prover.is_exhausted() {
        let hint = "other rules always require at least as much: take it out";
        return (hint.to_owned(), Vec::new());
    }
    if !is_hidden {
        let hint =
            "the default rule `status: [VERIFIED]` always requires at least as much: take it out";
        return (hint.to_owned(), Vec::new());
    }
    for other in &others {
        if prover.finds_hidden(rule, &[other]) {
            let hint = format!(
                "{}{} always requires at least as much: take one of the two out, or loosen {0}",
                named(other),
                line_of(other)
            );
            return (hint, other.location().cloned().into_iter().collect());
        }
    }
    let hiding = smallest_hiding(others, rule, prover);
    let names: Vec<String> = hiding.iter().map(|rule| named(rule)).collect();
    let related = hiding.iter().filter_map(|rule| rule.location()).cloned();
    let hint = format!(
        "{} together always require at least as much: take it out, or loosen one of them",
        joined(&names, "and")
    );
    (hint, related.collect())
}

/// A smallest subset of these rules that still hides the rule.
fn smallest_hiding<'r>(
    mut hiding: Vec<&'r Rule>,
    rule: &Rule,
    prover: &mut Prover<'_>,
) -> Vec<&'r Rule> {
    if hiding.len() > HIDING_RULES_MAX {
        return hiding;
    }
    for index in (0..hiding.len()).rev() {
        let mut fewer = hiding.clone();
        fewer.remove(index);
        if prover.finds_hidden(rule, &fewer) {
            hiding = fewer;
        }
    }
    hiding
}

fn line_of(rule: &Rule) -> String {
    let line = rule.location().map(|location| location.position.line);
    line.map_or_else(String::new, |line| format!(" in line {line}"))
}
