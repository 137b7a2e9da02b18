//! Matches the rules of two policies, and the parts of two requirements: first those with the same meaning, then the most similar
//! ones.

use std::collections::BTreeSet;

use crate::rule::{AttributeNotIn, Authenticated, Identities, Requirement, Rule};

/// How similar two requirements are, from 0 (not at all) to [`SAME`] (the same meaning).
pub(super) type Likeness = u32;
/// The likeness of two requirements with the same meaning.
pub(super) const SAME: Likeness = 1000;
/// The likeness of two requirements about the same fact.
const SAME_FACT: Likeness = 500;
/// What is subtracted if a requirement is compared with an alternative inside another.
const WRAPPED: Likeness = 100;
/// What is added for two rules with the same effect.
const SAME_EFFECT: Likeness = 50;
/// How many pairs of changed items are compared: the others are reported as removed and added.
const PAIRS_MAX: usize = 10_000;

/// An item of the old or the new list, or one of both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pair<T> {
    /// It is in both.
    Both(T, T),
    /// It is in the old list only.
    Old(T),
    /// It is in the new list only.
    New(T),
}

/// Pairs the items of two lists by likeness, in the order of the old list, followed by those that only the new list has.
pub(super) fn pairs<T: Copy>(
    old: &[T],
    new: &[T],
    likeness: impl Fn(T, T) -> Likeness,
) -> Vec<Pair<T>> {
    let mut partner: Vec<Option<usize>> = vec![None; old.len()];
    let mut taken = vec![false; new.len()];
    let mut take = |index: usize, other: usize, partner: &mut Vec<Option<usize>>| {
        let (Some(partner), Some(taken)) = (partner.get_mut(index), taken.get_mut(other)) else {
            return;
        };
        if partner.is_none() && !*taken {
            (*partner, *taken) = (Some(other), true);
        }
    };
    let mut candidates: Vec<(Likeness, usize, usize)> = Vec::new();
    let mut compared: usize = 0;
    for (index, one) in old.iter().enumerate() {
        // Most lists keep their order, so the same position is compared first.
        let places = (index..new.len()).chain(0..index.min(new.len()));
        for other in places {
            compared = compared.saturating_add(1);
            let likeness = new.get(other).map_or(0, |other| likeness(*one, *other));
            if likeness >= SAME {
                candidates.push((likeness, index, other));
                break;
            }
            if likeness > 0 && compared <= PAIRS_MAX {
                candidates.push((likeness, index, other));
            }
        }
    }
    candidates.sort_by_key(|(likeness, index, other)| {
        (std::cmp::Reverse(*likeness), index.abs_diff(*other), *index)
    });
    for (_, index, other) in candidates {
        take(index, other, &mut partner);
    }
    let paired = old.iter().zip(&partner).map(|(one, partner)| {
        let other = partner.and_then(|other| new.get(other));
        other.map_or(Pair::Old(*one), |other| Pair::Both(*one, *other))
    });
    let added = new.iter().zip(taken).filter(|(_, taken)| !taken);
    paired
        .chain(added.map(|(one, _)| Pair::New(*one)))
        .collect()
}

/// How similar two rules are.
pub(super) fn likeness_of_rules(old: &Rule, new: &Rule) -> Likeness {
    let likeness = likeness(old.requirement(), new.requirement());
    match likeness {
        0 => 0,
        _ if old.otherwise() == new.otherwise() => likeness.saturating_add(SAME_EFFECT),
        // Less than for the same rule.
        _ => likeness.saturating_sub(1),
    }
}

/// Whether two requirements have the same meaning, however they are written.
pub(super) fn mean_the_same(old: &Requirement, new: &Requirement) -> bool {
    likeness(old, new) >= SAME
}

