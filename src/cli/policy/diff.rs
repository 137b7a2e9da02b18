//! `verigate policy diff`: what two policies, or two folders of them, decide differently.

use std::{fmt::Write as _, io, path::PathBuf};

use anyhow::{anyhow, bail};
use clap::Args;
use serde_json::{Value, json};

use super::{Format, load, mistakes, renderer};
use crate::{
    cli::{Exit, talk, tell},
    policy::{
        PolicyName, PolicySet,
        diff::{ChangedCell, CompareError, CompareSetsError, Comparison, Direction, PolicyChanges},
    },
};

/// Tell every kind of check that two sets of policies decide differently, each with an example.
///
/// Exact, for checks from 2015 to the end of 2099. Settings that change (`fresh_for`, `stale_for`, `reuse.allow`, `redirect`) are told,
/// but neither loosen nor tighten; nor does a policy that is removed (checks of it would get NOT_FOUND) or added. Ends with 0,
/// with 1 if a policy is invalid or a change is not of the only kind that is asked for, and with 2 if the two cannot be compared.
#[derive(Debug, Args)]
pub(super) struct Diff {
    /// The old policies: a file or a folder.
    old: PathBuf,
    /// The new policies: a file or a folder.
    new: PathBuf,
    /// Compare this policy only.
    #[arg(long, value_name = "NAME", value_parser = PolicyName::parse)]
    policy: Option<PolicyName>,
    /// How to tell it.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Tell only what loosens, and end with 1 if anything does. A new policy and the settings do not count.
    #[arg(long)]
    only_tightens: bool,
    /// Tell only what tightens, and end with 1 if anything does. A new policy and the settings do not count.
    #[arg(long)]
    only_loosens: bool,
}

impl Diff {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let mut sets = Vec::new();
        for path in [&self.old, &self.new] {
            match load(path)? {
                Ok(set) => sets.push(set),
                Err(invalid) => {
                    talk(mistakes(&invalid, &renderer(&io::stderr())).trim_end());
                    return Ok(Exit::Invalid);
                }
            }
        }
        if let Some(name) = &self.policy {
            if sets.iter().all(|set| set.find(name).is_none()) {
                bail!("neither has a policy `{name}`");
            }
            sets = sets.iter().map(|set| only(set, name)).collect();
        }
        let [old, new] = sets.as_slice() else {
            bail!("two sets of policies are needed");
        };
        let direction = match (self.only_tightens, self.only_loosens) {
            (true, false) => Direction::Loosening,
            (false, true) => Direction::Tightening,
            _ => Direction::Both,
        };
        let comparison =
            Comparison::of(old, new, direction).map_err(|error| with_hint(error, direction))?;
        match self.format {
            Format::Human => tell(&in_words(&comparison))?,
            Format::Json => tell(&format!("{:#}\n", as_json(&comparison)))?,
        }
        let loosened = self.only_tightens && comparison.loosens();
        let tightened = self.only_loosens && comparison.tightens();
        if loosened {
            talk("verigate: a change loosens, and only those that tighten were expected");
        }
        if tightened {
            talk("verigate: a change tightens, and only those that loosen were expected");
        }
        Ok(if loosened || tightened {
            Exit::Invalid
        } else {
            Exit::Done
        })
    }
}

/// The error, with the options under which the comparison may succeed.
fn with_hint(error: CompareSetsError, direction: Direction) -> anyhow::Error {
    let hint = match (&error.source, direction) {
        (CompareError::TooManyCells, Direction::Both) => {
            "whether any of them loosens `--only-tightens` tells all the same, and `--only-loosens` whether any tightens"
        }
        (CompareError::TooLarge, Direction::Both) => {
            "`--only-tightens` and `--only-loosens` ask for less, and may be answered"
        }
        _ => return error.into(),
    };
    let CompareSetsError { policy, source } = error;
    anyhow!("policy `{policy}`: {source}; {hint}")
}

fn only(set: &PolicySet, name: &PolicyName) -> PolicySet {
    let found = set.find(name).cloned();
    PolicySet::new(
        found
            .into_iter()
            .map(|policy| (name.clone(), policy))
            .collect(),
    )
}

fn in_words(comparison: &Comparison) -> String {
    let mut text = String::new();
    // Writing to a `String` cannot fail.
    for (name, changes) in &comparison.changed {
        let _ = writeln!(text, "policy {name}");
        changes_in_words(&mut text, changes);
    }
    for name in &comparison.removed {
        let _ = writeln!(text, "policy {name} is removed: checks of it get NOT_FOUND");
    }
    for name in &comparison.added {
        let _ = writeln!(text, "policy {name} is added");
    }
    let loosen = comparison.cells().filter(|cell| cell.loosens()).count();
    let tighten = comparison.cells().count().saturating_sub(loosen);
    let first = if comparison.changed.values().any(|c| c.more) {
        "there are more: these are the first; "
    } else {
        ""
    };
    let _ = match (comparison.direction, loosen, tighten) {
        (Direction::Both, 0, 0) => writeln!(text, "no check is decided differently"),
        (Direction::Both, ..) => writeln!(text, "{loosen} loosen, {tighten} tighten"),
        (Direction::Loosening, 0, _) => writeln!(text, "no check is decided less strictly"),
        (Direction::Loosening, ..) => writeln!(text, "{first}{loosen} loosen"),
        (Direction::Tightening, _, 0) => writeln!(text, "no check is decided more strictly"),
        (Direction::Tightening, ..) => writeln!(text, "{first}{tighten} tighten"),
    };
    text
}

fn changes_in_words(text: &mut String, changes: &PolicyChanges) {
    for cell in &changes.cells {
        let ChangedCell { old, new, when, .. } = cell;
        let _ = writeln!(text, "\n  {}: {when}: {new} instead of {old}\n", kind(cell));
        for line in cell.as_case().lines() {
            let _ = writeln!(text, "      {line}");
        }
    }
    if !changes.settings.is_empty() {
        text.push('\n');
    }
    for setting in &changes.settings {
        let (name, old, new) = (setting.name, &setting.old, &setting.new);
        let _ = writeln!(text, "  setting: {name}: {new} instead of {old}");
    }
    text.push('\n');
}

fn as_json(comparison: &Comparison) -> Value {
    let names = |names: &[PolicyName]| names.iter().map(PolicyName::as_str).collect::<Value>();
    let changed = comparison.changed.iter().map(|(name, changes)| {
        let cells = changes.cells.iter().map(|cell| {
            json!({
                "kind": kind(cell),
                "old": cell.old.as_str(),
                "new": cell.new.as_str(),
                "when": cell.when,
                "case": cell.as_case(),
            })
        });
        let settings = changes
            .settings
            .iter()
            .map(|setting| json!({ "name": setting.name, "old": setting.old, "new": setting.new }));
        json!({
            "policy": name.as_str(),
            "cells": cells.collect::<Value>(),
            "more": changes.more,
            "settings": settings.collect::<Value>(),
        })
    });
    json!({
        "changed": changed.collect::<Value>(),
        "removed": names(&comparison.removed),
        "added": names(&comparison.added),
        "loosens": (comparison.direction != Direction::Tightening).then(|| comparison.loosens()),
        "tightens": (comparison.direction != Direction::Loosening).then(|| comparison.tightens()),
    })
}

fn kind(cell: &ChangedCell) -> &'static str {
    if cell.loosens() {
        "loosens"
    } else {
        "tightens"
    }
}
