//! Instants of a decision that would reveal a birthday: beside `age_at_least: 18`, the 18th one is the date of birth.

use crate::{
    journal::entry::Entry,
    policy::{DataKinds, RequirementVerdict, Timestamp},
};

/// Which instants a line may show.
pub(super) enum Instants {
    /// Every one: the policy reads no date of birth.
    All,
    /// Those that a requirement which reads no date of birth explains.
    Explained(Vec<Timestamp>),
}

impl Instants {
    /// Those of this entry, of which these are the verdicts.
    pub(super) fn of(entry: &Entry, verdicts: &[RequirementVerdict<'_>]) -> Self {
        let policy = entry.sets.in_force.find(&entry.request.policy);
        if !policy.is_some_and(|policy| policy.reads().include(DataKinds::BIRTH)) {
            return Self::All;
        }
        let verdicts = verdicts.iter().filter(|verdict| !verdict.reads_birth);
        let windows = verdicts.flat_map(|v| [v.window, v.other]).flatten();
        Self::Explained(windows.filter_map(|window| window.until).collect())
    }

    /// Whether this one is among them.
    pub(super) fn show(&self, at: Timestamp) -> bool {
        match self {
            Self::All => true,
            Self::Explained(explained) => explained.contains(&at),
        }
    }
}
