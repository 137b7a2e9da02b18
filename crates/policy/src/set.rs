//! A policy, and the set of policies that is in force together, named by the digest of its meaning.

mod policy;
mod revision;

use std::collections::BTreeMap;

pub use self::{
    policy::{EvidenceTerms, Policy},
    revision::Revision,
};
use crate::request::PolicyName;

/// The policies that are in force together.
#[derive(Debug, Clone)]
pub struct PolicySet {
    policies: BTreeMap<PolicyName, Policy>,
    revision: Revision,
}

impl PolicySet {
    /// Makes a set, and names it.
    pub fn new(policies: BTreeMap<PolicyName, Policy>) -> Self {
        let revision = Revision::of(&policies);
        Self { policies, revision }
    }

    /// The policy of this name.
    pub fn find(&self, name: &PolicyName) -> Option<&Policy> {
        self.policies.get(name)
    }

    /// Every policy with its name, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&PolicyName, &Policy)> {
        self.policies.iter()
    }

    /// How many policies there are.
    pub fn len(&self) -> usize {
        self.policies.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.policies.is_empty()
    }

    /// The name of what the set means.
    pub fn revision(&self) -> Revision {
        self.revision
    }
}
