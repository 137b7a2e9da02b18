//! What can never matter: a policy that never ALLOWs, rules without effect, alternatives and parts without effect. Each is proved, and
//! named with what it is hidden by or excluded by.

use super::{
    findings::{Findings, joined, shown},
    proof::{Prover, denying},
    warning::WarningCode,
    written::{Part, Written},
};
use crate::{
    effect::Refusal,
    rule::{Requirement, Rule},
    set::Policy,
    yaml::Location,
};

/// How many rules are looked through for a smallest set that hides another.
const HIDING_RULES_MAX: usize = 16;

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

/// Why a requirement that can never hold cannot, if its parts show that.
fn why_never_holds(requirement: &Requirement, prover: &mut Prover<'_>) -> Option<String> {
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
        "a verification has one status: write one rule with all that you accept, and keep it out of `any_of` and `all_of`".to_owned()
    } else if several {
        "change one of them or take it out; if either is enough, make them alternatives of one `any_of`".to_owned()
    } else {
        "change it or take it out".to_owned()
    }
}

/// A rule by its text. One that is not written is the one that every policy has unless it writes another.
fn named(rule: &Rule) -> String {
    let default = if rule.location().is_some() {
        ""
    } else {
        " (the default)"
    };
    format!("`{}`{default}", shown(rule.requirement()))
}

/// Finds rules, alternatives and parts without which every check is decided the same.
pub(super) fn without_effect(
    policy: &Policy,
    written: Written<'_>,
    prover: &mut Prover<'_>,
    findings: &mut Findings<'_>,
) {
    for (index, rule) in policy.rules().iter().enumerate() {
        if is_default(policy, rule) {
            continue;
        }
        if rule_has_no_effect(policy, index, prover) {
            let message = format!("the rule `{}` can never matter", shown(rule.requirement()));
            let (hint, related) = cure_of_rule(policy, index, prover);
            let location = rule.location().cloned();
            let code = WarningCode::RuleWithoutEffect;
            findings.add_related(code, location, message, hint, related);
        } else {
            let mut parts = Parts {
                policy,
                rule: index,
                prover: &mut *prover,
                findings: &mut *findings,
            };
            let place = written.rule(rule);
            parts.look_through(rule.requirement(), &mut Vec::new(), place);
        }
    }
}

/// Whether it is the one rule about the status, and the one that every policy has: to write it out is no mistake.
fn is_default(policy: &Policy, rule: &Rule) -> bool {
    let about_status = |rule: &&Rule| matches!(rule.requirement(), Requirement::Status(_));
    let verified = matches!(rule.requirement(), Requirement::Status(list) if list.len() == 1 && list.contains("VERIFIED"));
    let only_one = policy.rules().iter().filter(about_status).count() == 1;
    verified && only_one && rule.otherwise() == Refusal::Deny
}

/// Whether the policy without this rule decides every check the same.
fn rule_has_no_effect(policy: &Policy, index: usize, prover: &mut Prover<'_>) -> bool {
    let rules = policy.rules().iter().enumerate();
    let others = rules.filter(|(other, _)| *other != index);
    let others = others.map(|(_, rule)| rule.clone()).collect();
    let without = Policy::new(None, others, policy.evidence(), policy.reuse_allow());
    // Without its rule about the status, a policy has the default one.
    let rule = policy.rules().get(index).map(Rule::requirement);
    let about_status = matches!(rule, Some(Requirement::Status(_)));
    prover.loosens_nothing(policy, &without)
        && (!about_status || prover.tightens_nothing(policy, &without))
}

/// What to do about a rule that can never matter, and where the rules are that hide it.
fn cure_of_rule(policy: &Policy, index: usize, prover: &mut Prover<'_>) -> (String, Vec<Location>) {
    let Some(rule) = policy.rules().get(index) else {
        return (String::new(), Vec::new());
    };
    if hides(&[], rule, prover) {
        return ("it always holds: take it out".to_owned(), Vec::new());
    }
    let others = policy.rules().iter().enumerate();
    let others: Vec<&Rule> = others
        .filter(|(other, _)| *other != index)
        .map(|(_, other)| other)
        .collect();
    for other in &others {
        if hides(&[other], rule, prover) {
            let hint = format!(
                "{}{} always asks for as much: take one of the two out, or loosen {0}",
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
        "together {} always ask for as much: take it out, or loosen one of them",
        joined(&names, "and")
    );
    (hint, related.collect())
}

/// Of rules that together hide another, a smallest set that does.
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
        if hides(&fewer, rule, prover) {
            hiding = fewer;
        }
    }
    hiding
}

/// Whether a rule adds nothing to these others.
fn hides(others: &[&Rule], rule: &Rule, prover: &mut Prover<'_>) -> bool {
    let without: Vec<Rule> = others.iter().map(|other| (*other).clone()).collect();
    let mut with = without.clone();
    with.push(rule.clone());
    prover.loosens_nothing(&Policy::of_exactly(with), &Policy::of_exactly(without))
}

fn line_of(rule: &Rule) -> String {
    let line = rule.location().map(|location| location.position.line);
    line.map_or_else(String::new, |line| format!(" in line {line}"))
}

/// Looks through the parts of one rule.
struct Parts<'f, 'p, 'n, 'w> {
    policy: &'p Policy,
    /// The index of the rule.
    rule: usize,
    prover: &'f mut Prover<'n>,
    findings: &'f mut Findings<'w>,
}

