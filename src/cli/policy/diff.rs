//! `verigate policy diff`: what two policies, or two folders of them, decide differently.

use std::{fmt::Write as _, io, path::PathBuf};

use anyhow::{anyhow, bail};
use clap::Args;
use serde_json::{Value, json};

use super::{Format, load, mistakes, renderer};
use crate::{
    cli::{
        Exit,
        environment::Colours,
        output::{eprint_line, print},
    },
    policy::{
        PolicyName, PolicySet,
        diff::{
            Changed, Changes, Comparison, NotCompared, SetNotCompared, Sought, compare_sets_for,
        },
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
    pub(super) fn run(self, colours: Colours) -> anyhow::Result<Exit> {
        let mut sets = Vec::new();
        for path in [&self.old, &self.new] {
            match load(path)? {
                Ok(set) => sets.push(set),
                Err(invalid) => {
                    eprint_line(mistakes(&invalid, &renderer(&io::stderr(), colours)).trim_end());
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
        let sought = match (self.only_tightens, self.only_loosens) {
            (true, false) => Sought::Loosening,
            (false, true) => Sought::Tightening,
            _ => Sought::Every,
        };
        let comparison =
            compare_sets_for(sought, old, new).map_err(|why| no_answer(why, sought))?;
        match self.format {
            Format::Human => print(&in_words(&comparison))?,
            Format::Json => print(&format!("{:#}\n", as_json(&comparison)))?,
        }
        let loosened = self.only_tightens && comparison.loosens();
        let tightened = self.only_loosens && comparison.tightens();
        if loosened {
            eprint_line("verigate: a change loosens, and only those that tighten were expected");
        }
        if tightened {
            eprint_line("verigate: a change tightens, and only those that loosen were expected");
        }
        Ok(if loosened || tightened {
            Exit::Invalid
        } else {
            Exit::Done
        })
    }
}

/// Why there is no answer, and which question may have one.
fn no_answer(why: SetNotCompared, sought: Sought) -> anyhow::Error {
    let hint = match (&why.why, sought) {
        (NotCompared::TooManyCells, Sought::Every) => {
            "whether any of them loosens `--only-tightens` tells all the same, and `--only-loosens` whether any tightens"
        }
        (NotCompared::TooLarge, Sought::Every) => {
            "`--only-tightens` and `--only-loosens` ask for less, and may be answered"
        }
        _ => return why.into(),
    };
    let SetNotCompared { policy, why } = why;
    anyhow!("policy `{policy}`: {why}; {hint}")
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
    let cells = || comparison.changed.values().flat_map(|c| &c.cells);
    let loosen = cells().filter(|cell| cell.loosens()).count();
    let tighten = cells().count().saturating_sub(loosen);
    let first = if comparison.changed.values().any(|c| c.more) {
        "there are more: these are the first; "
    } else {
        ""
    };
    let _ = match (comparison.sought, loosen, tighten) {
        (Sought::Every, 0, 0) => writeln!(text, "no check is decided differently"),
        (Sought::Every, ..) => writeln!(text, "{loosen} loosen, {tighten} tighten"),
        (Sought::Loosening, 0, _) => writeln!(text, "no check is decided less strictly"),
        (Sought::Loosening, ..) => writeln!(text, "{first}{loosen} loosen"),
        (Sought::Tightening, _, 0) => writeln!(text, "no check is decided more strictly"),
        (Sought::Tightening, ..) => writeln!(text, "{first}{tighten} tighten"),
    };
    text
}

fn changes_in_words(text: &mut String, changes: &Changes) {
    for cell in &changes.cells {
        let Changed { old, new, when, .. } = cell;
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
        "loosens": (comparison.sought != Sought::Tightening).then(|| comparison.loosens()),
        "tightens": (comparison.sought != Sought::Loosening).then(|| comparison.tightens()),
    })
}

fn kind(cell: &Changed) -> &'static str {
    if cell.loosens() {
        "loosens"
    } else {
        "tightens"
    }
}
