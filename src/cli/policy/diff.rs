//! `verigate policy diff`: what two policies, or two folders of them, decide differently.

use std::{io, path::PathBuf};

use anyhow::{anyhow, bail};
use clap::Args;
use serde_json::{Value, json};

use super::{
    format::Format,
    page::Page,
    problems::{load, problems_of, renderer},
};
use crate::{
    cli::{
        Exit,
        environment::Colours,
        examples,
        output::{eprint_coloured, eprint_line, print_coloured, print_json},
        screen::{Screen, Style, Text},
    },
    policy::{
        PolicyName, PolicySet,
        diff::{ChangedCell, CompareError, CompareSetsError, Comparison, Direction, PolicyChanges},
    },
};

/// Show every kind of check that two sets of policies decide differently, each with an example.
///
/// Exact, for checks from 2015 to the end of 2099. Settings that change (`fresh_for`, `stale_for`, `reuse.allow`, `redirect`) are
/// shown, but neither loosen nor tighten; nor does a policy that is removed (checks of it would get NOT_FOUND) or added. Ends
/// with 0, with 1 if a policy is invalid or a change goes in a direction that is not allowed, and with 2 if the two cannot be
/// compared.
#[derive(Debug, Args)]
#[command(after_help = examples::POLICY_DIFF)]
pub(super) struct Diff {
    /// The old policies: a file or a folder.
    old: PathBuf,
    /// The new policies: a file or a folder.
    new: PathBuf,
    /// Compare this policy only.
    #[arg(long, value_name = "NAME", value_parser = PolicyName::parse)]
    policy: Option<PolicyName>,
    /// The output format.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Allow only changes that tighten: show what loosens, and end with 1 if anything does. Added policies and settings do not
    /// count.
    #[arg(long)]
    only_tightens: bool,
    /// Allow only changes that loosen: show what tightens, and end with 1 if anything does. Added policies and settings do not
    /// count.
    #[arg(long)]
    only_loosens: bool,
}

impl Diff {
    pub(super) fn run(self, colours: Colours, screen: Screen) -> anyhow::Result<Exit> {
        let mut sets = Vec::new();
        for path in [&self.old, &self.new] {
            match load(path)? {
                Ok(set) => sets.push(set),
                Err(invalid) => {
                    eprint_coloured(
                        problems_of(&invalid, &renderer(&io::stderr(), colours)).trim_end(),
                    );
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
            Format::Human => print_coloured(&as_text(&comparison, screen))?,
            Format::Json => print_json(&as_json(&comparison))?,
        }
        Ok(self.exit(&comparison))
    }

    /// How the command ends; on stderr which change is not allowed.
    fn exit(&self, comparison: &Comparison) -> Exit {
        let loosened = self.only_tightens && comparison.loosens();
        let tightened = self.only_loosens && comparison.tightens();
        if loosened {
            eprint_line("verigate: a change loosens, and only those that tighten were expected");
        }
        if tightened {
            eprint_line("verigate: a change tightens, and only those that loosen were expected");
        }
        if loosened || tightened {
            Exit::Invalid
        } else {
            Exit::Done
        }
    }
}

/// The error, with the options under which the comparison may succeed.
fn with_hint(error: CompareSetsError, direction: Direction) -> anyhow::Error {
    let hint = match (&error.source, direction) {
        (CompareError::TooManyCells, Direction::Both) => {
            "`--only-tightens` shows whether any of them loosens, and `--only-loosens` whether any tightens"
        }
        (CompareError::TooLarge, Direction::Both) => {
            "`--only-tightens` and `--only-loosens` need less work, and may succeed"
        }
        _ => return error.into(),
    };
    let CompareSetsError { policy, source } = error;
    anyhow!("policy `{policy}`: {source}; {hint}")
}

fn only(set: &PolicySet, name: &PolicyName) -> PolicySet {
    let policy = set.find(name).cloned();
    let policies = policy.map(|policy| (name.clone(), policy));
    PolicySet::new(policies.into_iter().collect())
}

fn as_text(comparison: &Comparison, screen: Screen) -> String {
    let mut page = Page::of(screen);
    for (name, changes) in &comparison.changed {
        page.line(format_args!("policy {name}"));
        write_changes(&mut page, changes);
    }
    for name in &comparison.removed {
        page.line(format_args!(
            "policy {name} is removed: checks of it get NOT_FOUND"
        ));
    }
    for name in &comparison.added {
        page.line(format_args!("policy {name} is added"));
    }
    page.wrapped(0, 2, summary(comparison));
    page.into_text()
}

fn write_changes(page: &mut Page, changes: &PolicyChanges) {
    for cell in &changes.cells {
        let ChangedCell { old, new, when, .. } = cell;
        page.blank();
        page.line(format_args!(
            "  {}: {when}: {new} instead of {old}",
            kind(cell)
        ));
        page.blank();
        for line in cell.as_case().lines() {
            page.line(format_args!("      {line}"));
        }
    }
    if !changes.settings.is_empty() {
        page.blank();
    }
    for setting in &changes.settings {
        let (name, old, new) = (setting.name, &setting.old, &setting.new);
        page.line(format_args!("  setting: {name}: {new} instead of {old}"));
    }
    page.blank();
}

fn summary(comparison: &Comparison) -> Text {
    let loosen = comparison.cells().filter(|cell| cell.loosens()).count();
    let tighten = comparison.cells().count().saturating_sub(loosen);
    let first = if comparison.changed.values().any(|c| c.more) {
        "there are more: these are the first; "
    } else {
        ""
    };
    let loosens = Style::Loosens.of(format_args!("{loosen} loosen"));
    let tightens = Style::Tightens.of(format_args!("{tighten} tighten"));
    match (comparison.direction, loosen, tighten) {
        (Direction::Both, 0, 0) => "no check is decided differently".into(),
        (Direction::Both, ..) => loosens.and(", ").and(tightens),
        (Direction::Loosening, 0, _) => "no check is decided less strictly".into(),
        (Direction::Loosening, ..) => Text::from(first).and(loosens),
        (Direction::Tightening, _, 0) => "no check is decided more strictly".into(),
        (Direction::Tightening, ..) => Text::from(first).and(tightens),
    }
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
    let direction = comparison.direction;
    json!({
        "changed": changed.collect::<Value>(),
        "removed": names(&comparison.removed),
        "added": names(&comparison.added),
        "loosens": (direction != Direction::Tightening).then(|| comparison.loosens()),
        "tightens": (direction != Direction::Loosening).then(|| comparison.tightens()),
    })
}

fn kind(cell: &ChangedCell) -> &'static str {
    if cell.loosens() {
        "loosens"
    } else {
        "tightens"
    }
}
