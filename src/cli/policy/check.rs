//! `verigate policy check`: everything that is wrong with policies, for a person or a program.

use std::{fmt::Write as _, io, path::PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::{Exit, Format, counted, load, mistakes, mistakes_as_json, renderer};
use crate::{
    cli::{environment::Colours, output::print},
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
    pub(super) fn run(self, colours: Colours) -> anyhow::Result<Exit> {
        let (mut text, mut sets, mut exit) = (String::new(), Vec::new(), Exit::Done);
        let renderer = renderer(&io::stdout(), colours);
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
            Format::Human => print(&text)?,
            Format::Json => print(&format!("{:#}\n", json!({ "sets": sets })))?,
        }
        Ok(exit)
    }
}

fn warning_as_json(warning: &Warning) -> Value {
    let spot = warning.spot.as_ref();
    json!({
        "policy": warning.policy.as_str(),
        "path": spot.map(|spot| &spot.source.path),
        "line": spot.map(|spot| spot.place.line),
        "column": spot.map(|spot| spot.place.column),
        "width": spot.map(|spot| spot.place.width),
        "message": warning.message,
        "hint": warning.hint,
    })
}
