//! `verigate audit show`: a past decision as `policy explain` pictures one.

use std::{path::PathBuf, sync::Arc};

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::Value;
use zeroize::Zeroizing;

use super::{
    Exit, examples,
    page::Page,
    secret_keys::auditor_keys,
    summary::{Summary, text},
};
use crate::{
    audit::{JournalFiles, Record, Stream, decision::DecisionLine, facts::FactsOpener, find},
    cli::{
        output::{eprint_line, print, print_coloured, print_json_lines},
        remedies,
        screen::{Screen, Style, Text, effect},
    },
    journal::FactsError,
    policy::{Effect, ReasonCode, Shown, Timestamp, between},
    proto::remedies::step_up_from_json,
};

/// Show a past decision: its verdicts, reasons, remedies and next change.
///
/// Ends with 0 if it is in the journal, 1 if not, 2 if it could not run or facts cannot be opened.
#[derive(Debug, Args)]
#[command(after_help = examples::AUDIT_SHOW)]
pub(super) struct Show {
    /// The id of the decision.
    #[arg(value_name = "ID")]
    decision_id: String,
    /// The folder of the journal, or its file; several files in the order of their lines; `-` for stdin.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Print the line as it is in the journal, which is JSON.
    #[arg(long)]
    json: bool,
    /// Print, in place of the line, the facts that it has sealed, as JSON: a person's data. Needs `--auditor-key`.
    #[arg(long, requires = "auditor_key", conflicts_with = "json")]
    facts: bool,
    /// A file with the auditor's key, as `verigate audit keygen --auditor` or `age-keygen` writes it; several for keys that were replaced.
    #[arg(long, value_name = "FILE", requires = "facts")]
    auditor_key: Vec<PathBuf>,
}

impl Show {
    pub(super) fn run(self, screen: Screen) -> anyhow::Result<Exit> {
        let Some(record) = found(&self.decision_id, &self.paths)? else {
            return Ok(Exit::Invalid);
        };
        if self.facts {
            let text = self.opened(&record)?;
            print_json_lines(str::from_utf8(&text)?.trim_end())?;
            print("\n")?;
        } else if self.json {
            print_json_lines(&text(&record))?;
        } else {
            let mut page = Page::of(screen);
            write_decision(&mut page, &record);
            print_coloured(&page.into_text())?;
        }
        Ok(Exit::Done)
    }
}

impl Show {
    /// The text of the facts of a decision.
    fn opened(&self, record: &Record) -> anyhow::Result<Zeroizing<Vec<u8>>> {
        let id = &self.decision_id;
        let line = DecisionLine::read(&record.raw.bytes)?;
        let line = line.with_context(|| format!("`{id}` is no decision"))?;
        if record.raw.file.is_stdin() {
            bail!(
                "facts are not opened from stdin, because their key stands before them: name the file of the journal"
            );
        }
        let mut opener = FactsOpener::new(auditor_keys(&self.auditor_key)?);
        // The file says the data keys of its lines, unless it is a part of one.
        let whole = JournalFiles::find(&self.paths)?.files;
        for files in [vec![Arc::clone(&record.raw.file)], whole] {
            let mut stream = Stream::of(files);
            while let Some(raw) = stream.next_line()? {
                if raw.bytes == record.raw.bytes {
                    break;
                }
                if let Ok(None) = DecisionLine::read(&raw.bytes) {
                    opener.learn(&raw.bytes);
                }
            }
            match opener.open_text(&line) {
                None => bail!("`{id}` has no sealed facts: journal.facts was `verdicts`"),
                Some(Ok(text)) => return Ok(text),
                Some(Err(FactsError::NoKey)) => {}
                Some(Err(error)) => bail!("the facts of `{id}` cannot be opened: {error}"),
            }
        }
        bail!(
            "the facts of `{id}` cannot be opened: {}",
            FactsError::NoKey
        )
    }
}

/// The decision with this id, or a message that there is none.
pub(super) fn found(id: &str, paths: &[PathBuf]) -> anyhow::Result<Option<Record>> {
    if uuid::Uuid::parse_str(id).is_err() {
        bail!(
            "`{id}` is no id of a decision: they look like `0198c5a0-1b2c-7d3e-8f40-5a6b7c8d9e0f`"
        );
    }
    let journal = JournalFiles::find(paths)?;
    let found = find(&journal, id)?;
    if found.is_none() {
        eprint_line(&format!("there is no decision `{id}` in this journal"));
    }
    Ok(found)
}

