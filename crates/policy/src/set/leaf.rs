//! The requirements without parts that the rules of a policy consist of: what verdicts are about.

use std::{collections::BTreeSet, sync::Arc};

use sha2::{Digest as _, Sha256};

use crate::{
    evidence::DataKinds,
    rule::{Requirement, Rule},
    text::Whole,
};

/// A requirement without parts.
#[derive(Debug)]
pub(crate) struct Leaf {
    pub(crate) requirement: Requirement,
    /// As a policy writes it.
    pub(crate) text: Box<str>,
    /// The digest of all that it means: identities are in it, and are not in the text.
    pub(crate) meaning: [u8; 32],
    /// The kinds of a person's data that it reads.
    pub(crate) reads: DataKinds,
    /// Whether it reads what the evidence says.
    pub(crate) reads_evidence: bool,
}

impl Leaf {
    /// Those of these rules, in their order, each once.
    pub(super) fn of(rules: &[Rule]) -> Arc<[Self]> {
        let mut requirements = Vec::new();
        for rule in rules {
            rule.requirement().add_leaves(&mut requirements);
        }
        let mut known = BTreeSet::new();
        let leaves = requirements.into_iter().map(Self::new);
        leaves.filter(|leaf| known.insert(leaf.meaning)).collect()
    }

    fn new(requirement: &Requirement) -> Self {
        Self {
            requirement: requirement.clone(),
            text: requirement.to_string().into(),
            meaning: Sha256::digest(Whole(requirement).to_string()).into(),
            reads: requirement.reads(),
            reads_evidence: requirement.reads_evidence(),
        }
    }
}