impl Parts<'_, '_, '_, '_> {
    /// Looks through the parts of a requirement, which is at this path of indices in the rule.
    fn look_through(
        &mut self,
        requirement: &Requirement,
        path: &mut Vec<usize>,
        place: Option<Part<'_>>,
    ) {
        let (parts, any) = match requirement {
            Requirement::AnyOf(parts) => (parts, true),
            Requirement::AllOf(parts) => (parts, false),
            _ => return,
        };
        for (index, part) in parts.iter().enumerate() {
            path.push(index);
            let place_of_part = place.and_then(|place| place.part(index));
            if parts.len() > 1 && self.has_no_effect(path, any) {
                let location = place_of_part.map(Part::location);
                self.warn(parts, index, any, location);
            } else {
                self.look_through(part, path, place_of_part);
            }
            path.pop();
        }
    }

    /// Whether the policy without the part at this path decides every check the same.
    fn has_no_effect(&mut self, path: &[usize], any: bool) -> bool {
        let rules = self.policy.rules().iter().enumerate();
        let rules = rules.map(|(index, rule)| match index == self.rule {
            true => Rule::new(without_part(rule.requirement(), path), rule.otherwise()),
            false => rule.clone(),
        });
        let without = Policy::of_exactly(rules.collect());
        // One alternative less loosens nothing, and one part less tightens nothing.
        if any {
            self.prover.tightens_nothing(self.policy, &without)
        } else {
            self.prover.loosens_nothing(self.policy, &without)
        }
    }

    fn warn(&mut self, parts: &[Requirement], index: usize, any: bool, location: Option<Location>) {
        let rules = self.policy.rules();
        let rule_location = || {
            rules
                .get(self.rule)
                .and_then(|rule| rule.location().cloned())
        };
        let location = location.or_else(rule_location);
        let Some(part) = parts.get(index) else {
            return;
        };
        let shown = shown(part);
        if any {
            let message = format!("the alternative `{shown}` can never matter");
            let hint = self.cure_of_alternative(parts, index);
            let code = WarningCode::AlternativeWithoutEffect;
            self.findings.add(code, location, message, hint);
        } else {
            let message = format!("the part `{shown}` of `all_of` can never matter");
            let hint = self.cure_of_part(parts, index);
            let code = WarningCode::PartWithoutEffect;
            self.findings.add(code, location, message, hint);
        }
    }

    fn cure_of_alternative(&mut self, parts: &[Requirement], index: usize) -> String {
        let Some(part) = parts.get(index) else {
            return String::new();
        };
        if self.prover.exclude_each_other([part]) {
            let why = why_never_holds(part, self.prover);
            let why = why.map_or_else(String::new, |why| format!(": {why}"));
            let both_schedules = matches!(part, Requirement::AllOf(parts) if parts.iter().filter(|p| matches!(p, Requirement::Schedule(_))).count() > 1);
            let cure = if both_schedules {
                "to open at each of these times, make the schedules alternatives"
            } else {
                "change it or take it out"
            };
            return format!("it can never hold{why}; {cure}");
        }
        let siblings = parts
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != index);
        for (_, sibling) in siblings {
            let both = Requirement::AnyOf(vec![sibling.clone(), part.clone()]);
            let [both, alone] = [&both, sibling].map(|r| Policy::of_exactly(vec![denying(r)]));
            if self.prover.tightens_nothing(&both, &alone) {
                let sibling = shown(sibling);
                return format!("`{sibling}` holds whenever it does: take one of the two out");
            }
        }
        let rules = self.policy.rules().iter().enumerate();
        let others: Vec<&Rule> = rules
            .filter(|(other, _)| *other != self.rule)
            .map(|(_, rule)| rule)
            .collect();
        for other in others {
            if self.prover.exclude_each_other([other.requirement(), part]) {
                let other = named(other);
                return format!(
                    "it never holds where the rule {other} does: change one of the two"
                );
            }
        }
        "where it holds, the other alternatives hold too or other rules decide: take it out"
            .to_owned()
    }

    fn cure_of_part(&mut self, parts: &[Requirement], index: usize) -> String {
        let Some(part) = parts.get(index) else {
            return String::new();
        };
        let part = denying(part);
        let siblings = parts
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != index);
        for (_, sibling) in siblings {
            if hides(&[&denying(sibling)], &part, self.prover) {
                let sibling = shown(sibling);
                return format!("`{sibling}` always asks for as much: take one of the two out");
            }
        }
        let rules = self.policy.rules().iter().enumerate();
        let others: Vec<&Rule> = rules
            .filter(|(other, _)| *other != self.rule)
            .map(|(_, rule)| rule)
            .collect();
        for other in others {
            if hides(&[other], &part, self.prover) {
                let other = named(other);
                return format!("the rule {other} always asks for as much: take it out");
            }
        }
        "the other parts and rules always ask for as much: take it out".to_owned()
    }
}

/// A requirement without the part at this path of indices.
fn without_part(requirement: &Requirement, path: &[usize]) -> Requirement {
    let Some((index, rest)) = path.split_first() else {
        return requirement.clone();
    };
    let less = |parts: &[Requirement]| -> Vec<Requirement> {
        let parts = parts.iter().enumerate();
        parts
            .filter(|(other, _)| other != index || !rest.is_empty())
            .map(|(other, part)| match other == *index {
                true => without_part(part, rest),
                false => part.clone(),
            })
            .collect()
    };
    match requirement {
        Requirement::AnyOf(parts) => Requirement::AnyOf(less(parts)),
        Requirement::AllOf(parts) => Requirement::AllOf(less(parts)),
        other => other.clone(),
    }
}
