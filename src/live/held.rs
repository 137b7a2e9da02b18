//! Policies that are no longer in the files stay in force for a few seconds: callers would get NOT_FOUND while a file is replaced.

#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use crate::{
    file_watch::{Held, HeldChanges},
    policy::{PolicyName, PolicySet},
};

/// The policies that are held.
#[derive(Debug, Default)]
pub(super) struct HeldPolicies(Held<PolicyName>);

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

impl HeldPolicies {
    /// The policies that are held.
    pub(super) fn names(&self) -> Vec<PolicyName> {
        self.0.names().cloned().collect()
    }

    /// The uptime at which the first of them is dropped.
    pub(super) fn next_drop(&self) -> Option<Duration> {
        self.0.next_drop()
    }

    /// Adds what is held to the set of the files. `before` is the set in force.
    pub(super) fn merge(
        &mut self,
        files: &Arc<PolicySet>,
        before: &PolicySet,
        uptime: Duration,
    ) -> Merged {
        let is_missing = |name: &PolicyName| files.find(name).is_none();
        let in_force = before.iter().map(|(name, _)| name);
        let HeldChanges {
            gone,
            returned,
            dropped,
        } = self.0.update(in_force, is_missing, uptime);
        let held = self.0.names().filter_map(|name| {
            let policy = before.find(name)?;
            Some((name.clone(), policy.clone()))
        });
        let set = if self.0.names().next().is_none() {
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
