//! Which of a journal's decisions the shadow policies would have made otherwise: by policy, by caller and by an attribute.

use super::{
    changes::{Changes, Groups},
    decision::DecisionLine,
};
use crate::policy::Timestamp;

/// Counts what the shadow would have decided.
#[derive(Debug, Default)]
pub struct Shadows {
    since: Option<Timestamp>,
    attribute: Option<Box<str>>,
    report: ShadowsReport,
}

/// What was counted.
#[derive(Debug, Default)]
pub struct ShadowsReport {
    /// The revision of the shadow that was judged last; only what it would have decided is counted. `None` if there was none.
    pub revision: Option<Box<str>>,
    /// By policy.
    pub policies: Groups,
    /// By caller.
    pub callers: Groups,
    /// By the value of the attribute, if one is named.
    pub values: Groups,
    /// All.
    pub all: Changes,
    /// Decisions that were judged by an earlier revision of the shadow.
    pub earlier: u64,
    /// Decisions without a shadow, or with values that are not known.
    pub without: u64,
}

impl Shadows {
    /// Since this instant, and by this attribute.
    pub fn new(since: Option<Timestamp>, attribute: Option<&str>) -> Self {
        Self {
            since,
            attribute: attribute.map(Into::into),
            report: ShadowsReport::default(),
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
            self.report.without = self.report.without.saturating_add(1);
            return;
        };
        if self.report.revision.as_ref() != Some(&shadow.revision) {
            self.begin(&shadow.revision);
        }
        let report = &mut self.report;
        report.all.count(change);
        report.policies.count(line.policy(), change);
        report.callers.count(line.caller(), change);
        if let Some(value) = self
            .attribute
            .as_ref()
            .and_then(|name| line.attribute(name))
        {
            report.values.count(value, change);
        }
    }

    /// The report.
    pub fn finish(self) -> ShadowsReport {
        self.report
    }

    /// What another revision would have decided does not count any more.
    fn begin(&mut self, revision: &str) {
        let before = std::mem::take(&mut self.report);
        self.report = ShadowsReport {
            revision: Some(revision.into()),
            earlier: before.earlier.saturating_add(before.all.all()),
            without: before.without,
            ..ShadowsReport::default()
        };
    }
}
