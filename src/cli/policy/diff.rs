//! `verigate policy diff`: what two policies, or two folders of them, decide differently, and why.

mod findings;
mod json;
mod text;

use std::{io, path::PathBuf};

use anyhow::bail;
use clap::{Args, ValueEnum};

use super::{
    format::Format,
    problems::{load, problems_of, renderer},
};
use crate::{
    cli::{
        Exit,
        environment::Colours,
        examples,
        output::{eprint_coloured, eprint_line, print_coloured, print_json},
        screen::Screen,
    },
    policy::{
        PolicyName,
        diff::{Comparison, PolicyChanges},
    },
};

/// Show what two sets of policies decide differently, and which edit is the cause.
///
/// Each edited rule comes first, with its direction, then the kinds of checks that it decides differently, one per line.
/// Conditions that the other rules impose anyway are left out, and an edit that several policies share is shown once. The
/// comparison is exact for checks from 2015 to the end of 2099.
///
/// A setting that lets an old or revoked verification count for longer loosens: `fresh_for`, `stale_for`, `reuse.allow`. A
/// renamed policy is compared with its version under the old name. A removed policy tightens: checks of it get NOT_FOUND. An
/// added policy has nothing to be compared with: it is listed, and fails with `--fail-on added` or `any`.
///
/// Ends with 0; with 1 if a policy is invalid or `--fail-on` is met; and with 2 if a policy could not be compared.
#[derive(Debug, Args)]
#[command(after_help = examples::POLICY_DIFF)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command")]
pub(super) struct Diff {
    /// The old policies: a file or a folder.
    old: PathBuf,
    /// The new policies: a file or a folder.
    new: PathBuf,
    /// Compare this policy only, by its old or its new name.
    #[arg(long, value_name = "NAME", value_parser = PolicyName::parse)]
    policy: Option<PolicyName>,
    /// The output format.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// End with 1 if a change is of this kind; several are separated by commas.
    #[arg(long, value_name = "KIND", value_enum, value_delimiter = ',')]
    fail_on: Vec<FailOn>,
    /// Leave out the settings (`fresh_for`, `stale_for`, `reuse.allow`, `redirect`): neither show nor count them.
    #[arg(long)]
    ignore_settings: bool,
    /// Show an example of each kind of check, to paste into a case file.
    #[arg(long)]
    examples: bool,
    /// The same as `--fail-on loosens`.
    #[arg(long)]
    only_tightens: bool,
    /// The same as `--fail-on tightens`.
    #[arg(long)]
    only_loosens: bool,
}

/// A kind of change that `--fail-on` does not permit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
enum FailOn {
    /// A check may be decided less strictly: somebody is let in, or asked for less.
    Loosens,
    /// A check may be decided more strictly: somebody is refused, or asked for more.
    Tightens,
    /// A policy is added: it may let people in, and is compared with nothing.
    Added,
    /// Anything differs: a decision, a setting, or a policy that is added, removed or renamed.
    Any,
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
        let [old, new] = sets.as_slice() else {
            bail!("two sets of policies are needed");
        };
        if let Some(name) = &self.policy
            && sets.iter().all(|set| set.find(name).is_none())
        {
            bail!("neither set has a policy `{name}`");
        }
        let mut comparison = Comparison::of(old, new, self.policy.as_ref());
        if self.ignore_settings {
            comparison.ignore_settings();
        }
        match self.format {
            Format::Human => {
                print_coloured(&text::page(&comparison, self.examples, screen))?;
            }
            Format::Json => print_json(&json::report(&comparison))?,
        }
        Ok(self.exit(&comparison))
    }

    /// The exit code. Names on stderr which changes are not permitted.
    fn exit(&self, comparison: &Comparison) -> Exit {
        for error in &comparison.failed {
            eprint_line(&format!("verigate: {error}: {}", error.source));
        }
        let mut fail_on = self.fail_on.clone();
        fail_on.extend(self.only_tightens.then_some(FailOn::Loosens));
        fail_on.extend(self.only_loosens.then_some(FailOn::Tightens));
        fail_on.sort_unstable();
        fail_on.dedup();
        let [loosens, added] = [FailOn::Loosens, FailOn::Added].map(|kind| fail_on.contains(&kind));
        if loosens && !added && !comparison.added.is_empty() && !comparison.removed.is_empty() {
            eprint_line(
                "verigate: note: policies were added and removed, and none was recognised as renamed; `--fail-on loosens,added` fails on added policies too",
            );
        }
        let mut is_breached = false;
        for kind in fail_on {
            if let Some(breach) = kind.breach(comparison) {
                is_breached = true;
                eprint_line(&format!("verigate: {breach}"));
            }
        }
        if !comparison.failed.is_empty() {
            Exit::CannotRun
        } else if is_breached {
            Exit::Invalid
        } else {
            Exit::Done
        }
    }
}

/// How many policies a message names.
const NAMED_MAX: usize = 10;

impl FailOn {
    /// A message about changes of this kind, if there are any.
    fn breach(self, comparison: &Comparison) -> Option<String> {
        let changed = |some: fn(&PolicyChanges) -> bool| {
            let changed = comparison.changed.iter();
            let names = changed.filter(move |(_, changes)| some(changes));
            names.map(|(name, _)| name)
        };
        let (what, names): (_, Vec<&PolicyName>) = match self {
            Self::Loosens => (
                "a change loosens",
                changed(|changes| changes.directions().loosens).collect(),
            ),
            Self::Tightens => (
                "a change tightens",
                changed(|changes| changes.directions().tightens)
                    .chain(&comparison.removed)
                    .collect(),
            ),
            Self::Added => ("a policy is added", comparison.added.iter().collect()),
            Self::Any => (
                "there is a change",
                changed(|changes| changes.directions().is_some() || !changes.settings.is_empty())
                    .chain(&comparison.removed)
                    .chain(&comparison.added)
                    .chain(comparison.renamed.iter().map(|renamed| &renamed.new))
                    .collect(),
            ),
        };
        (!names.is_empty()).then(|| format!("{what}: {}", findings::names(&names, NAMED_MAX)))
    }
}
