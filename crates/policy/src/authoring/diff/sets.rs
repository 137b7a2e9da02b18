//! Two sets of policies compared, policy by policy.

use std::time::Duration;

use super::{
    direction::Directions,
    edits::Edits,
    error::{CompareError, CompareSetsError},
    outage::outage,
    policies::ComparedPolicies,
    renames::Renames,
    report::{ChangedCell, ChangedSetting, Comparison, PolicyChanges, Renamed, RuleEdit},
    words::EditWords,
};
use crate::{
    request::PolicyName,
    set::{Policy, PolicySet},
    time::Shown,
};

impl Comparison {
    /// Compares two sets of policies.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use verigate_policy::{SourceText, parse};
    /// use verigate_policy::diff::Comparison;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let policies = |age: &str| {
    ///     let text = format!("version: 1\npolicies: {{door: {{require: [verified_within: {age}]}}}}");
    ///     let path = "door.yaml".to_owned();
    ///     parse(&[Arc::new(SourceText { path, text })], &|_, _| Err("no list".to_owned()))
    /// };
    /// let (old, new) = (policies("90d")?, policies("30d")?);
    /// let comparison = Comparison::of(&old, &new, None);
    /// assert!(comparison.tightens() && !comparison.loosens());
    /// let edits = comparison.changed.values().flat_map(|changes| &changes.edits);
    /// let edits: Vec<&str> = edits.map(|edit| edit.words.summary.as_str()).collect();
    /// assert_eq!(edits, ["verified_within: 90d -> 30d"]);
    /// let cell = comparison.cells().next().ok_or("one cell")?;
    /// assert_eq!(cell.when(), "verified 30d to 90d ago, status VERIFIED");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// With `only`, it compares the policies that have this name in one of the sets.
    pub fn of(old: &PolicySet, new: &PolicySet, only: Option<&PolicyName>) -> Self {
        let is_asked = |name: &PolicyName| only.is_none_or(|only| only == name);
        let Renames { renamed, unknown } = Renames::of(old, new);
        let renamed = renamed.into_iter();
        let renamed = renamed.filter(|r| is_asked(&r.old) || is_asked(&r.new));
        // Any of these may be the removed policy with the name in `only`.
        let has_left = only.is_some_and(|only| new.find(only).is_none());
        let unknown = unknown
            .into_iter()
            .filter(|name| has_left || is_asked(name));
        let mut comparison = Self {
            renamed: renamed.collect(),
            failed: unknown
                .map(|policy| CompareSetsError {
                    policy,
                    source: CompareError::TooMany,
                })
                .collect(),
            ..Self::default()
        };
        let kept = old.iter().filter(|(name, _)| is_asked(name));
        let kept = kept.filter_map(|(name, old)| Some((name.clone(), old, new.find(name)?)));
        let renamed = comparison
            .renamed
            .iter()
            .filter_map(|Renamed { old: was, new: is }| {
                Some((is.clone(), old.find(was)?, new.find(is)?))
            });
        let pairs: Vec<(PolicyName, &Policy, &Policy)> = kept.chain(renamed).collect();
        for (name, old, new) in pairs {
            let (changes, error) = PolicyChanges::of(&name, [old, new]);
            if let Some(source) = error {
                let policy = name.clone();
                comparison.failed.push(CompareSetsError { policy, source });
            }
            if !changes.is_empty() {
                comparison.changed.insert(name, changes);
            }
        }
        let is_renamed = |name: &PolicyName| {
            let mut renamed = comparison.renamed.iter();
            renamed.any(|r| r.old == *name || r.new == *name)
        };
        let missing_in = |one: &PolicySet, other: &PolicySet| -> Vec<PolicyName> {
            let names = other.iter().map(|(name, _)| name);
            let missing = names.filter(|n| one.find(n).is_none() && is_asked(n) && !is_renamed(n));
            missing.cloned().collect()
        };
        (comparison.removed, comparison.added) = (missing_in(new, old), missing_in(old, new));
        comparison
    }
}

impl PolicyChanges {
    /// What differs, and why it is not all that differs, if the policies could not be compared: then the edits of the rules have no
    /// known direction and no cells.
    fn of(name: &PolicyName, policies: [&Policy; 2]) -> (Self, Option<CompareError>) {
        let (edits, cells, error) = match ComparedPolicies::of(name, policies) {
            Ok(compared) => {
                let (edits, cells) = compared.into_parts();
                (edits, cells, None)
            }
            Err(error) => known_without_comparison(name, policies, error),
        };
        let changes = Self {
            edits,
            cells,
            settings: changed_settings(policies),
        };
        (changes, error)
    }
}

/// What is known of two policies that could not be compared for this reason. Where no rule is edited, no comparison is needed.
fn known_without_comparison(
    name: &PolicyName,
    policies: [&Policy; 2],
    error: CompareError,
) -> (Vec<RuleEdit>, Vec<ChangedCell>, Option<CompareError>) {
    let edits = Edits::of(policies).edits;
    let edits = edits.iter().map(|edit| RuleEdit {
        words: EditWords::of(edit),
        directions: None,
    });
    let (mut edits, mut cells): (Vec<RuleEdit>, _) = (edits.collect(), Vec::new());
    let outage = outage(name, policies, edits.len());
    let is_all = edits.is_empty() && error == CompareError::TooLarge && outage.is_ok();
    if let Ok(Some((edit, cell))) = outage {
        edits.push(edit);
        cells.push(cell);
    }
    (edits, cells, (!is_all).then_some(error))
}

fn changed_settings([old, new]: [&Policy; 2]) -> Vec<ChangedSetting> {
    let durations = |policy: &Policy| {
        let evidence = policy.evidence();
        [
            ("evidence.fresh_for", evidence.fresh_for),
            ("evidence.stale_for", evidence.stale_for),
            ("reuse.allow", policy.reuse_allow()),
        ]
    };
    let pairs = durations(old).into_iter().zip(durations(new));
    let changed = pairs.filter(|((_, old), (_, new))| old != new);
    let mut settings: Vec<ChangedSetting> = changed
        .map(|((name, old), (_, new))| ChangedSetting {
            name,
            old: shown(old),
            new: shown(new),
            directions: if old < new {
                Directions::LOOSENS
            } else {
                Directions::TIGHTENS
            },
        })
        .collect();
    if old.allows_unrecorded() != new.allows_unrecorded() {
        let [was, is] = [old, new].map(|policy| policy.allows_unrecorded().to_string());
        settings.push(ChangedSetting {
            name: "journal.allow_unrecorded",
            old: was,
            new: is,
            directions: if new.allows_unrecorded() {
                Directions::LOOSENS
            } else {
                Directions::TIGHTENS
            },
        });
    }
    if old.redirect() != new.redirect() {
        let [old, new] = [old, new].map(|policy| policy.redirect().unwrap_or("none").to_owned());
        settings.push(ChangedSetting {
            name: "step_up.redirect",
            old,
            new,
            directions: Directions::default(),
        });
    }
    settings
}

fn shown(duration: Duration) -> String {
    Shown(duration).to_string()
}
