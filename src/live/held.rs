//! Policies that are no longer in the files stay in force for a few seconds: an editor or a deployment that replaces a file may take it
//! away for an instant, and callers would get NOT_FOUND.

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crate::policy::{PolicyName, PolicySet};

/// How long a policy is held. With the second that a reload may wait until the files are quiet, it is at most 5 s.
pub(super) const HOLD_FOR: Duration = Duration::from_secs(4);

/// The policies that are held, each with the uptime at which it is dropped.
#[derive(Debug, Default)]
pub(super) struct Held(BTreeMap<PolicyName, Duration>);

/// The set to put in force, and the state of the policies that are not in the files.
#[derive(Debug)]
pub(super) struct Merged {
    /// The set of the files with the policies that are held.
    pub(super) set: Arc<PolicySet>,
    /// Policies that have just left the files.
    pub(super) gone: Vec<PolicyName>,
    /// Policies that are in the files again.
    pub(super) returned: Vec<PolicyName>,
    /// Policies that were held long enough.
    pub(super) dropped: Vec<PolicyName>,
}

impl Held {
    /// The policies that are held.
    pub(super) fn names(&self) -> Vec<PolicyName> {
        self.0.keys().cloned().collect()
    }

    /// The uptime at which the first of them is dropped.
    pub(super) fn next_drop(&self) -> Option<Duration> {
        self.0.values().min().copied()
    }

    /// Adds what is held to the set of the files. `before` is the set in force.
    pub(super) fn merge(
        &mut self,
        files: &Arc<PolicySet>,
        before: &PolicySet,
        uptime: Duration,
    ) -> Merged {
        let missing = |name: &PolicyName| files.find(name).is_none();
        let (mut gone, mut returned, mut dropped) = (Vec::new(), Vec::new(), Vec::new());
        for (name, _) in before.iter().filter(|(name, _)| missing(name)) {
            self.0.entry(name.clone()).or_insert_with(|| {
                gone.push(name.clone());
                uptime.saturating_add(HOLD_FOR)
            });
        }
        self.0.retain(|name, until| {
            let list = match missing(name) {
                false => &mut returned,
                true if *until <= uptime => &mut dropped,
                true => return true,
            };
            list.push(name.clone());
            false
        });
        let held = self.0.keys().filter_map(|name| {
            let policy = before.find(name)?;
            Some((name.clone(), policy.clone()))
        });
        let set = if self.0.is_empty() {
            Arc::clone(files)
        } else {
            let in_files = files
                .iter()
                .map(|(name, policy)| (name.clone(), policy.clone()));
            Arc::new(PolicySet::new(in_files.chain(held).collect()))
        };
        Merged {
            set,
            gone,
            returned,
            dropped,
        }
    }
}
