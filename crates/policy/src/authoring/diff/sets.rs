//! Two sets of policies compared, policy by policy.

use std::collections::BTreeMap;

use super::{
    direction::Direction,
    error::{CompareError, CompareSetsError},
    policies::ComparedPolicies,
    report::{ChangedSetting, Comparison, PolicyChanges},
};
use crate::{
    request::PolicyName,
    set::{Policy, PolicySet},
    time::Shown,
};

impl Comparison {
    /// Compares two sets of policies. With one direction it looks for no other differences, and may succeed where
    /// [`Direction::Both`] has too many.
    pub fn of(
        old: &PolicySet,
        new: &PolicySet,
        direction: Direction,
    ) -> Result<Self, CompareSetsError> {
        let mut changed = BTreeMap::new();
        for (name, old) in old.iter() {
            let Some(new) = new.find(name) else {
                continue;
            };
            let changes = PolicyChanges::of(name, [old, new], direction).map_err(|source| {
                let policy = name.clone();
                CompareSetsError { policy, source }
            })?;
            if !changes.is_empty() {
                changed.insert(name.clone(), changes);
            }
        }
        Ok(Self {
            direction,
            removed: missing_in(new, old),
            added: missing_in(old, new),
            changed,
        })
    }
}

/// The policies that `one` does not have and `other` has.
fn missing_in(one: &PolicySet, other: &PolicySet) -> Vec<PolicyName> {
    let names = other.iter().map(|(name, _)| name);
    names.filter(|n| one.find(n).is_none()).cloned().collect()
}

impl PolicyChanges {
    fn of(
        name: &PolicyName,
        policies: [&Policy; 2],
        direction: Direction,
    ) -> Result<Self, CompareError> {
        let compared = ComparedPolicies::of(name, policies, direction)?;
        Ok(Self {
            more: compared.truncated,
            cells: compared.into_cells(),
            settings: changed_settings(policies),
        })
    }
}

fn changed_settings(policies: [&Policy; 2]) -> Vec<ChangedSetting> {
    let [old, new] = policies.map(settings);
    let pairs = old.into_iter().zip(new);
    pairs
        .filter(|((_, old), (_, new))| old != new)
        .map(|((name, old), (_, new))| ChangedSetting { name, old, new })
        .collect()
}

/// The settings of a policy that do not affect a decision, with their names in a policy file.
fn settings(policy: &Policy) -> [(&'static str, String); 4] {
    let evidence = policy.evidence();
    [
        ("evidence.fresh_for", Shown(evidence.fresh_for).to_string()),
        ("evidence.stale_for", Shown(evidence.stale_for).to_string()),
        ("reuse.allow", Shown(policy.reuse_allow()).to_string()),
        (
            "step_up.redirect",
            policy.redirect().unwrap_or("none").to_owned(),
        ),
    ]
}
