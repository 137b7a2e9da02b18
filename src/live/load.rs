//! Loads a policy set once, and checks it against the configuration.

use std::{collections::BTreeSet, path::Path};

use super::{
    error::LoadError,
    snapshot::{Parsed, Snapshot},
};
use crate::{files::IgnoredFile, policy::PolicySet};

/// A policy set as its files give it.
#[derive(Debug)]
pub struct Loaded {
    /// The set.
    pub set: PolicySet,
    /// What is beside the policy files and their lists, and is not read.
    pub ignored: Vec<IgnoredFile>,
}

/// Reads and compiles a policy file, or every `*.yaml` of a folder and its sub-folders. Blocks.
pub fn load(path: &Path) -> Result<PolicySet, LoadError> {
    load_all(path).map(|loaded| loaded.set)
}

/// As [`load()`], with what was not read.
pub fn load_all(path: &Path) -> Result<Loaded, LoadError> {
    let mut parsed = Parsed::default();
    let mut snapshot = Snapshot::stable(path, None, &mut parsed);
    let ignored = snapshot.ignored.take().unwrap_or_default();
    let set = snapshot.compile(path, &mut parsed)?;
    Ok(Loaded { set, ignored })
}

/// Refuses a set with a policy that redirects browsers to any other address than these.
pub fn check_redirects(set: PolicySet, allowed: &BTreeSet<String>) -> Result<PolicySet, LoadError> {
    let not_allowed = set.iter().find_map(|(name, policy)| {
        let redirect = policy.redirect().filter(|to| !allowed.contains(*to))?;
        Some(LoadError::Redirect(name.clone(), redirect.to_owned()))
    });
    not_allowed.map_or(Ok(set), Err)
}
