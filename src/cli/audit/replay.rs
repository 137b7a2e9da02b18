//! `verigate audit replay`: what the decisions of a journal would have been by other policies.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::{
    Exit,
    decisions::{self, Counted},
    examples,
    page::Page,
    secret_keys::auditor_keys,
};
use crate::{
    audit::{
        changes::{Change, Changes},
        replay::{NotOpened, Replay, ReplayReport},
    },
    cli::{
        output::{print_coloured, print_json},
        screen::{Screen, Style},
        serve::report_policies,
    },
    live,
};

/// How many requirements are named that are not known.
const MISSING_SHOWN: usize = 20;

/// Decide what was recorded again, by other policies.
///
/// Shows by policy how many decisions would have been others. A line has no person's data that can be read without a key, but what each requirement came
/// to: where that is not enough to know what the policies would have decided, the decision counts as `unknown`. Nothing is guessed.
/// With `--auditor-key` each decision is made again from its full facts, if the journal has sealed them.
///
/// The evidence is that on which the decision was made: what other times in `evidence` of a policy would have led to is not known.
///
/// Ends with 0; with 1 if a policy is invalid or `--fail-on` is met; and with 2 if it could not run, if lines or facts cannot be read, or if there is no
/// decision to which `--fail-on` could apply.
#[derive(Debug, Args)]
#[command(after_help = examples::AUDIT_REPLAY)]
pub(super) struct AuditReplay {
    /// The folder of the journal, or its file; several files in the order of their lines; `-` for stdin.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The policies to decide by: a file or a folder.
    #[arg(long, value_name = "PATH")]
    policies: PathBuf,
    /// A file with the auditor's key, as `verigate audit keygen --auditor` or `age-keygen` writes it; several for keys that were replaced.
    #[arg(long, value_name = "FILE")]
    auditor_key: Vec<PathBuf>,
    /// End with 1 if there is such a decision: `allow->deny`, `any` (every change), `reasons` (the same for other reasons), or `unknown`; several are separated
    /// by commas.
    #[arg(long, value_name = "CHANGE", value_delimiter = ',')]
    fail_on: Vec<FailOn>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What must not be.
#[derive(Debug, Clone, Copy)]
enum FailOn {
    Any,
    Reasons,
    Unknown,
    Change(Change),
}

impl std::str::FromStr for FailOn {
    type Err = <Change as std::str::FromStr>::Err;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "any" => Ok(Self::Any),
            "reasons" => Ok(Self::Reasons),
            "unknown" => Ok(Self::Unknown),
            change => change.parse().map(Self::Change),
        }
    }
}

impl FailOn {
    fn is_met(self, report: &ReplayReport) -> bool {
        let policies = report.policies.iter();
        let mut changes = policies.flat_map(|(_, changes)| changes.others());
        match self {
            Self::Any => changes.any(|(change, _)| !change.is_unknown()),
            Self::Reasons => report.other_reasons > 0,
            Self::Unknown => {
                report.unknown_reasons > 0 || changes.any(|(change, _)| change.is_unknown())
            }
            Self::Change(wanted) => changes.any(|(change, _)| change == wanted),
        }
    }
}

impl AuditReplay {
    pub(super) fn run(self, screen: Screen) -> anyhow::Result<Exit> {
        let set = match live::load(&self.policies) {
            Ok(set) => set,
            Err(error) => return Ok(report_policies(&error)),
        };
        let mut replay = Replay::new(&set);
        if !self.auditor_key.is_empty() {
            replay = replay.with_keys(auditor_keys(&self.auditor_key)?);
        }
        let unreadable = decisions::each(&self.paths, |line| match line {
            Counted::Decision(line) => {
                replay.add(line);
            }
            Counted::Event(line) => replay.learn(line),
        })?;
        let report = replay.finish();
        let fails = self.fail_on.iter().any(|on| on.is_met(&report));
        let is_idle = !self.fail_on.is_empty() && report.all() == 0;
        if self.json {
            print_json(&as_json(&report, &set.revision().to_string(), unreadable))?;
        } else {
            print_coloured(&as_text(&report, unreadable, screen))?;
        }
        Ok(
            if unreadable > 0 || !report.not_opened.is_empty() || is_idle {
                Exit::CannotRun
            } else if fails {
                Exit::Invalid
            } else {
                Exit::Done
            },
        )
    }
}

