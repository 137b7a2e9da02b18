//! `verigate audit shadow`: who would have been decided otherwise by the shadow policies; and whether these are few enough to promote them.

use std::{path::PathBuf, str::FromStr, time::Duration};

use anyhow::Context as _;
use clap::Args;
use serde_json::{Value, json};

use super::{
    Exit,
    decisions::{self, Counted},
    examples,
    page::Page,
    replay::{changes_as_json, write_changes},
};
use crate::{
    audit::{
        changes::{Change, Groups},
        shadows::{Shadows, ShadowsReport},
    },
    cli::{
        output::{print_coloured, print_json},
        screen::{Screen, Style},
    },
    clock::{Clock as _, SystemClock},
    policy::{before, parse_duration},
};

/// Show who would have been decided otherwise by the shadow policies.
///
/// Counts the decisions of which a journal says what the shadow policies would have decided, by policy, by caller, and with `--by` by an
/// attribute that the journal records. Only the revision of the shadow that was judged last counts.
///
/// With `--max` it is a gate for promoting the shadow: it ends with 0 if there are no more such changes than that, with 1 if there are more,
/// and with 2 if it could not run, if lines cannot be read, or if fewer decisions than `--min` were judged.
#[derive(Debug, Args)]
#[command(after_help = examples::AUDIT_SHADOW)]
pub(super) struct AuditShadow {
    /// The folder of the journal, or its file; several files in the order of their lines; `-` for stdin.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Count the decisions of this time up to now only: `24h`, `7d`.
    #[arg(long, value_name = "DURATION", value_parser = window)]
    window: Option<Duration>,
    /// How many decisions of a change are permitted: `allow->deny=0`. May be given more than once.
    #[arg(long, value_name = "CHANGE=COUNT")]
    max: Vec<Max>,
    /// How many decisions have to be judged for `--max`.
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    min: u64,
    /// Show the changes by the values of this attribute too.
    #[arg(long, value_name = "ATTRIBUTE")]
    by: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// How many decisions of a change are permitted.
#[derive(Debug, Clone, Copy)]
struct Max {
    change: Change,
    count: u64,
}

impl FromStr for Max {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let form = || format!("`{text}` is no limit: write it as `allow->deny=0`");
        let (change, count) = text.rsplit_once('=').with_context(form)?;
        Ok(Self {
            change: change.parse()?,
            count: count.trim().parse().ok().with_context(form)?,
        })
    }
}

fn window(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|error| error.to_string())
}

impl AuditShadow {
    pub(super) fn run(self, screen: Screen) -> anyhow::Result<Exit> {
        let since = self.window.map(|window| before(SystemClock.now(), window));
        let mut shadows = Shadows::new(since, self.by.as_deref());
        let unreadable = decisions::each(&self.paths, |line| {
            if let Counted::Decision(line) = line {
                shadows.add(line);
            }
        })?;
        let report = shadows.finish();
        let too_few = !self.max.is_empty() && report.all.all() < self.min;
        let breached: Vec<Max> = self
            .max
            .iter()
            .copied()
            .filter(|max| is_breached(*max, &report))
            .collect();
        if self.json {
            print_json(&as_json(&report, &breached, too_few, unreadable))?;
        } else {
            print_coloured(&self.as_text(&report, &breached, unreadable, screen))?;
        }
        Ok(if unreadable > 0 {
            Exit::CannotRun
        } else if !breached.is_empty() {
            Exit::Invalid
        } else if too_few {
            Exit::CannotRun
        } else {
            Exit::Done
        })
    }

    fn as_text(
        &self,
        report: &ShadowsReport,
        breached: &[Max],
        unreadable: u64,
        screen: Screen,
    ) -> String {
        let mut page = Page::of(screen);
        let judged = report.all.all();
        match &report.revision {
            None => page.line("no decision was judged by shadow policies"),
            Some(revision) => page.line(format_args!(
                "{judged} decisions were judged by the shadow {revision}"
            )),
        }
        for (heading, groups) in [
            ("policies", &report.policies),
            ("callers", &report.callers),
            ("values", &report.values),
        ] {
            if groups.is_empty() {
                continue;
            }
            page.blank();
            page.line(heading);
            for (name, changes) in groups.iter() {
                write_changes(&mut page, name, changes);
            }
        }
        page.blank();
        for (label, count, text) in [
            (
                "earlier",
                report.earlier,
                "decisions were judged by an earlier shadow, and do not count",
            ),
            (
                "without",
                report.without,
                "decisions were judged by no shadow",
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
        self.write_limits(&mut page, report, breached);
        page.into_text()
    }

    fn write_limits(&self, page: &mut Page, report: &ShadowsReport, breached: &[Max]) {
        let judged = report.all.all();
        for max in &self.max {
            let (found, limit) = (report.all.of(max.change), max.count);
            let is_breached = breached
                .iter()
                .any(|b| b.change == max.change && b.count == limit);
            let style = if is_breached { Style::Bad } else { Style::Good };
            page.labelled(
                "limit",
                style.of(format_args!("{}: {found}, at most {limit}", max.change)),
            );
        }
        if !self.max.is_empty() && judged < self.min {
            page.labelled(
                "limit",
                Style::Bad.of(format_args!(
                    "too few decisions to judge: {judged}, at least {}",
                    self.min
                )),
            );
        }
    }
}

fn is_breached(max: Max, report: &ShadowsReport) -> bool {
    report.all.of(max.change) > max.count
}

fn as_json(report: &ShadowsReport, breached: &[Max], too_few: bool, unreadable: u64) -> Value {
    let groups = |groups: &Groups| {
        let groups = groups
            .iter()
            .map(|(name, changes)| (name.to_string(), changes_as_json(changes)));
        Value::Object(groups.collect())
    };
    let breached = breached.iter().map(|max| {
        json!({"change": max.change.to_string(), "max": max.count, "found": report.all.of(max.change)})
    });
    json!({
        "shadow_revision": report.revision,
        "all": changes_as_json(&report.all),
        "policies": groups(&report.policies),
        "callers": groups(&report.callers),
        "values": groups(&report.values),
        "earlier": report.earlier,
        "without_shadow": report.without,
        "unreadable_lines": unreadable,
        "breached": breached.collect::<Vec<_>>(),
        "too_few": too_few,
    })
}
