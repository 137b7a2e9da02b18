//! What a comparison reports: the result types of `policy diff`.

use std::collections::BTreeMap;

use super::{direction::Direction, witness::Witness};
use crate::{
    authoring::suite::{self, Expect},
    effect::Effect,
    request::PolicyName,
};

/// What differs between two sets of policies.
#[derive(Debug)]
pub struct Comparison {
    /// The direction of interest; nothing is known of the differences of the other direction.
    pub direction: Direction,
    /// The policies that only the old set has: checks of them would get NOT_FOUND.
    pub removed: Vec<PolicyName>,
    /// The policies that only the new set has.
    pub added: Vec<PolicyName>,
    /// The policies that both sets have and that differ.
    pub changed: BTreeMap<PolicyName, PolicyChanges>,
}

/// What differs between two policies of one name.
#[derive(Debug, Default)]
pub struct PolicyChanges {
    /// The kinds of checks that are decided differently, those that loosen first.
    pub cells: Vec<ChangedCell>,
    /// Whether there are more cells than these. Only with one direction.
    pub more: bool,
    /// The settings that changed. They do not affect a decision: how old evidence may be, how long an ALLOW may be reused, and
    /// where a step-up redirects to.
    pub settings: Vec<ChangedSetting>,
}

/// A kind of check that is decided differently.
#[derive(Debug, Clone)]
pub struct ChangedCell {
    /// What the old policy decides.
    pub old: Effect,
    /// What the new policy decides.
    pub new: Effect,
    /// Which checks these are, in words.
    pub when: String,
    /// One of these checks.
    pub witness: Witness,
}

/// A setting that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedSetting {
    /// Its name in a policy file, such as `evidence.fresh_for`.
    pub name: &'static str,
    /// Its value in the old policy.
    pub old: String,
    /// Its value in the new policy.
    pub new: String,
}

impl Comparison {
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.removed.is_empty() && self.added.is_empty() && self.changed.is_empty()
    }

    /// The changed cells of all policies.
    pub fn cells(&self) -> impl Iterator<Item = &ChangedCell> {
        self.changed.values().flat_map(|changes| &changes.cells)
    }

    /// Whether some check that both sets can answer is decided less strictly. A policy that is removed or added neither loosens
    /// nor tightens: a check of a policy that is not there gets no decision at all.
    pub fn loosens(&self) -> bool {
        self.cells().any(ChangedCell::loosens)
    }

    /// Whether some check that both sets can answer is decided more strictly.
    pub fn tightens(&self) -> bool {
        self.cells().any(|cell| !cell.loosens())
    }
}

impl PolicyChanges {
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty() && self.settings.is_empty()
    }
}

impl ChangedCell {
    /// Whether the new decision is less strict; otherwise it is stricter.
    pub fn loosens(&self) -> bool {
        self.new < self.old
    }

    /// The witness as an item of a case file's `cases:`, which expects what the new policy decides.
    pub fn as_case(&self) -> String {
        let Self { old, new, when, .. } = self;
        let name = format!("{when}: {new} instead of {old}");
        let expect = Expect {
            effect: Some(*new),
            ..Expect::default()
        };
        suite::write_case(&self.witness.as_case(name, expect), 0)
    }
}
