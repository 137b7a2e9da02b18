//! Finds renamed policies: pairs the removed and the added policies that are most similar in meaning.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, HashMap},
};

use sha2::{Digest as _, Sha256};

use super::{
    budget::WorkBudget,
    direction::Direction,
    matching::{Pair, SAME, likeness_of_rules, pairs},
    policies::policy_difference,
    report::Renamed,
};
use crate::{
    request::PolicyName,
    rule::{Requirement, Rule},
    set::{Policy, PolicySet},
    text::Whole,
};

/// How similar two policies must be to count as one, out of [`SAME`]: half of their rules, or all of them with other limits.
const ALIKE_MIN: u32 = SAME / 2;
/// How many pairs of policies are compared, beside those with the same rules.
const LIKENESSES_MAX: usize = 10_000;
/// The work budget of all exact comparisons together: about five seconds.
const STEPS_MAX: usize = 100_000_000;

/// A policy with its name.
type Named<'s> = (&'s PolicyName, &'s Policy);

/// A removed policy and an added one, ordered by how similar they are.
type Candidate<'s> = (u32, Named<'s>, Named<'s>);

/// The renamed policies between two sets.
#[derive(Debug, Default)]
pub(super) struct Renames {
    /// The renamed policies, by their names in the new set.
    pub(super) renamed: Vec<Renamed>,
    /// The added policies that may be renamed ones: they were not compared with all removed policies.
    pub(super) unknown: BTreeSet<PolicyName>,
}

impl Renames {
    /// The policies of `old` that `new` has under another name.
    pub(super) fn of(old: &PolicySet, new: &PolicySet) -> Self {
        let left = old.iter().filter(|(name, _)| new.find(name).is_none());
        let came = new.iter().filter(|(name, _)| old.find(name).is_none());
        let (left, came): (Vec<Named<'_>>, Vec<Named<'_>>) = (left.collect(), came.collect());
        let mut renames = Self::default();
        renames.add(same_rules(&left, &came));
        let rest =
            |named: &[Named<'_>]| named.iter().filter(|(name, _)| !renames.has(name)).count();
        if rest(&left).saturating_mul(rest(&came)) > LIKENESSES_MAX {
            let rest = came.iter().filter(|(name, _)| !renames.has(name));
            renames.unknown = rest.map(|(name, _)| (*name).clone()).collect();
        } else {
            let is_left = |(name, _): &&Named<'_>| !renames.has(name);
            let mut candidates = Vec::new();
            for one in left.iter().filter(is_left) {
                let others = came.iter().filter(is_left);
                candidates.extend(others.map(|other| (likeness(one.1, other.1), *one, *other)));
            }
            renames.add(candidates);
        }
        renames
            .renamed
            .sort_by(|one, other| one.new.cmp(&other.new));
        let known = |name: &PolicyName| renames.renamed.iter().any(|r| r.new == *name);
        let unknown = renames.unknown.iter().filter(|name| !known(name)).cloned();
        Self {
            unknown: unknown.collect(),
            ..renames
        }
    }

    /// Whether this is the old or the new name of a renamed policy.
    fn has(&self, name: &PolicyName) -> bool {
        let mut renamed = self.renamed.iter();
        renamed.any(|r| r.old == *name || r.new == *name)
    }

    /// Takes the most similar pairs, each policy once.
    fn add(&mut self, mut candidates: Vec<Candidate<'_>>) {
        // Among equally similar pairs, those with similar names.
        candidates.sort_by_cached_key(|(likeness, (old, _), (new, _))| {
            // Between 0 and 1.
            let names = strsim::jaro_winkler(old.as_str(), new.as_str());
            (Reverse(*likeness), Reverse(names.to_bits()))
        });
        let mut steps = STEPS_MAX;
        for (likeness, (old_name, old), (new_name, new)) in candidates {
            if self.has(old_name) || self.has(new_name) {
                continue;
            }
            let is_renamed = if likeness >= ALIKE_MIN {
                Some(true)
            } else {
                only_loosens(old_name, [old, new], &mut steps)
            };
            match is_renamed {
                Some(true) => self.renamed.push(Renamed {
                    old: old_name.clone(),
                    new: new_name.clone(),
                }),
                Some(false) => {}
                None => drop(self.unknown.insert(new_name.clone())),
            }
        }
    }
}

/// The pairs of policies with the same rules.
fn same_rules<'s>(left: &[Named<'s>], came: &[Named<'s>]) -> Vec<Candidate<'s>> {
    let mut by_rules: HashMap<[u8; 32], Vec<Named<'s>>> = HashMap::new();
    for other in came {
        by_rules
            .entry(digest_of_rules(other.1))
            .or_default()
            .push(*other);
    }
    let pairs = left.iter().flat_map(|one| {
        let others = by_rules.get(&digest_of_rules(one.1));
        let others = others.into_iter().flatten();
        others.map(|other| (SAME, *one, *other))
    });
    pairs.collect()
}

/// A digest of the rules of a policy, identities included.
fn digest_of_rules(policy: &Policy) -> [u8; 32] {
    let mut digest = Sha256::new();
    for rule in policy.rules() {
        let text = format!("{:?} {}\n", rule.otherwise(), Whole(rule.requirement()));
        digest.update(text);
    }
    digest.finalize().into()
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

/// Whether the new policy lets in everybody whom the old one does, and more, as after its rules were removed. `None` if the
/// work budget does not suffice.
fn only_loosens(name: &PolicyName, policies: [&Policy; 2], steps: &mut usize) -> Option<bool> {
    let mut budget = WorkBudget::for_part(*steps);
    let available = budget.remaining();
    let tightening = policy_difference(name, policies, Direction::Tightening, &mut budget);
    *steps = steps.saturating_sub(available.saturating_sub(budget.remaining()));
    tightening.ok().map(|found| found.is_none())
}
