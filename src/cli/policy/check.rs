//! `verigate policy check`: everything that is wrong with policies, for a person or a program.

use std::{fmt::Write as _, io, path::PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::{Exit, Format, counted, load, mistakes, mistakes_as_json, renderer};
use crate::{
    cli::tell,
    policy::{Warning, lint},
};

/// Tell everything that is wrong with policies, and what is valid but surely not meant.
///
/// Ends with 0 if nothing is wrong, 1 if something is, and 2 if a path cannot be read.
#[derive(Debug, Args)]
pub(super) struct Check {
    /// A policy file, or a folder of them; each is a set of its own.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// How to tell it.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

impl Check {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let (mut text, mut sets, mut exit) = (String::new(), Vec::new(), Exit::Done);
        let renderer = renderer(&io::stdout());
        for path in &self.paths {
            let shown = path.display();
            match load(path)? {
                Ok(set) => {
                    let (count, revision) = (set.len(), set.revision());
                    let warnings = lint(&set);
                    for warning in &warnings {
                        // Writing to a `String` cannot fail.
                        let _ = writeln!(text, "{}\n", warning.render(&renderer));
                    }
                    let of = match self.paths.len() {
                        1 => String::new(),
                        _ => format!("{shown}: "),
                    };
                    // Writing to a `String` cannot fail.
                    let _ = writeln!(text, "{of}ok: {}, revision {revision}", counted(count));
                    sets.push(json!({
                        "path": shown.to_string(),
                        "policies": count,
                        "revision": revision.to_string(),
                        "problems": [],
                        "warnings": warnings.iter().map(warning_as_json).collect::<Vec<_>>(),
                    }));
                }
                Err(invalid) => {
                    exit = Exit::Invalid;
                    text.push_str(&mistakes(&invalid, &renderer));
                    sets.push(json!({
                        "path": shown.to_string(),
                        "policies": Value::Null,
                        "revision": Value::Null,
                        "problems": mistakes_as_json(&invalid),
                    }));
                }
            }
        }
        match self.format {
            Format::Human => tell(&text)?,
            Format::Json => tell(&format!("{:#}\n", json!({ "sets": sets })))?,
        }
        Ok(exit)
    }
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
