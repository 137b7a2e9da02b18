//! Loads a policy set once, and checks it against the configuration.

use std::{collections::BTreeSet, path::Path};

use super::{
    error::LoadError,
    snapshot::{Parsed, Snapshot},
};
use crate::policy::PolicySet;

/// Reads and compiles a policy file, or every `*.yaml` of a folder and its sub-folders. Blocks.
pub fn load(path: &Path) -> Result<PolicySet, LoadError> {
    let mut parsed = Parsed::default();
    Snapshot::stable(path, None, &mut parsed).compile(path, &mut parsed)
}

/// Refuses a set with a policy that redirects browsers to any other address than these.
pub fn check_redirects(set: PolicySet, allowed: &BTreeSet<String>) -> Result<PolicySet, LoadError> {
    let not_allowed = set.iter().find_map(|(name, policy)| {
        let redirect = policy.redirect().filter(|to| !allowed.contains(*to))?;
        Some(LoadError::Redirect(name.clone(), redirect.to_owned()))
    });
    not_allowed.map_or(Ok(set), Err)
}
