//! What a comparison reports: the result types of `policy diff`.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    direction::Directions,
    error::CompareSetsError,
    witness::Witness,
    words::{EditWords, ListEdit},
};
use crate::{
    authoring::suite::{self, Expect},
    effect::Effect,
    request::PolicyName,
};

/// How many conditions on facts that an edit does not touch are shown, and how long each may be.
const BESIDES_MAX: usize = 3;
const BESIDES_BYTES_MAX: usize = 70;

/// What differs between two sets of policies.
#[derive(Debug, Default)]
pub struct Comparison {
    /// The policies that only the old set has, under any name: checks of them get NOT_FOUND, which tightens.
    pub removed: Vec<PolicyName>,
    /// The policies that only the new set has, under any name: there is nothing to compare them with.
    pub added: Vec<PolicyName>,
    /// The policies that have another name in the new set, found by what they mean.
    pub renamed: Vec<Renamed>,
    /// The policies that both sets have and that differ, by their names in the new set.
    pub changed: BTreeMap<PolicyName, PolicyChanges>,
    /// The policies that could not be compared. Of a policy that both sets have, the edits are in `changed`, without directions and cells.
    pub failed: Vec<CompareSetsError>,
    /// How many settings changed and were left out, by [`Comparison::ignore_settings`].
    pub ignored_settings: usize,
}

/// A policy that has another name in the new set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renamed {
    /// Its name in the old set.
    pub old: PolicyName,
    /// Its name in the new set.
    pub new: PolicyName,
}

/// What differs between two policies.
#[derive(Debug, Default)]
pub struct PolicyChanges {
    /// The edits between the old and the new policy, in the order of the old one.
    pub edits: Vec<RuleEdit>,
    /// The kinds of checks that are decided differently, by their edits, with loosening ones first.
    pub cells: Vec<ChangedCell>,
    /// The settings that changed. They affect no decision on given evidence, but how old evidence may be, how long an ALLOW may
    /// be reused, and where a step-up redirects to.
    pub settings: Vec<ChangedSetting>,
}

/// An edit of a rule, or of a part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleEdit {
    /// What is edited, in words.
    pub words: EditWords,
    /// The directions in which the edit changes decisions, alone or together with the other edits of the policy. `None` if they are
    /// unknown: the policies could not be compared, or the edit changes no decision together with the others and was not tried alone,
    /// because the policy is too large.
    pub directions: Option<Directions>,
}

/// A kind of check that is decided differently: these values of the facts that an edit touches, together with some values of the
/// other facts.
#[derive(Debug, Clone)]
pub struct ChangedCell {
    /// What the old policy decides.
    pub old: Effect,
    /// What the new policy decides.
    pub new: Effect,
    /// The edits that are its cause, as indices of [`PolicyChanges::edits`].
    pub edits: BTreeSet<usize>,
    /// The values of the facts that the edit touches.
    pub touched: Vec<Common>,
    /// What all of these checks have in common on other facts.
    pub besides: Vec<Common>,
    /// Whether every check that this describes is decided so. If not, other rules must hold too.
    pub is_whole: bool,
    /// One of these checks.
    pub witness: Witness,
}

/// What the checks of a cell have in common in one fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Common {
    /// In words: `verified 30d to 90d ago`.
    pub words: String,
    /// Whether the condition is implied: it holds for all checks that the two policies decide as they do here, because of the other
    /// rules.
    pub is_ordinary: bool,
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
    /// It loosens if an old or revoked verification may count for longer, and tightens if it counts for less long.
    pub directions: Directions,
}

impl Comparison {
    /// Whether nothing differs but settings that were left out, and everything was compared.
    pub fn is_empty(&self) -> bool {
        let Self {
            removed,
            added,
            renamed,
            changed,
            failed,
            ignored_settings: _,
        } = self;
        removed.is_empty()
            && added.is_empty()
            && renamed.is_empty()
            && changed.is_empty()
            && failed.is_empty()
    }

    /// The changed cells of all policies.
    pub fn cells(&self) -> impl Iterator<Item = &ChangedCell> {
        self.changed.values().flat_map(|changes| &changes.cells)
    }