fn write_decision(page: &mut Page, record: &Record) {
    let line = &record.value;
    let summary = Summary::of(line);
    let by = format!(" by `{}` at {}", summary.text("policy"), record.at);
    page.wrapped(0, 2, summary.outcome().and(by));
    page.blank();
    let verdicts = write_verdicts(page, &summary, line);
    write_reasons(page, line, &verdicts);
    let remedies = step_up_from_json(line);
    for (label, needed) in remedies.iter().flat_map(remedies::needed) {
        page.labelled(label, needed);
    }
    if let Some(until) = instant(line, "valid_until") {
        let span = Shown(between(record.at, until));
        page.labelled("reusable", format!("until {until} ({span})"));
    }
    if line.get("degraded") == Some(&Value::Bool(true)) {
        page.labelled(
            Style::Warning.of("degraded"),
            "stale evidence or none, or clocks that were apart",
        );
    }
    page.blank();
    write_facts(page, &summary, line);
    page.blank();
    write_timeline(page, record, &summary);
}

/// The verdicts of a line; the requirements that they are about.
fn write_verdicts<'l>(page: &mut Page, summary: &Summary<'_>, line: &'l Value) -> Vec<&'l str> {
    let verdicts = line.get("verdicts").and_then(Value::as_array);
    let mut requirements = Vec::new();
    for verdict in verdicts.into_iter().flatten() {
        let text = |name: &str| verdict.get(name).and_then(Value::as_str);
        let Some(requirement) = text("requirement") else {
            continue;
        };
        requirements.push(requirement);
        let label = match verdict.get("holds") {
            Some(Value::Bool(true)) => Style::Good.of("met"),
            Some(Value::Bool(false)) => unmet(summary),
            _ => Style::Warning.of("unknown"),
        };
        let code = code_of(line, requirement).map(|code| format!(" ({code})"));
        let value = format!("{requirement}{}", code.unwrap_or_default());
        let until = text("until").map(|until| Text::from(format!("until {until}")));
        page.labelled_with(label, Text::from(value), until);
    }
    requirements
}

fn unmet(summary: &Summary<'_>) -> Text {
    let strict = summary.effect().filter(|effect| *effect != Effect::Allow);
    strict.map_or_else(|| Style::Dim.of("unmet"), effect)
}

fn code_of<'l>(line: &'l Value, requirement: &str) -> Option<&'l str> {
    let reasons = line.get("reasons")?.as_array()?.iter();
    let mut codes =
        reasons.filter(|reason| reason.get("rule").and_then(Value::as_str) == Some(requirement));
    codes.next()?.get("code")?.as_str()
}

/// The reasons that no verdict has shown.
fn write_reasons(page: &mut Page, line: &Value, shown: &[&str]) {
    let reasons = line.get("reasons").and_then(Value::as_array);
    for reason in reasons.into_iter().flatten() {
        let text = |name: &str| reason.get(name).and_then(Value::as_str).unwrap_or("");
        if shown.contains(&text("rule")) {
            continue;
        }
        let code = text("code");
        let known = ReasonCode::ALL
            .into_iter()
            .find(|known| known.as_str() == code);
        let words = known.map_or("", ReasonCode::in_words);
        page.labelled("because", format!("{code}: {words} ({})", text("rule")));
    }
}

fn write_facts(page: &mut Page, summary: &Summary<'_>, line: &Value) {
    page.labelled(
        "decision",
        format!(
            "{} (policies {})",
            summary.text("decision_id"),
            summary.text("policy_revision")
        ),
    );
    for (label, name) in [
        ("about", "verification_id"),
        ("identity", "identity_id"),
        ("caller", "caller"),
        ("request", "request_id"),
    ] {
        let value = summary.text(name);
        if !value.is_empty() {
            page.labelled(label, value);
        }
    }
    let evidence = line.get("evidence");
    let part = |name: &str| evidence.and_then(|evidence| evidence.get(name)?.as_str());
    if let Some(source) = part("source") {
        let status = part("status").map_or_else(String::new, |status| format!(", {status}"));
        let seen = part("seen_at").map_or_else(String::new, |seen| format!(", seen at {seen}"));
        page.labelled("evidence", format!("{source}{status}{seen}"));
    }
    if let Some(shadow) = line.get("shadow").map(Summary::of) {
        page.labelled(
            "shadow",
            shadow
                .outcome()
                .and(format!(" (policies {})", shadow.text("revision"))),
        );
    }
}

fn write_timeline(page: &mut Page, record: &Record, summary: &Summary<'_>) {
    page.wrapped(
        2,
        15,
        Text::from("●  ")
            .and(summary.outcome().padded(9))
            .and(" then"),
    );
    if let Some(change) = record.value.get("next_change") {
        let to = change.get("to").and_then(Value::as_str).unwrap_or("");
        let to = Effect::ALL.into_iter().find(|effect| effect.as_str() == to);
        if let (Some(to), Some(at)) = (to, instant(change, "at")) {
            let span = Shown(between(record.at, at));
            let line = Text::from("●  ").and(effect(to).padded(9));
            page.wrapped(2, 15, line.and(format!(" {at}, in {span}")));
        }
    } else {
        page.wrapped(
            2,
            15,
            Text::from("▼")
                .padded(13)
                .and(Style::Dim.of("no further change")),
        );
    }
}

fn instant(line: &Value, name: &str) -> Option<Timestamp> {
    line.get(name)?.as_str()?.parse().ok()
}
