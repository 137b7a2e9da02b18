//! `verigate audit verify`: whether a journal is as it was written.

use std::path::PathBuf;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use clap::Args;
use serde_json::{Value, json};

use super::{Exit, examples, keys::keys, page::Page, progress::Progress};
use crate::{
    audit::{
        JournalFiles,
        verify::{Bad, Note, Options, Position, Report, verify},
    },
    cli::{
        output::{print_coloured, print_json},
        screen::{Screen, Style, Text},
    },
    journal::{merkle::Hash, signed_note::VerifierKey},
};

/// Verify a journal: its chain, files, tree and checkpoints.
///
/// Names the first bad line. Gaps that the journal itself explains, a line that is being written, and what retention removed are reported
/// and are no failure. Ends with 0 if all holds, 1 if not, 2 if it could not run.
#[derive(Debug, Args)]
#[command(after_help = examples::AUDIT_VERIFY)]
pub(super) struct Verify {
    /// The folder of the journal, or its file; several files in the order of their lines; `-` for stdin.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The verifier key that signed the checkpoints, or a file with one in each line. May be given more than once.
    #[arg(long = "key", value_name = "VKEY|FILE")]
    keys: Vec<String>,
    /// Checkpoints that were kept in another place: finds out if the journal was cut, or rolled back.
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Verify {
    pub(super) fn run(self, screen: Screen) -> anyhow::Result<Exit> {
        let keys = keys(&self.keys)?;
        let journal = JournalFiles::find(&self.paths)?;
        let options = Options {
            keys: &keys,
            copy: self.checkpoint.as_deref(),
        };
        let mut progress = Progress::of(journal.size());
        let verified = verify(&journal, options, &mut |bytes| progress.add(bytes));
        progress.end();
        let report = verified?;
        if self.json {
            print_json(&as_json(&report))?;
        } else {
            print_coloured(&as_text(&report, &keys, screen))?;
        }
        Ok(if report.bad.is_none() {
            Exit::Done
        } else {
            Exit::Invalid
        })
    }
}

fn base64(hash: &Hash) -> String {
    STANDARD.encode(hash)
}

fn as_json(report: &Report) -> Value {
    let place = |position: &Position| {
        json!({
            "file": &*position.file,
            "line": position.line,
            "offset": position.offset,
            "index": position.index,
        })
    };
    let bad = report.bad.as_ref().map(|bad| {
        let mut shown = place(&bad.position);
        shown["expected"] = bad.expected.as_str().into();
        shown["found"] = bad.found.as_str().into();
        shown["hint"] = bad.hint.into();
        shown
    });
    let notes = report.notes.iter().map(|note| {
        let mut shown = note.position.as_ref().map_or_else(|| json!({}), place);
        shown["kind"] = note.kind.into();
        shown["text"] = note.text.as_str().into();
        shown
    });
    let checkpoints = &report.checkpoints;
    json!({
        "holds": report.bad.is_none(),
        "first_bad": bad,
        "files": report.files,
        "lines": report.lines,
        "unchained_lines": report.unchained,
        "first_index": report.first_index,
        "next_index": report.next_index,
        "root": report.root.as_ref().map(base64),
        "checkpoints": {
            "signatures_checked": checkpoints.signatures_checked,
            "matched": checkpoints.matched,
            "not_comparable": checkpoints.not_comparable,
            "covered_lines": checkpoints.covered,
        },
        "notes": notes.collect::<Vec<_>>(),
        "notes_suppressed": report.notes_suppressed,
    })
}

fn as_text(report: &Report, keys: &[VerifierKey], screen: Screen) -> String {
    let mut page = Page::of(screen);
    match &report.bad {
        Some(bad) => write_bad(&mut page, bad),
        None => {
            let (lines, files) = (report.lines, report.files);
            let files = match files {
                1 => "1 file".to_owned(),
                files => format!("{files} files"),
            };
            let text = format!(": {lines} lines in {files}");
            page.wrapped(0, 2, Style::Good.of("the journal holds").and(text));
        }
    }
    if let Some(first) = report.first_index {
        let last = report.next_index.saturating_sub(1);
        page.labelled("indexes", format_args!("{first} to {last}"));
    }
    if let Some(root) = &report.root {
        page.labelled("root", base64(root));
    }
    write_checkpoints(&mut page, report, keys);
    for note in &report.notes {
        page.labelled(Style::Warning.of("note"), in_words(note));
    }
    if report.notes_suppressed > 0 {
        let text = format!("and {} more notes", report.notes_suppressed);
        page.labelled(Style::Warning.of("note"), text);
    }
    page.into_text()
}

fn write_bad(page: &mut Page, bad: &Bad) {
    let place = place(&bad.position);
    let heading = Style::Bad.of("the journal does not hold");
    page.wrapped(0, 2, heading.and(format_args!(": {place}")));
    page.labelled("expected", &bad.expected);
    page.labelled("found", &bad.found);
    page.labelled("do", bad.hint);
}

fn place(position: &Position) -> String {
    let Position {
        file,
        line,
        offset,
        index,
    } = position;
    let index = index.map_or_else(String::new, |index| format!(", index {index}"));
    let offset = match offset {
        0 => String::new(),
        offset => format!(", byte {offset}"),
    };
    format!("`{file}` line {line}{index}{offset}")
}

fn write_checkpoints(page: &mut Page, report: &Report, keys: &[VerifierKey]) {
    let counts = &report.checkpoints;
    let covered = match counts.covered {
        Some(covered) => format!(
            "{} fit, the last one is over {covered} lines",
            counts.matched
        ),
        None if counts.not_comparable == 0 => "there is none".to_owned(),
        None => "none is over the lines that are here".to_owned(),
    };
    let others = match counts.not_comparable {
        0 => String::new(),
        count => format!("; {count} are about lines that are not here"),
    };
    page.labelled("checkpoints", format!("{covered}{others}"));
    let signatures = if keys.is_empty() {
        Style::Warning.of("signatures were not checked: give the verifier key with --key")
    } else {
        let names: Vec<String> = keys.iter().map(|key| format!("`{}`", key.name())).collect();
        Text::from(format_args!(
            "signatures were checked by {}",
            names.join(", ")
        ))
    };
    page.labelled("keys", signatures);
    if let (Some(covered), None) = (counts.covered, &report.bad) {
        let open = report.next_index.saturating_sub(covered);
        if open > 0 {
            page.labelled(
                "open",
                format!("nothing shows yet whether the last {open} lines are all"),
            );
        }
    }
}

fn in_words(note: &Note) -> String {
    match &note.position {
        Some(position) => format!("{}: {}", place(position), note.text),
        None => note.text.clone(),
    }
}