/// How similar two requirements are.
pub(super) fn likeness(old: &Requirement, new: &Requirement) -> Likeness {
    match (old, new) {
        (Requirement::Attribute(one, _), Requirement::Attribute(other, _)) if one != other => 0,
        (Requirement::AttributeNotIn(one), Requirement::AttributeNotIn(other)) => {
            likeness_of_unlisted(one, other)
        }
        (Requirement::AnyOf(old), Requirement::AnyOf(new))
        | (Requirement::AllOf(old), Requirement::AllOf(new)) => likeness_of_parts(old, new),
        (Requirement::AnyOf(parts) | Requirement::AllOf(parts), other)
        | (other, Requirement::AnyOf(parts) | Requirement::AllOf(parts)) => {
            let best = parts.iter().map(|part| likeness(part, other)).max();
            // One of them alone decides as it does without the other around it.
            match (best, parts.len()) {
                (Some(best), 1) => best,
                (best, _) => best.unwrap_or(0).saturating_sub(WRAPPED),
            }
        }
        (Requirement::Scopes(one), Requirement::Scopes(other)) => {
            let (one, other) = (one.iter().collect(), other.iter().collect());
            likeness_of_lists(&one, &other)
        }
        (Requirement::Authenticated(one), Requirement::Authenticated(other)) => {
            likeness_of_sessions(one, other)
        }
        (Requirement::Schedule(one), Requirement::Schedule(other)) => {
            match (one == other, one.shares_zone(other)) {
                (true, _) => SAME,
                (false, true) => SAME_FACT.saturating_add(200),
                (false, false) => SAME_FACT,
            }
        }
        _ => match (listed(old), listed(new)) {
            (Some((one, old)), Some((other, new))) if one == other => likeness_of_lists(old, new),
            _ if old == new => SAME,
            _ if std::mem::discriminant(old) == std::mem::discriminant(new) => {
                SAME_FACT.saturating_add(100)
            }
            _ => 0,
        },
    }
}

/// The values that a requirement lists, and the name of their fact.
pub(super) fn listed(requirement: &Requirement) -> Option<(&'static str, &BTreeSet<Box<str>>)> {
    match requirement {
        Requirement::Status(list) => Some(("status", list)),
        Requirement::PhonePrefix(list) => Some(("phone_prefix", list)),
        Requirement::Project(list) => Some(("project", list)),
        Requirement::Attribute(_, list) => Some(("attribute", list)),
        Requirement::AttributeNotIn(listed) => Some(("attribute_not_in", &listed.values)),
        Requirement::IdentityIn(Identities { ids, .. }) => Some(("identity_in", ids)),
        Requirement::IdentityNotIn(Identities { ids, .. }) => Some(("identity_not_in", ids)),
        Requirement::VerifiedWithin(_)
        | Requirement::Scopes(_)
        | Requirement::AgeAtLeast(_)
        | Requirement::AgeBelow(_)
        | Requirement::IdentityAsRequested
        | Requirement::Authenticated(_)
        | Requirement::Schedule(_)
        | Requirement::AnyOf(_)
        | Requirement::AllOf(_) => None,
    }
}

fn likeness_of_unlisted(old: &AttributeNotIn, new: &AttributeNotIn) -> Likeness {
    if old.name != new.name {
        0
    } else if old.if_absent == new.if_absent {
        likeness_of_lists(&old.values, &new.values)
    } else {
        SAME_FACT.saturating_add(100)
    }
}

fn likeness_of_lists<T: Ord>(old: &BTreeSet<T>, new: &BTreeSet<T>) -> Likeness {
    if old == new {
        return SAME;
    }
    let common = old.intersection(new).count();
    let all = old.len().saturating_add(new.len()).saturating_sub(common);
    SAME_FACT.saturating_add(share(common, all, 400))
}

fn likeness_of_sessions(old: &Authenticated, new: &Authenticated) -> Likeness {
    if old == new {
        return SAME;
    }
    let same = [
        old.within == new.within,
        old.amr_any == new.amr_any,
        old.acr_any == new.acr_any,
    ];
    let count = same.iter().filter(|same| **same).count();
    SAME_FACT.saturating_add(share(count, 3, 300))
}

/// How similar the parts of two requirements are, in any order.
fn likeness_of_parts(old: &[Requirement], new: &[Requirement]) -> Likeness {
    if old == new {
        return SAME;
    }
    if old.len().saturating_mul(new.len()) > PAIRS_MAX {
        let common = old.iter().zip(new).filter(|(one, other)| one == other);
        return share(
            common.count(),
            old.len().max(new.len()),
            SAME.saturating_sub(1),
        );
    }
    let (olds, news): (Vec<_>, Vec<_>) = (old.iter().collect(), new.iter().collect());
    let mut sum: Likeness = 0;
    let mut count: usize = 0;
    for pair in pairs(&olds, &news, likeness) {
        count = count.saturating_add(1);
        if let Pair::Both(one, other) = pair {
            sum = sum.saturating_add(likeness(one, other));
        }
    }
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    sum.checked_div(count).unwrap_or(SAME)
}

/// `of` times the share of `part` in `whole`.
fn share(part: usize, whole: usize, of: Likeness) -> Likeness {
    let [part, whole] = [part, whole].map(|n| u32::try_from(n).unwrap_or(u32::MAX));
    part.saturating_mul(of).checked_div(whole).unwrap_or(0)
}

#[cfg(test)]
mod tests;
