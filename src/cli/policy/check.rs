//! `verigate policy check`: everything that is wrong with policies, for a person or a program.

use std::{io, path::PathBuf};

use annotate_snippets::Renderer;
use clap::Args;
use serde_json::{Value, json};

use super::{
    Exit,
    format::Format,
    page::Page,
    problems::{counted, load_all, problems_of, problems_of_as_json, renderer},
};
use crate::{
    cli::{
        environment::Colours,
        examples,
        output::{print_coloured, print_json},
        screen::{Screen, Style, Text},
    },
    files::IgnoredFile,
    live::Loaded,
    policy::{PolicySet, Warning, lint},
};

/// Show everything that is wrong with policies, and what is valid but surely a mistake.
///
/// Ends with 0 if nothing is wrong, 1 if something is, and 2 if a path cannot be read.
#[derive(Debug, Args)]
#[command(after_help = examples::POLICY_CHECK)]
pub(super) struct Check {
    /// A policy file, or a folder of them; each is a set of its own.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The output format.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

impl Check {
    pub(super) fn run(self, colours: Colours, screen: Screen) -> anyhow::Result<Exit> {
        let (mut page, mut sets, mut exit) = (Page::of(screen), Vec::new(), Exit::Done);
        let renderer = renderer(&io::stdout(), colours);
        for path in &self.paths {
            let path = path.as_path();
            let shown = path.display().to_string();
            match load_all(path)? {
                Ok(Loaded { set, ignored }) => {
                    for file in &ignored {
                        page.wrapped(
                            0,
                            9,
                            Style::Warning.of("warning").and(format_args!(": {file}")),
                        );
                    }
                    let warnings = lint(&set);
                    let prefix = match self.paths.len() {
                        1 => String::new(),
                        _ => format!("{shown}: "),
                    };
                    write_valid(&mut page, &prefix, &set, &warnings, &renderer);
                    sets.push(json!({
                        "path": shown,
                        "policies": set.len(),
                        "revision": set.revision().to_string(),
                        "problems": [],
                        "warnings": warnings_as_json(&ignored, &warnings),
                    }));
                }
                Err(invalid) => {
                    exit = Exit::Invalid;
                    page.lines(&problems_of(&invalid, &renderer));
                    sets.push(json!({
                        "path": shown,
                        "policies": Value::Null,
                        "revision": Value::Null,
                        "problems": problems_of_as_json(&invalid),
                    }));
                }
            }
        }
        match self.format {
            Format::Human => print_coloured(&page.into_text())?,
            Format::Json => print_json(&json!({ "sets": sets }))?,
        }
        Ok(exit)
    }
}

fn write_valid(
    page: &mut Page,
    prefix: &str,
    set: &PolicySet,
    warnings: &[Warning],
    renderer: &Renderer,
) {
    for warning in warnings {
        page.rendered(&warning.render(renderer));
        page.blank();
    }
    let (policies, revision) = (counted(set.len()), set.revision());
    let found = format_args!(": {policies}, revision {revision}");
    page.wrapped(
        0,
        2,
        Text::from(prefix).and(Style::Good.of("ok")).and(found),
    );
}

/// First the files that are not read, then what the policies themselves are warned of.
fn warnings_as_json(ignored: &[IgnoredFile], warnings: &[Warning]) -> Vec<Value> {
    let files = ignored.iter().map(|file| {
        json!({
            "code": "file_not_read",
            "path": file.shown.display().to_string(),
            "message": file.to_string(),
        })
    });
    files.chain(warnings.iter().map(warning_as_json)).collect()
}

fn warning_as_json(warning: &Warning) -> Value {
    let location = warning.location.as_ref();
    json!({
        "policy": warning.policy.as_str(),
        "path": location.map(|location| &location.source.path),
        "line": location.map(|location| location.position.line),
        "column": location.map(|location| location.position.column),
        "width": location.map(|location| location.position.width),
        "message": warning.message,
        "hint": warning.hint,
    })
}
