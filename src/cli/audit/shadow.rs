//! `verigate audit shadow`: who would have been decided otherwise by the shadow policies; and whether these are few enough to promote them.

mod cells;

use std::{fmt, path::PathBuf, str::FromStr, time::Duration};

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
        changes::{Change, Changes, Groups},
        shadows::{ShadowCells, ShadowCounts, Shadows, ShadowsReport},
    },
    cli::{
        output::{print_coloured, print_json},
        screen::{Screen, Style},
        serve::report_policies,
    },
    clock::{Clock as _, SystemClock},
    live,
    policy::{before, parse_duration},
};

/// Show who would have been decided otherwise by the shadow policies.
///
/// Counts the decisions of which a journal says what the shadow policies would have decided, by policy, by caller, and with `--by` by an
/// attribute that the journal records. Only the revision of the shadow that was judged last counts, with all that it has judged.
///
/// With `--policies` and `--shadow`, the policies that were in force and their shadow, it also shows in which cells of `verigate policy diff`
/// these decisions lie, where their lines say that; and only that revision of the shadow counts.
///
/// With `--max` it is a gate for promoting the shadow: it ends with 0 if there are no more such changes than that, with 1 if there are more,
/// and with 2 if it could not run, if lines cannot be read, or if the shadow has made fewer decisions than `--min`: those for which it has no
/// policy (`absent`) or not enough evidence (`unknown`) do not count for that.
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
    /// How many decisions the shadow must have made for `--max`; `absent` and `unknown` are none.
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    min: u64,
    /// Show the changes by the values of this attribute too.
    #[arg(long, value_name = "ATTRIBUTE")]
    by: Option<String>,
    /// Show the changes by the cells of `verigate policy diff` too: the policies that were in force, a file or a folder.
    #[arg(long, value_name = "PATH", requires = "shadow")]
    policies: Option<PathBuf>,
    /// The shadow policies: a file or a folder.
    #[arg(long, value_name = "PATH", requires = "policies")]
    shadow: Option<PathBuf>,
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
        let sets = [&self.policies, &self.shadow].map(|path| path.as_deref().map(live::load));
        let sets = match sets {
            [Some(Err(error)), _] | [_, Some(Err(error))] => return Ok(report_policies(&error)),
            [Some(Ok(in_force)), Some(Ok(shadow))] => Some((in_force, shadow)),
            [None, _] | [_, None] => None,
        };
        let since = self.window.map(|window| before(SystemClock.now(), window));
        let mut shadows = Shadows::new(since, self.by.as_deref());
        if let Some((in_force, shadow)) = &sets {
            shadows = shadows.with_cells(ShadowCells::of(in_force, shadow));
        }
        let unreadable = decisions::each(&self.paths, |line| {
            if let Counted::Decision(line) = line {
                shadows.add(line);
            }
        })?;
        let report = shadows.finish();
        let limits = self.limits(&report);
        if self.json {
            print_json(&as_json(&report, &limits, unreadable))?;
        } else {
            print_coloured(&self.as_text(&report, &limits, unreadable, screen))?;
        }
        Ok(if unreadable > 0 {
            Exit::CannotRun
        } else if !limits.breached.is_empty() {
            Exit::Invalid
        } else if limits.is_open() {
            Exit::CannotRun
        } else {
            Exit::Done
        })
    }

    fn limits(&self, report: &ShadowsReport<'_>) -> Limits {
        let has_limits = !self.max.is_empty();
        let is_breached = |max: &Max| of(report, max.change) > max.count;
        Limits {
            breached: self.max.iter().copied().filter(is_breached).collect(),
            too_few: has_limits && judged(report) < self.min,
            not_whole: has_limits && !is_whole(report),
        }
    }

    fn as_text(
        &self,
        report: &ShadowsReport<'_>,
        limits: &Limits,
        unreadable: u64,
        screen: Screen,
    ) -> String {
        let mut page = Page::of(screen);
        match &report.last {
            None => page.line("no decision was judged by shadow policies"),
            Some(counts) => write_counts(&mut page, counts),
        }
        if let Some(cells) = &report.cells {
            cells::write(&mut page, cells);
        }
        page.blank();
        for (label, count, text) in [
            (
                "earlier",
                report.earlier,
                "decisions were judged by other revisions of the shadow, and do not count",
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
        self.write_limits(&mut page, report, limits);
        page.into_text()
    }

    fn write_limits(&self, page: &mut Page, report: &ShadowsReport<'_>, limits: &Limits) {
        for max in &self.max {
            let (found, limit) = (of(report, max.change), max.count);
            let style = if found > limit {
                Style::Bad
            } else {
                Style::Good
            };
            page.labelled(
                "limit",
                style.of(format_args!("{}: {found}, at most {limit}", max.change)),
            );
        }
        let mut open = |text: fmt::Arguments<'_>| page.labelled("limit", Style::Bad.of(text));
        if limits.too_few {
            let (judged, min) = (judged(report), self.min);
            let others = report
                .last
                .as_ref()
                .and_then(|counts| not_judged(&counts.all));
            let others = others.map_or_else(String::new, |others| format!(" ({others})"));
            open(format_args!(
                "too few decisions were judged: {judged}, at least {min}{others}"
            ));
        }
        if limits.not_whole {
            open(format_args!(
                "more revisions were judged than are counted at once, and this one before them too: name a shorter `--window`"
            ));
        }
    }
}

/// The limits that do not hold, or of which that is not known.
struct Limits {
    breached: Vec<Max>,
    too_few: bool,
    not_whole: bool,
}

impl Limits {
    /// Whether it is not known that they hold.
    fn is_open(&self) -> bool {
        self.too_few || self.not_whole
    }
}

fn judged(report: &ShadowsReport<'_>) -> u64 {
    report.last.as_ref().map_or(0, |counts| counts.all.judged())
}

fn of(report: &ShadowsReport<'_>, change: Change) -> u64 {
    let counts = report.last.as_ref();
    counts.map_or(0, |counts| counts.all.of(change))
}

fn is_whole(report: &ShadowsReport<'_>) -> bool {
    report.last.as_ref().is_none_or(|counts| counts.is_whole)
}

/// How many decisions the shadow has not made, and why: `12 absent, 3 unknown`. `None` if it has made all.
fn not_judged(changes: &Changes) -> Option<String> {
    let others = changes.not_judged();
    let others = others.map(|(to, count)| format!("{count} {to}"));
    others.reduce(|some, other| format!("{some}, {other}"))
}

fn write_counts(page: &mut Page, counts: &ShadowCounts) {
    let others = not_judged(&counts.all);
    let others = others.map_or_else(String::new, |others| format!("; {others}"));
    page.line(format_args!(
        "{} decisions were judged by the shadow {}{others}",
        counts.all.judged(),
        counts.revision
    ));
    for (heading, groups) in [
        ("policies", &counts.policies),
        ("callers", &counts.callers),
        ("values", &counts.values),
    ] {
        if groups.is_empty() {
            continue;
        }
        page.blank();
        page.line(heading);
        for (name, changes) in groups.iter() {
            write_changes(page, name, changes);
        }
    }
}

fn as_json(report: &ShadowsReport<'_>, limits: &Limits, unreadable: u64) -> Value {
    let groups = |groups: &dyn Fn(&ShadowCounts) -> &Groups| {
        let groups = report.last.iter().flat_map(|counts| groups(counts).iter());
        let groups = groups.map(|(name, changes)| (name.to_owned(), changes_as_json(changes)));
        Value::Object(groups.collect())
    };
    let breached = limits.breached.iter().map(|max| {
        json!({"change": max.change.to_string(), "max": max.count, "found": of(report, max.change)})
    });
    let none = Changes::default();
    let counts = report.last.as_ref();
    let mut value = json!({
        "shadow_revision": counts.map(|counts| &counts.revision),
        "is_whole": is_whole(report),
        "judged": judged(report),
        "all": changes_as_json(counts.map_or(&none, |counts| &counts.all)),
        "policies": groups(&|counts| &counts.policies),
        "callers": groups(&|counts| &counts.callers),
        "values": groups(&|counts| &counts.values),
        "earlier": report.earlier,
        "without_shadow": report.without,
        "unreadable_lines": unreadable,
        "breached": breached.collect::<Vec<_>>(),
        "too_few": limits.too_few,
    });
    if let (Some(cells), Some(members)) = (&report.cells, value.as_object_mut()) {
        members.extend(cells::as_json(cells));
    }
    value
}
