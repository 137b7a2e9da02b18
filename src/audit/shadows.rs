//! Which of a journal's decisions the shadow policies would have made otherwise: by policy, by caller, by an attribute, and by the cells of
//! `policy diff`.

mod cells;

use std::collections::BTreeSet;

pub use self::cells::{PolicyCells, ShadowCells};
use super::{
    changes::{Change, Changes, Groups},
    decision::DecisionLine,
};
use crate::policy::Timestamp;

/// Revisions of the shadow that are counted at once. Of more, the one that was judged longest ago is given up.
const REVISIONS_MAX: usize = 16;
/// Revisions that were given up and are still known by name.
const GIVEN_UP_MAX: usize = 10_000;

/// Counts what the shadow would have decided.
#[derive(Debug, Default)]
pub struct Shadows<'p> {
    since: Option<Timestamp>,
    attribute: Option<Box<str>>,
    /// The revisions; the one that was judged last is the last one.
    revisions: Vec<ShadowCounts>,
    given_up: BTreeSet<Box<str>>,
    /// Decisions that were judged by revisions that were given up, or that do not count.
    given_up_count: u64,
    without: u64,
    cells: Option<ShadowCells<'p>>,
}

/// What was counted.
#[derive(Debug, Default)]
pub struct ShadowsReport<'p> {
    /// What the revision of the shadow that was judged last would have decided, or that of the policies that are given. `None` if there was none.
    pub last: Option<ShadowCounts>,
    /// The cells in which the decisions lie that would have been others, if the policies are given.
    pub cells: Option<ShadowCells<'p>>,
    /// Decisions that were judged by other revisions of the shadow.
    pub earlier: u64,
    /// Decisions without a shadow, or with values that are not known.
    pub without: u64,
}

/// What one revision of the shadow would have decided.
#[derive(Debug)]
pub struct ShadowCounts {
    /// The revision.
    pub revision: Box<str>,
    /// By policy.
    pub policies: Groups,
    /// By caller.
    pub callers: Groups,
    /// By the value of the attribute, if one is named.
    pub values: Groups,
    /// All.
    pub all: Changes,
    /// Whether this is all that it has judged. If not, it was given up before, because 16 others were judged since then.
    pub is_whole: bool,
}

impl<'p> Shadows<'p> {
    /// Since this instant, and by this attribute.
    pub fn new(since: Option<Timestamp>, attribute: Option<&str>) -> Self {
        Self {
            since,
            attribute: attribute.map(Into::into),
            ..Self::default()
        }
    }

    /// Also by the cells of these policies. Only their revision of the shadow counts then.
    pub fn with_cells(self, cells: ShadowCells<'p>) -> Self {
        Self {
            cells: Some(cells),
            ..self
        }
    }

    /// Counts one, if it is of the time that counts.
    pub fn add(&mut self, line: &DecisionLine) {
        let is_before = |since: &Timestamp| line.at().is_none_or(|at| at < *since);
        if self.since.as_ref().is_some_and(is_before) {
            return;
        }
        let shadow = line.shadow();
        let change = shadow.and_then(|s| line.change_to(&s.decision));
        let (Some(shadow), Some(change)) = (shadow, change) else {
            self.without = self.without.saturating_add(1);
            return;
        };
        let cells = self.cells.as_ref();
        if cells.is_some_and(|cells| cells.shadow() != &*shadow.revision) {
            self.given_up_count = self.given_up_count.saturating_add(1);
            return;
        }
        self.make_last(&shadow.revision);
        let value = self.attribute.as_deref();
        let value = value.and_then(|name| line.attribute(name));
        if let Some(counts) = self.revisions.last_mut() {
            counts.count(line, change, value);
        }
        if let Some(cells) = &mut self.cells {
            cells.add(line, &shadow.decision);
        }
    }

    /// The report.
    pub fn finish(mut self) -> ShadowsReport<'p> {
        let last = self.revisions.pop();
        let others = self.revisions.iter().map(|counts| counts.all.all());
        ShadowsReport {
            last,
            earlier: others.fold(self.given_up_count, u64::saturating_add),
            without: self.without,
            cells: self.cells,
        }
    }

    /// Makes the counts of this revision the last ones.
    fn make_last(&mut self, revision: &str) {
        let is_it = |counts: &ShadowCounts| &*counts.revision == revision;
        // It is the last one already but for one line in many.
        match self.revisions.iter().rposition(is_it) {
            Some(index) => {
                if let Some(from) = self.revisions.get_mut(index..) {
                    from.rotate_left(1);
                }
            }
            None => self.begin(revision),
        }
    }

    fn begin(&mut self, revision: &str) {
        if self.revisions.len() >= REVISIONS_MAX {
            self.give_up_oldest();
        }
        let is_whole = self.given_up.len() < GIVEN_UP_MAX && !self.given_up.contains(revision);
        self.revisions.push(ShadowCounts {
            revision: revision.into(),
            policies: Groups::default(),
            callers: Groups::default(),
            values: Groups::default(),
            all: Changes::default(),
            is_whole,
        });
    }

    fn give_up_oldest(&mut self) {
        let oldest = self.revisions.remove(0);
        let count = oldest.all.all();
        self.given_up_count = self.given_up_count.saturating_add(count);
        if self.given_up.len() < GIVEN_UP_MAX {
            self.given_up.insert(oldest.revision);
        }
    }
}

impl ShadowCounts {
    fn count(&mut self, line: &DecisionLine, change: Change, value: Option<&str>) {
        self.all.count(change);
        self.policies.count(line.policy(), change);
        self.callers.count(line.caller(), change);
        if let Some(value) = value {
            self.values.count(value, change);
        }
    }
}
