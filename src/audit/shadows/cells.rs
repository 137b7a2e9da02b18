//! In which cells of `policy diff` the decisions lie that the shadow policies would have made otherwise.

use std::collections::BTreeMap;

use super::super::decision::DecisionLine;
use crate::policy::{
    Effect, PolicyName, PolicySet,
    diff::{ChangedCell, CompareError, RecordedCells, RuleEdit},
    recompute::Requirements,
};

/// Counts the decisions in the cells of the policies in force and their shadow.
#[derive(Debug)]
pub struct ShadowCells<'p> {
    in_force: String,
    shadow: String,
    policies: BTreeMap<&'p PolicyName, PolicyCells<'p>>,
    requirements: Requirements,
    other_policies: u64,
}

/// The cells of one policy.
#[derive(Debug)]
pub struct PolicyCells<'p> {
    compared: Result<RecordedCells<'p>, CompareError>,
    counts: Vec<u64>,
    unknown: u64,
}

impl<'p> ShadowCells<'p> {
    /// Compares these policies in force with these shadow policies.
    pub fn of(in_force: &'p PolicySet, shadow: &'p PolicySet) -> Self {
        let pairs = in_force.iter();
        let pairs = pairs.filter_map(|(name, policy)| Some((name, policy, shadow.find(name)?)));
        let policies = pairs.map(|(name, policy, shadow)| {
            let compared = RecordedCells::of(name, policy, shadow);
            let count = compared.as_ref().map_or(0, |cells| cells.cells().len());
            let cells = PolicyCells {
                compared,
                counts: vec![0; count],
                unknown: 0,
            };
            (name, cells)
        });
        Self {
            in_force: in_force.revision().to_string(),
            shadow: shadow.revision().to_string(),
            policies: policies.collect(),
            requirements: Requirements::default(),
            other_policies: 0,
        }
    }

    /// The revision of the shadow policies.
    pub fn shadow(&self) -> &str {
        &self.shadow
    }

    /// The policies that decide something differently, by name, and those that could not be compared.
    pub fn policies(&self) -> impl Iterator<Item = (&'p PolicyName, &PolicyCells<'p>)> {
        let policies = self.policies.iter().map(|(name, cells)| (*name, cells));
        policies.filter(|(_, cells)| {
            !cells.counts.is_empty() || cells.unknown > 0 || cells.error().is_some()
        })
    }

    /// Decisions that other policies have made than those that are given.
    pub fn other_policies(&self) -> u64 {
        self.other_policies
    }

    /// Counts a decision that this shadow has judged, if it would have made another one.
    pub(super) fn add(&mut self, line: &DecisionLine, would_be: &str) {
        let effect = |text: &str| Effect::ALL.into_iter().find(|e| e.as_str() == text);
        let (Some(old), Some(new)) = (effect(line.decision()), effect(would_be)) else {
            return;
        };
        if old == new {
            return;
        }
        let name = PolicyName::parse(line.policy()).ok();
        let cells = name.and_then(|name| self.policies.get_mut(&name));
        let Some(cells) = cells.filter(|_| line.policy_revision() == self.in_force) else {
            self.other_policies = self.other_policies.saturating_add(1);
            return;
        };
        let recorded = line.recorded(&mut self.requirements).ok();
        let found = recorded.zip(cells.compared.as_ref().ok());
        let found = found.map(|(recorded, compared)| compared.locate(&recorded, old, new));
        let found = found.unwrap_or_default();
        if found.is_empty() {
            cells.unknown = cells.unknown.saturating_add(1);
        }
        for number in found {
            if let Some(count) = cells.counts.get_mut(number) {
                *count = count.saturating_add(1);
            }
        }
    }
}

impl PolicyCells<'_> {
    /// The cells, each with the edits that are its cause and the number of its decisions. A decision counts in each cell that describes it.
    pub fn cells(&self) -> impl Iterator<Item = (&ChangedCell, Vec<&RuleEdit>, u64)> {
        let compared = self.compared.iter();
        compared.flat_map(move |compared| {
            let cells = compared.cells().zip(&self.counts);
            cells.map(move |(cell, count)| {
                let edits = cell.edits.iter();
                let edits = edits.filter_map(|number| compared.edits().get(*number));
                (cell, edits.collect(), *count)
            })
        })
    }

    /// Decisions that would have been others, and whose lines do not say in which of the cells they lie.
    pub fn unknown(&self) -> u64 {
        self.unknown
    }

    /// Why the policies could not be compared.
    pub fn error(&self) -> Option<&CompareError> {
        self.compared.as_ref().err()
    }
}
