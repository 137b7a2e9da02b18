//! Finds renamed policies: pairs the removed and the added policies that are most similar in meaning.

use super::{
    budget::WorkBudget,
    direction::Direction,
    limits::RENAMES_MAX,
    matching::{Pair, SAME, likeness_of_rules, pairs},
    policies::policy_differs,
    report::Renamed,
};
use crate::{
    request::PolicyName,
    rule::{Requirement, Rule},
    set::{Policy, PolicySet},
};

/// How similar two policies must be to count as one, out of [`SAME`]: half of their rules, or all of them with other limits.
const ALIKE_MIN: u32 = SAME / 2;
/// How many pairs of policies are compared; beyond that, only those with the same rules.
const LIKENESSES_MAX: usize = 10_000;
/// The work budget of one exact comparison of two policies.
const STEPS_MAX: usize = 1_000_000;

/// A removed policy and an added one, ordered by how similar they are.
type Candidate<'s> = (
    u32,
    (&'s PolicyName, &'s Policy),
    (&'s PolicyName, &'s Policy),
);

/// The policies of `old` that `new` has under another name.
pub(super) fn renames(old: &PolicySet, new: &PolicySet) -> Vec<Renamed> {
    let left = || old.iter().filter(|(name, _)| new.find(name).is_none());
    let came = || new.iter().filter(|(name, _)| old.find(name).is_none());
    let is_much = left().count().saturating_mul(came().count()) > LIKENESSES_MAX;
    let mut candidates: Vec<Candidate<'_>> = Vec::new();
    for one in left() {
        candidates.extend(came().filter_map(|other| {
            if is_much {
                return has_same_rules(one.1, other.1).then_some((SAME, one, other));
            }
            Some((likeness(one.1, other.1), one, other))
        }));
    }
    // Among equally similar pairs, those with similar names.
    let names = |(_, (one, _), (other, _)): &Candidate<'_>| {
        let alike = strsim::jaro_winkler(one.as_str(), other.as_str());
        // Between 0 and 1.
        1.0 - alike
    };
    candidates.sort_by(|one, other| {
        let by_likeness = other.0.cmp(&one.0);
        by_likeness.then_with(|| names(one).total_cmp(&names(other)))
    });
    let mut renamed: Vec<Renamed> = Vec::new();
    let mut compared = 0;
    for (likeness, (old_name, old), (new_name, new)) in candidates {
        let is_taken = |r: &Renamed| r.old == *old_name || r.new == *new_name;
        if renamed.iter().any(is_taken) {
            continue;
        }
        let is_renamed = likeness >= ALIKE_MIN || {
            compared += 1;
            compared <= RENAMES_MAX && only_loosens(old_name, [old, new])
        };
        if is_renamed {
            renamed.push(Renamed {
                old: old_name.clone(),
                new: new_name.clone(),
            });
        }
    }
    renamed.sort_by(|one, other| one.new.cmp(&other.new));
    renamed
}

/// Whether two policies have the same rules in the same order.
fn has_same_rules(old: &Policy, new: &Policy) -> bool {
    let (old, new) = (old.rules(), new.rules());
    old.len() == new.len()
        && old.iter().zip(new).all(|(one, other)| {
            one.otherwise() == other.otherwise() && one.requirement() == other.requirement()
        })
}

/// How similar two policies are, out of [`SAME`], by the rules that are written in them.
fn likeness(old: &Policy, new: &Policy) -> u32 {
    let [olds, news] = [old, new].map(|policy| {
        let rules = policy.rules().iter();
        rules.filter(|rule| !is_default(rule)).collect::<Vec<_>>()
    });
    let (mut sum, mut count): (u32, u32) = (0, 0);
    for pair in pairs(&olds, &news, likeness_of_rules) {
        count = count.saturating_add(1);
        if let Pair::Both(one, other) = pair {
            sum = sum.saturating_add(likeness_of_rules(one, other).min(SAME));
        }
    }
    // Without rules of their own, both are the default policy.
    sum.checked_div(count).unwrap_or(SAME)
}

/// Whether it is `status: [VERIFIED]`, the default rule of every policy without a rule about the status.
fn is_default(rule: &Rule) -> bool {
    match rule.requirement() {
        Requirement::Status(list) => list.len() == 1 && list.contains("VERIFIED"),
        _ => false,
    }
}

/// Whether the new policy lets in everybody whom the old one does, and more, as after its rules were removed.
fn only_loosens(name: &PolicyName, policies: [&Policy; 2]) -> bool {
    let differs = |direction| {
        let mut budget = WorkBudget::new(STEPS_MAX);
        policy_differs(name, policies, direction, &mut budget)
    };
    // A policy that could not be compared may be renamed.
    differs(Direction::Tightening) == Ok(false)
}
