//! Alternatives of an `any_of` and parts of an `all_of` that can never matter.

use super::{
    contradiction::why_never_holds,
    findings::{Findings, named, shown},
    proof::{Prover, denying},
    warning::WarningCode,
    written::Part,
};
use crate::{
    rule::{Requirement, Rule},
    set::Policy,
    yaml::Location,
};

/// Checks the parts of one rule.
pub(super) struct Parts<'f, 'p, 'n, 'w> {
    pub(super) rule: &'p Rule,
    /// The rules that share facts with it.
    pub(super) others: &'f [&'p Rule],
    pub(super) prover: &'f mut Prover<'n>,
    pub(super) findings: &'f mut Findings<'w>,
}

impl Parts<'_, '_, '_, '_> {
    /// Checks the parts of the requirement at this path of indices in the rule.
    pub(super) fn look_through(
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
        if self.prover.is_exhausted() {
            return false;
        }
        let less = Rule::new(
            without_part(self.rule.requirement(), path),
            self.rule.otherwise(),
        );
        let [with, without] = [self.rule, &less].map(|rule| {
            let rules = self.others.iter().copied().chain([rule]);
            Policy::of_exactly(rules.cloned().collect())
        });
        // To remove an alternative never loosens, and to remove a part never tightens.
        if any {
            self.prover.tightens_nothing(&with, &without)
        } else {
            self.prover.loosens_nothing(&with, &without)
        }
    }

    fn warn(&mut self, parts: &[Requirement], index: usize, any: bool, location: Option<Location>) {
        let location = location.or_else(|| self.rule.location().cloned());
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
        for other in self.others {
            if self.prover.exclude_each_other([other.requirement(), part]) {
                let other = named(other);
                return format!(
                    "it never holds when the rule {other} holds: change one of the two"
                );
            }
        }
        "whenever it holds, another alternative holds too or another rule decides: take it out"
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
            if self.prover.finds_hidden(&part, &[&denying(sibling)]) {
                let sibling = shown(sibling);
                return format!(
                    "`{sibling}` always requires at least as much: take one of the two out"
                );
            }
        }
        for other in self.others {
            if self.prover.finds_hidden(&part, &[other]) {
                let other = named(other);
                return format!("the rule {other} always requires at least as much: take it out");
            }
        }
        "the other parts and rules together always require at least as much: take it out".to_owned()
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
            .map(|(other, part)| {
                if other == *index {
                    without_part(part, rest)
                } else {
                    part.clone()
                }
            })
            .collect()
    };
    match requirement {
        Requirement::AnyOf(parts) => Requirement::AnyOf(less(parts)),
        Requirement::AllOf(parts) => Requirement::AllOf(less(parts)),
        other => other.clone(),
    }
}