/// The changes of a group, by name.
pub(super) fn changes_as_json(changes: &Changes) -> Value {
    let others = changes.others();
    let others = others.map(|(change, count)| (change.to_string(), Value::from(count)));
    json!({"decisions": changes.all(), "changes": Value::Object(others.collect())})
}

fn as_json(report: &ReplayReport, revision: &str, unreadable: u64) -> Value {
    let policies = report.policies.iter();
    let policies = policies.map(|(name, changes)| (name.to_string(), changes_as_json(changes)));
    let missing = report.missing.iter();
    let missing = missing.map(|(text, count)| (text.to_string(), Value::from(*count)));
    let not_opened = report.not_opened.iter();
    let not_opened = not_opened.map(|(cause, found)| {
        let found = json!({"decisions": found.count, "first": &*found.first});
        (cause.as_str().to_owned(), found)
    });
    json!({
        "policy_revision": revision,
        "decisions": report.all(),
        "policies": Value::Object(policies.collect()),
        "other_reasons": report.other_reasons,
        "unknown_reasons": report.unknown_reasons,
        "not_recorded": report.not_recorded,
        "unknown_requirements": Value::Object(missing.collect()),
        "unreadable_lines": unreadable,
        "from_facts": report.from_facts,
        "not_kept": report.not_kept,
        "facts_not_opened": Value::Object(not_opened.collect()),
    })
}

/// One line for each kind of change of a group; one that says so if there is none.
pub(super) fn write_changes(page: &mut Page, name: &str, changes: &Changes) {
    let all = changes.all();
    let mut others = changes.others().peekable();
    if others.peek().is_none() {
        page.labelled(name, format_args!("{all} decisions, all the same"));
    }
    for (change, count) in others {
        let share = format_args!("{count} of {all}").to_string();
        let style = if change.is_unknown() {
            Style::Dim
        } else {
            Style::Warning
        };
        page.labelled(name, style.of(change).and(format_args!(": {share}")));
    }
}

fn as_text(report: &ReplayReport, unreadable: u64, screen: Screen) -> String {
    let mut page = Page::of(screen);
    page.line(format_args!(
        "{} decisions were decided again",
        report.all()
    ));
    for (name, changes) in report.policies.iter() {
        write_changes(&mut page, name, changes);
    }
    for (label, count, text) in [
        (
            "reasons",
            report.other_reasons,
            "decisions would be the same for other reasons",
        ),
        (
            "reasons",
            report.unknown_reasons,
            "decisions would be the same, and not all reasons are known",
        ),
        (
            "format",
            report.not_recorded,
            "decisions have no verdicts, so that nothing is known: they are of an earlier version",
        ),
        (
            "facts",
            report.from_facts,
            "decisions were made again from their full facts",
        ),
        (
            "facts",
            report.not_kept,
            "decisions rest on evidence that has not kept what the policies read",
        ),
        (
            "lines",
            unreadable,
            "lines cannot be read: see `verigate audit verify`",
        ),
    ] {
        if count > 0 {
            page.labelled(label, format_args!("{count} {text}"));
        }
    }
    for (cause, NotOpened { count, first }) in &report.not_opened {
        page.labelled(
            Style::Warning.of("facts"),
            format!("of {count} decisions cannot be opened: {cause} (first {first})"),
        );
    }
    let mut missing: Vec<_> = report.missing.iter().collect();
    missing.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    for (text, count) in missing.iter().take(MISSING_SHOWN) {
        page.labelled("not known", format_args!("{text} ({count} decisions)"));
    }
    page.into_text()
}
