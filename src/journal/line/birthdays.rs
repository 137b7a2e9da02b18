//! Instants of a decision that would reveal a birthday: beside `age_at_least: 18`, the 18th one is the date of birth.

use crate::{
    journal::entry::Entry,
    policy::{DataKinds, RequirementVerdict, Timestamp},
};

/// Which instants a line may show.
pub(super) enum Instants<'v> {
    /// Every one: the policy reads no date of birth.
    All,
    /// Those that one of these requirements explains, if it reads no date of birth.
    Explained(&'v [RequirementVerdict<'v>]),
}

impl<'v> Instants<'v> {
    /// Those of this entry, of which these are the verdicts.
    pub(super) fn of(entry: &Entry, verdicts: &'v [RequirementVerdict<'v>]) -> Self {
        let policy = entry.sets.in_force.find(&entry.request.policy);
        if !policy.is_some_and(|policy| policy.reads().include(DataKinds::BIRTH)) {
            return Self::All;
        }
        Self::Explained(verdicts)
    }

    /// Whether this one is among them.
    pub(super) fn show(&self, at: Timestamp) -> bool {
        match self {
            Self::All => true,
            Self::Explained(verdicts) => {
                let verdicts = verdicts.iter().filter(|verdict| !verdict.reads_birth);
                let mut windows = verdicts.flat_map(|v| [v.window, v.other]).flatten();
                windows.any(|window| window.until == Some(at))
            }
        }
    }
}
