//! The edits between the old and the new policy: rules, and parts of rules, that were added, removed or changed.

use super::matching::{Pair, likeness, likeness_of_rules, mean_the_same, pairs};
use crate::{
    effect::Refusal,
    rule::{Requirement, Rule},
    set::Policy,
};

/// How the parts of a requirement are combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Connective {
    AllOf,
    AnyOf,
}

/// A requirement of the old policy, of the new one, or of both.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step<'p> {
    pub(super) old: Option<&'p Requirement>,
    pub(super) new: Option<&'p Requirement>,
}

/// One edit.
#[derive(Debug)]
pub(super) struct Edit<'p> {
    /// The old and the new version of its rule; `None` for a policy that does not have the rule.
    pub(super) rules: [Option<&'p Rule>; 2],
    /// The path from the rule's requirement to the edited part, each step with the connective of its parts. The edited part is last.
    pub(super) within: Vec<(Connective, Step<'p>)>,
    /// What is edited.
    pub(super) edited: Step<'p>,
    /// The unedited requirements that must hold together with the edited one. They identify its alternative.
    pub(super) beside: Vec<&'p Requirement>,
    /// Whether `otherwise` is edited, and not the requirement.
    pub(super) is_otherwise: bool,
}

/// A rule of the old policy, of the new one or of both, with its edits.
#[derive(Debug)]
pub(super) struct EditedRule<'p> {
    rules: [Option<&'p Rule>; 2],
    part: Part<'p>,
    /// The edit of `otherwise`.
    otherwise: Option<usize>,
}

/// A requirement of the old policy, of the new one or of both, with its edits.
#[derive(Debug)]
enum Part<'p> {
    Same(&'p Requirement),
    /// It is changed by the edit with this index.
    Edited(Step<'p>, usize),
    Group(Connective, Vec<Part<'p>>),
}

/// The edits between two policies.
#[derive(Debug)]
pub(super) struct Edits<'p> {
    rules: Vec<EditedRule<'p>>,
    pub(super) edits: Vec<Edit<'p>>,
}

impl<'p> Edits<'p> {
    /// The edits that change `old` into `new`.
    pub(super) fn of([old, new]: [&'p Policy; 2]) -> Self {
        let mut edits = Vec::new();
        let [olds, news] = [old, new].map(|policy| policy.rules().iter().collect::<Vec<&Rule>>());
        let rules = pairs(&olds, &news, likeness_of_rules);
        let rules = rules.into_iter().map(|pair| {
            let rules = match pair {
                Pair::Both(old, new) => [Some(old), Some(new)],
                Pair::Old(old) => [Some(old), None],
                Pair::New(new) => [None, Some(new)],
            };
            EditedRule::of(rules, &mut edits)
        });
        Self {
            rules: rules.collect(),
            edits,
        }
    }

    /// The rules of the old policy, with this edit and no other.
    pub(super) fn alone(&self, edit: usize) -> Vec<Rule> {
        let rules = self.rules.iter().filter_map(|rule| {
            let requirement = rule.part.alone(edit)?;
            let otherwise = match rule.rules {
                [_, Some(new)] if rule.otherwise == Some(edit) => new.otherwise(),
                [Some(old), _] => old.otherwise(),
                [None, new] => new?.otherwise(),
            };
            Some(Rule::new(requirement, otherwise))
        });
        rules.collect()
    }
}

impl<'p> EditedRule<'p> {
    fn of(rules: [Option<&'p Rule>; 2], edits: &mut Vec<Edit<'p>>) -> Self {
        let [old, new] = rules.map(|rule| rule.map(Rule::requirement));
        let step = Step { old, new };
        let mut context = Context {
            rules,
            within: Vec::new(),
            beside: Vec::new(),
        };
        let part = Part::of(step, &mut context, edits);
        let otherwise = match rules {
            [Some(old), Some(new)] if old.otherwise() != new.otherwise() => {
                let number = edits.len();
                edits.push(Edit {
                    is_otherwise: true,
                    ..context.edit(step)
                });
                Some(number)
            }
            _ => None,
        };
        Self {
            rules,
            part,
            otherwise,
        }
    }
}

/// What surrounds an edit.
#[derive(Debug)]
struct Context<'p> {
    rules: [Option<&'p Rule>; 2],
    within: Vec<(Connective, Step<'p>)>,
    beside: Vec<&'p Requirement>,
}

impl<'p> Context<'p> {
    fn edit(&self, edited: Step<'p>) -> Edit<'p> {
        Edit {
            rules: self.rules,
            within: self.within.clone(),
            edited,
            beside: self.beside.clone(),
            is_otherwise: false,
        }
    }
}

impl<'p> Part<'p> {
    /// Recurses as deep as requirements are nested.
    fn of(step: Step<'p>, context: &mut Context<'p>, edits: &mut Vec<Edit<'p>>) -> Self {
        if let (Some(old), Some(new)) = (step.old, step.new) {
            if mean_the_same(old, new) {
                return Self::Same(old);
            }
            if let Some((connective, parts)) = parts_of_both(old, new) {
                let count = edits.len();
                let part = Self::group(connective, &parts, step, context, edits);
                if edits.len() > count {
                    return part;
                }
            }
        }
        let number = edits.len();
        edits.push(context.edit(step));
        Self::Edited(step, number)
    }

    fn group(
        connective: Connective,
        [olds, news]: &[Vec<&'p Requirement>; 2],
        step: Step<'p>,
        context: &mut Context<'p>,
        edits: &mut Vec<Edit<'p>>,
    ) -> Self {
        let pairs = pairs(olds, news, likeness);
        let steps: Vec<Step<'p>> = pairs.into_iter().map(Step::from).collect();
        let beside = context.beside.len();
        if connective == Connective::AllOf {
            let same = steps.iter().filter_map(|step| match (step.old, step.new) {
                (Some(old), Some(new)) if mean_the_same(old, new) => Some(old),
                _ => None,
            });
            context.beside.extend(same);
        }
        context.within.push((connective, step));
        let parts = steps.into_iter().map(|step| Self::of(step, context, edits));
        let group = Self::Group(connective, parts.collect());
        context.within.pop();
        context.beside.truncate(beside);
        group
    }

    /// The requirement of the old policy, with this edit and no other; `None` if the edit removes it.
    fn alone(&self, edit: usize) -> Option<Requirement> {
        match self {
            Self::Same(requirement) => Some((*requirement).clone()),
            Self::Edited(step, number) => {
                let chosen = if *number == edit { step.new } else { step.old };
                chosen.cloned()
            }
            Self::Group(connective, parts) => {
                let parts = parts.iter().filter_map(|part| part.alone(edit)).collect();
                Some(match connective {
                    Connective::AllOf => Requirement::AllOf(parts),
                    Connective::AnyOf => Requirement::AnyOf(parts),
                })
            }
        }
    }
}

impl<'p> From<Pair<&'p Requirement>> for Step<'p> {
    fn from(pair: Pair<&'p Requirement>) -> Self {
        let (old, new) = match pair {
            Pair::Both(old, new) => (Some(old), Some(new)),
            Pair::Old(old) => (Some(old), None),
            Pair::New(new) => (None, Some(new)),
        };
        Self { old, new }
    }
}

/// The parts of two requirements with the same connective. A requirement without parts counts as its own only part, if the other
/// has a similar part.
fn parts_of_both<'p>(
    old: &'p Requirement,
    new: &'p Requirement,
) -> Option<(Connective, [Vec<&'p Requirement>; 2])> {
    let combined = |requirement: &'p Requirement| match requirement {
        Requirement::AnyOf(parts) => Some((Connective::AnyOf, parts.iter().collect())),
        Requirement::AllOf(parts) => Some((Connective::AllOf, parts.iter().collect())),
        _ => None,
    };
    let wraps = |parts: &[&Requirement], other: &Requirement| {
        parts.iter().any(|part| likeness(part, other) > 0)
    };
    match (combined(old), combined(new)) {
        (Some((one, old)), Some((other, new))) if one == other => Some((one, [old, new])),
        (Some((connective, old)), _) if wraps(&old, new) => Some((connective, [old, vec![new]])),
        (_, Some((connective, new))) if wraps(&new, old) => Some((connective, [vec![old], new])),
        _ => None,
    }
}

impl Edit<'_> {
    /// The effects of the old and the new rule when they are not met.
    pub(super) fn refusals(&self) -> [Option<Refusal>; 2] {
        self.rules.map(|rule| rule.map(Rule::otherwise))
    }
}