    /// Leaves out the settings that changed, and the policies in which nothing else did.
    pub fn ignore_settings(&mut self) {
        for changes in self.changed.values_mut() {
            let count = changes.settings.drain(..).count();
            self.ignored_settings = self.ignored_settings.saturating_add(count);
        }
        self.changed.retain(|_, changes| !changes.is_empty());
    }

    /// The directions in which the set changes: by its cells, by its settings, and by removed policies, which tighten. An added
    /// policy has neither direction: its decisions cannot be compared with any of the old set.
    pub fn directions(&self) -> Directions {
        let removed = if self.removed.is_empty() {
            Directions::default()
        } else {
            Directions::TIGHTENS
        };
        let changed = self.changed.values().map(PolicyChanges::directions);
        changed.fold(removed, Directions::or)
    }

    /// Whether some decision may be less strict.
    pub fn loosens(&self) -> bool {
        self.directions().loosens
    }

    /// Whether some decision may be stricter.
    pub fn tightens(&self) -> bool {
        self.directions().tightens
    }
}

impl PolicyChanges {
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.edits.is_empty() && self.cells.is_empty() && self.settings.is_empty()
    }

    /// In which directions it changes.
    pub fn directions(&self) -> Directions {
        let cells = self.cells.iter().map(ChangedCell::directions);
        let settings = self.settings.iter().map(|setting| setting.directions);
        cells
            .chain(settings)
            .fold(Directions::default(), Directions::or)
    }
}

impl RuleEdit {
    /// What was added to a list and removed from it, if the edit changes a list.
    pub fn list(&self) -> Option<&ListEdit> {
        self.words.list.as_ref()
    }
}

impl ChangedCell {
    /// Whether the new decision is less strict; otherwise it is stricter.
    pub fn loosens(&self) -> bool {
        self.new < self.old
    }

    /// In which direction the decision changes.
    pub fn directions(&self) -> Directions {
        if self.loosens() {
            Directions::LOOSENS
        } else {
            Directions::TIGHTENS
        }
    }

    /// Whether it covers every check for which the evidence is unavailable.
    pub fn is_of_outage(&self) -> bool {
        self.witness.is_of_outage()
    }

    /// The requirement on the other rules, in words; `None` if there is none.
    pub fn proviso(&self) -> Option<&'static str> {
        match (self.is_whole, self.old.min(self.new)) {
            (true, _) => None,
            (false, Effect::Allow) => Some("where the other rules hold"),
            (false, _) => Some("where no other rule denies"),
        }
    }

    /// Which checks these are, in words.
    pub fn when(&self) -> String {
        let words = self.touched.iter().chain(&self.besides);
        let mut words: Vec<&str> = words.map(|common| &*common.words).collect();
        if words.is_empty() {
            words.push("every verification");
        }
        words.extend(self.proviso());
        words.join(", ")
    }

    /// Which checks these are, in words, without conditions that the other rules imply. Conditions that are too long are only
    /// counted.
    pub fn in_short(&self) -> String {
        let words = |all: bool| {
            let touched = self.touched.iter();
            let touched = touched.filter(|common| all || !common.is_ordinary);
            let mut words: Vec<&str> = touched.map(|common| &*common.words).collect();
            let besides = self.besides.iter().filter(|common| !common.is_ordinary);
            let (short, long): (Vec<&Common>, Vec<&Common>) =
                besides.partition(|common| common.words.len() <= BESIDES_BYTES_MAX);
            words.extend(short.iter().map(|common| &*common.words).take(BESIDES_MAX));
            let more = short.len().saturating_sub(BESIDES_MAX);
            let more = match long.len().saturating_add(more) {
                0 => String::new(),
                1 => " and 1 more condition".to_owned(),
                more => format!(" and {more} more conditions"),
            };
            format!("{}{more}", words.join(", "))
        };
        let candidates = [words(false), words(true), self.when()];
        let mut candidates = candidates.into_iter();
        candidates
            .find(|words| !words.is_empty() && !words.starts_with(" and"))
            .unwrap_or_default()
    }

    /// The witness as an item of a case file's `cases:`, which expects what the new policy decides.
    pub fn as_case(&self) -> String {
        let Self { old, new, .. } = self;
        let name = format!("{}: {new} instead of {old}", self.when());
        let expect = Expect {
            effect: Some(*new),
            ..Expect::default()
        };
        suite::write_case(&self.witness.as_case(name, expect), 0)
    }
}
