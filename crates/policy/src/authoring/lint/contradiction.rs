//! Policies that can never ALLOW, and requirements that can never hold, with a smallest set of rules or parts that exclude each other.

use super::{
    findings::{Findings, joined, named, shown},
    proof::Prover,
    warning::WarningCode,
};
use crate::{
    rule::{Requirement, Rule},
    set::Policy,
};

/// Finds out whether a policy can never ALLOW, and because of which rules.
pub(super) fn never_allow(
    policy: &Policy,
    prover: &mut Prover<'_>,
    findings: &mut Findings<'_>,
) -> bool {
    let requirements: Vec<&Requirement> = policy.rules().iter().map(Rule::requirement).collect();
    if !prover.exclude_each_other(requirements.iter().copied()) {
        return false;
    }
    let rules = prover.smallest_contradiction(&requirements);
    let rules: Vec<&Rule> = rules
        .iter()
        .filter_map(|index| policy.rules().get(*index))
        .collect();
    let message = format!("it can never ALLOW: {}", contradiction(&rules, prover));
    let requirements: Vec<&Requirement> = rules.iter().map(|rule| rule.requirement()).collect();
    let hint = cure_of_contradiction(&requirements);
    let mut locations = rules.iter().filter_map(|rule| rule.location()).cloned();
    let location = locations.next().or_else(|| policy.location().cloned());
    findings.add_related(
        WarningCode::NeverAllow,
        location,
        message,
        hint,
        locations.collect(),
    );
    true
}

/// Why these rules can never hold together, in words.
fn contradiction(rules: &[&Rule], prover: &mut Prover<'_>) -> String {
    match rules {
        [only] => {
            let why = why_never_holds(only.requirement(), prover);
            let why = why.map_or_else(String::new, |why| format!(", because {why}"));
            format!("{} can never hold{why}", named(only))
        }
        rules => {
            let names: Vec<String> = rules.iter().map(|rule| named(rule)).collect();
            let together = match rules.len() {
                2 => "exclude each other",
                _ => "cannot all hold together",
            };
            format!("{} {together}", joined(&names, "and"))
        }
    }
}

/// Why a requirement can never hold, if its parts show that.
pub(super) fn why_never_holds(
    requirement: &Requirement,
    prover: &mut Prover<'_>,
) -> Option<String> {
    let Requirement::AllOf(parts) = requirement else {
        let is_group = matches!(requirement, Requirement::AnyOf(_));
        return is_group.then(|| "none of its alternatives can".to_owned());
    };
    let parts: Vec<&Requirement> = parts.iter().collect();
    let kept = prover.smallest_contradiction(&parts);
    let names = kept.iter().filter_map(|index| parts.get(*index));
    let names: Vec<String> = names.map(|part| format!("`{}`", shown(part))).collect();
    match names.as_slice() {
        [] => None,
        [only] => Some(format!("{only} cannot")),
        [_, _] => Some(format!("{} exclude each other", joined(&names, "and"))),
        _ => Some(format!(
            "{} cannot all hold together",
            joined(&names, "and")
        )),
    }
}

/// What to do about requirements that exclude each other.
fn cure_of_contradiction(requirements: &[&Requirement]) -> String {
    let are = |is: fn(&Requirement) -> bool| requirements.iter().all(|r| is(r));
    let several = requirements.len() > 1;
    if several && are(|r| matches!(r, Requirement::Schedule(_))) {
        "schedules that must all hold have to meet; to open at each of these times, make them alternatives of one `any_of`".to_owned()
    } else if several && are(|r| matches!(r, Requirement::Status(_))) {
        "a verification has one status: list every accepted status in one rule, outside of `any_of` and `all_of`".to_owned()
    } else if several {
        "change one of them or take it out; if either is enough, make them alternatives of one `any_of`".to_owned()
    } else {
        "change it or take it out".to_owned()
    }
}
