//! The set of policies that are in force together, and its [`Revision`].

mod leaf;
mod policy;
mod revision;

use std::collections::BTreeMap;

pub(crate) use self::leaf::Leaf;
pub use self::{
    policy::{EvidenceTerms, Policy},
    revision::Revision,
};
use crate::{evidence::DataKinds, request::PolicyName};

/// The policies that are in force together.
#[derive(Debug, Clone)]
pub struct PolicySet {
    policies: BTreeMap<PolicyName, Policy>,
    revision: Revision,
    reads: DataKinds,
}

impl PolicySet {
    /// Makes a set, and computes its revision.
    pub fn new(policies: BTreeMap<PolicyName, Policy>) -> Self {
        let revision = Revision::of(&policies);
        let reads = policies.values().map(Policy::reads).collect();
        Self {
            policies,
            revision,
            reads,
        }
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

    /// The kinds of a person's data that any of its policies reads: what evidence has to keep, and no more.
    pub fn reads(&self) -> DataKinds {
        self.reads
    }

    /// The digest of what the set means.
    pub fn revision(&self) -> Revision {
        self.revision
    }
}
