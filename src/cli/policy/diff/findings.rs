//! The edits of a comparison for a person: an edit that several policies share is one finding.

use std::collections::BTreeMap;

use crate::policy::{
    Effect, PolicyName,
    diff::{ChangedCell, ChangedSetting, Comparison, Directions, PolicyChanges, RuleEdit},
};

/// An edit, or a setting that changed, with the policies that have it and what it changes there.
#[derive(Debug)]
pub(super) struct Finding<'c> {
    /// What it is: `age_at_least: 21 -> 18`.
    pub(super) summary: String,
    /// The alternative that it is in, if any.
    pub(super) place: Option<&'c str>,
    pub(super) directions: Directions,
    /// Whether its directions are known.
    pub(super) knowledge: Knowledge,
    pub(super) is_setting: bool,
    /// The policies that have it.
    pub(super) policies: Vec<&'c PolicyName>,
    /// Its effect, a line each.
    pub(super) lines: Vec<Line<'c>>,
}

/// Whether the directions of a finding are known, or why they are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Knowledge {
    /// They are known.
    Known,
    /// The policies could not be compared.
    NotCompared,
    /// It changes no decision together with the other edits, and was not tried alone, because the policy is too large.
    NotTriedAlone,
}

/// Checks that a finding decides differently.
#[derive(Debug)]
pub(super) struct Line<'c> {
    /// Which checks, in short.
    pub(super) words: String,
    /// The kinds of cells that these words describe.
    pub(super) cells: Vec<&'c ChangedCell>,
    /// The policies that have such a cell.
    pub(super) policies: Vec<&'c PolicyName>,
}

/// What the old policy decides, and what the new one does.
type Kind = (Effect, Effect);

/// The findings of a comparison: those that several policies share, then those of each policy.
#[derive(Debug, Default)]
pub(super) struct Findings<'c> {
    pub(super) shared: Vec<Finding<'c>>,
    pub(super) of_policies: BTreeMap<&'c PolicyName, Vec<Finding<'c>>>,
}

impl<'c> Findings<'c> {
    pub(super) fn of(comparison: &'c Comparison) -> Self {
        let mut all: Vec<Finding<'c>> = Vec::new();
        let mut places: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        for (name, changes) in &comparison.changed {
            let mut failed = comparison.failed.iter();
            let unknown = if failed.any(|error| error.policy == *name) {
                Knowledge::NotCompared
            } else {
                Knowledge::NotTriedAlone
            };
            for finding in of_policy(name, changes, unknown) {
                let (summary, is_setting) = (finding.summary.clone(), finding.is_setting);
                let key = (summary, finding.place, is_setting, finding.knowledge);
                let same = places.entry(key).or_default();
                // A policy that has an edit twice has two findings.
                let known = same.iter().copied().find(|index| {
                    let known = all.get(*index);
                    known.is_some_and(|known| !known.policies.contains(&name))
                });
                match known.and_then(|index| all.get_mut(index)) {
                    Some(known) => known.add(finding),
                    None => {
                        same.push(all.len());
                        all.push(finding);
                    }
                }
            }
        }
        let mut findings = Self::default();
        for finding in all {
            match finding.policies.as_slice() {
                [only] => findings.of_policies.entry(*only).or_default().push(finding),
                _ => findings.shared.push(finding),
            }
        }
        findings
    }

    /// How many settings changed, and how many edits there are; a finding that several policies share counts once.
    pub(super) fn counts(&self) -> (usize, usize) {
        let findings = self
            .shared
            .iter()
            .chain(self.of_policies.values().flatten());
        let (settings, edits): (Vec<_>, Vec<_>) = findings.partition(|finding| finding.is_setting);
        (settings.len(), edits.len())
    }
}

fn of_policy<'c>(
    name: &'c PolicyName,
    changes: &'c PolicyChanges,
    unknown: Knowledge,
) -> impl Iterator<Item = Finding<'c>> {
    let edits = changes.edits.iter().enumerate();
    let edits = edits.map(move |(number, edit)| Finding {
        knowledge: match edit.directions {
            Some(_) => Knowledge::Known,
            None => unknown,
        },
        ..of_edit(name, changes, number, edit)
    });
    edits.chain(changes.settings.iter().map(move |s| of_setting(name, s)))
}

fn of_edit<'c>(
    name: &'c PolicyName,
    changes: &'c PolicyChanges,
    number: usize,
    edit: &'c RuleEdit,
) -> Finding<'c> {
    let mut finding = Finding {
        summary: edit.words.summary.clone(),
        place: edit.words.place.as_deref(),
        directions: edit.directions.unwrap_or_default(),
        knowledge: Knowledge::Known,
        is_setting: false,
        policies: vec![name],
        lines: Vec::new(),
    };
    for cell in changes
        .cells
        .iter()
        .filter(|cell| cell.edits.contains(&number))
    {
        finding.add_line(Line {
            words: cell.in_short(),
            cells: vec![cell],
            policies: vec![name],
        });
    }
    finding
}

fn of_setting<'c>(name: &'c PolicyName, setting: &'c ChangedSetting) -> Finding<'c> {
    let ChangedSetting {
        name: setting_name,
        old,
        new,
        directions,
    } = setting;
    Finding {
        summary: format!("{setting_name}: {old} -> {new}"),
        place: None,
        directions: *directions,
        knowledge: Knowledge::Known,
        is_setting: true,
        policies: vec![name],
        lines: Vec::new(),
    }
}

impl<'c> Finding<'c> {
    /// Adds the same finding of another policy.
    fn add(&mut self, other: Self) {
        self.directions.loosens |= other.directions.loosens;
        self.directions.tightens |= other.directions.tightens;
        self.policies.extend(other.policies);
        for line in other.lines {
            self.add_line(line);
        }
    }

    /// Adds a line, or merges it with a line of the same words.
    fn add_line(&mut self, line: Line<'c>) {
        let is_outage = |line: &Line<'_>| line.cells.iter().any(|cell| cell.is_of_outage());
        let same = self.lines.iter_mut().find(|known| {
            known.words == line.words
                && known.loosens() == line.loosens()
                && is_outage(known) == is_outage(&line)
        });
        match same {
            Some(known) => {
                let new = line
                    .policies
                    .into_iter()
                    .filter(|p| !known.policies.contains(p));
                let new: Vec<&PolicyName> = new.collect();
                known.policies.extend(new);
                known.cells.extend(line.cells);
            }
            None => self.lines.push(line),
        }
    }

    /// The kinds of its cells, with loosening ones first.
    pub(super) fn kinds(&self) -> Vec<Kind> {
        kinds_of(self.lines.iter().flat_map(|line| &line.cells))
    }
}

impl Line<'_> {
    /// The kinds of its cells, with loosening ones first.
    pub(super) fn kinds(&self) -> Vec<Kind> {
        kinds_of(&self.cells)
    }

    fn loosens(&self) -> bool {
        self.cells.iter().any(|cell| cell.loosens())
    }
}

fn kinds_of<'c>(cells: impl IntoIterator<Item = &'c &'c ChangedCell>) -> Vec<Kind> {
    let kinds = cells.into_iter().map(|cell| (cell.old, cell.new));
    let mut kinds: Vec<Kind> = kinds.collect();
    kinds.sort_by_key(|(old, new)| (new > old, *old, *new));
    kinds.dedup();
    kinds
}

/// These names on a line; of more than `max`, the first and how many more.
pub(super) fn names(names: &[&PolicyName], max: usize) -> String {
    let shown = names.iter().take(max).map(|name| name.as_str());
    let shown = shown.collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(max) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
