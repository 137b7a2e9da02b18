//! Loads a policy set once, and checks it against the configuration.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use super::{
    error::LoadError,
    snapshot::{Digest, Parsed, Snapshot},
};
use crate::{
    files::{Exposure, IgnoredFile},
    policy::PolicySet,
};

/// A policy set as its files give it.
#[derive(Debug)]
pub struct Loaded {
    /// The set.
    pub set: PolicySet,
    /// What is beside the policy files and their lists, and is not read.
    pub ignored: Vec<IgnoredFile>,
    /// How others than their owners and root can change the files.
    pub exposures: BTreeSet<Exposure>,
    /// What the set was compiled from.
    pub reading: Reading,
}

/// A reading of files that compiled. Where the next one is equal, nothing is parsed again.
#[derive(Debug)]
pub struct Reading {
    pub(super) digest: Digest,
    pub(super) parsed: Parsed,
    /// The paths of the policy files.
    pub(super) files: BTreeSet<String>,
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
    let exposures = snapshot.exposures(path);
    let (digest, files) = (snapshot.digest, snapshot.files());
    let set = snapshot.compile(path, &mut parsed)?;
    Ok(Loaded {
        set,
        ignored,
        exposures,
        reading: Reading {
            digest,
            parsed,
            files,
        },
    })
}

/// As [`load_all()`], for policies that need not be there: a set without a policy where there is no file.
pub fn load_shadow(path: &Path, redirects: &BTreeSet<String>) -> Result<PolicySet, LoadError> {
    let loaded = load_all(path).and_then(|loaded| {
        check_exposures(&loaded.exposures)?;
        check_redirects(loaded.set, redirects)
    });
    or_none(loaded)
}

/// A set without a policy in place of the error that there is no file.
pub(super) fn or_none(loaded: Result<PolicySet, LoadError>) -> Result<PolicySet, LoadError> {
    match loaded {
        Err(error) if error.is_nothing_there() => Ok(PolicySet::new(BTreeMap::new())),
        loaded => loaded,
    }
}

/// Refuses files that others can change: a person who can write a policy decides who gets in.
pub fn check_exposures(exposures: &BTreeSet<Exposure>) -> Result<(), LoadError> {
    let writable = exposures.iter().filter(|exposure| exposure.is_writable());
    let writable: Vec<Exposure> = writable.cloned().collect();
    if writable.is_empty() {
        Ok(())
    } else {
        Err(LoadError::Exposed(writable))
    }
}

/// Refuses a set with a policy that redirects browsers to any other address than these.
pub fn check_redirects(set: PolicySet, allowed: &BTreeSet<String>) -> Result<PolicySet, LoadError> {
    let not_allowed = set.iter().find_map(|(name, policy)| {
        let redirect = policy.redirect().filter(|to| !allowed.contains(*to))?;
        Some(LoadError::Redirect(name.clone(), redirect.to_owned()))
    });
    not_allowed.map_or(Ok(set), Err)
}
