//! `verigate policy`: what a policy's author needs, one file per command. None of them asks a service.

mod cases;
mod check;
mod diff;
mod explain;
mod needs;
mod schema;
mod test;

use std::{fmt::Write as _, io::IsTerminal, path::Path};

use annotate_snippets::Renderer;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::{environment::Colours, exit::Exit};
use crate::{
    live::{self, LoadError},
    policy::{Diagnostic, PolicySet, Problems},
};

/// Check and test policies.
#[derive(Debug, Args)]
pub(super) struct Policy {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Check(check::Check),
    Diff(diff::Diff),
    Explain(explain::Explain),
    Needs(needs::NeedsOf),
    Schema(schema::Schema),
    Test(test::Test),
}

impl Policy {
    pub(super) fn run(self, colours: Colours) -> anyhow::Result<Exit> {
        match self.command {
            Command::Check(check) => check.run(colours),
            Command::Diff(diff) => diff.run(colours),
            Command::Explain(explain) => explain.run(colours),
            Command::Needs(needs) => needs.run(colours),
            Command::Schema(schema) => schema.run(),
            Command::Test(test) => test.run(colours),
        }
    }
}

/// How a command tells what it found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For a person.
    Human,
    /// For a program.
    Json,
}

/// The policies of a file or folder; or what is wrong with them, where it is not that they cannot be read.
fn load(path: &Path) -> anyhow::Result<Result<PolicySet, LoadError>> {
    match live::load(path) {
        Err(error @ LoadError::Unreadable(..)) => Err(error.into()),
        loaded => Ok(loaded),
    }
}

/// What is wrong with policies, for a person.
fn mistakes(invalid: &LoadError, renderer: &Renderer) -> String {
    match invalid {
        LoadError::Invalid(problems) => shown(problems, renderer),
        other => format!("error: {other}\n"),
    }
}

/// Problems for a person, each with its line and a caret.
fn shown(problems: &Problems, renderer: &Renderer) -> String {
    let mut text = String::new();
    for diagnostic in problems.iter() {
        text.push_str(&diagnostic.render(renderer));
        text.push_str("\n\n");
    }
    let more = problems.len().saturating_sub(problems.iter().count());
    if more > 0 {
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "and {more} more problems");
    }
    text
}

/// How problems look where this output goes: colours only on a terminal.
fn renderer(output: &impl IsTerminal, colours: Colours) -> Renderer {
    if colours.on(output) {
        Renderer::styled()
    } else {
        Renderer::plain()
    }
}

/// How many policies, in words.
fn counted(policies: usize) -> String {
    match policies {
        1 => "1 policy".to_owned(),
        _ => format!("{policies} policies"),
    }
}

/// What is wrong with policies, for a program.
fn mistakes_as_json(invalid: &LoadError) -> Vec<Value> {
    match invalid {
        LoadError::Invalid(problems) => problems.iter().map(problem_as_json).collect(),
        other => vec![json!({ "message": other.to_string() })],
    }
}

fn problem_as_json(diagnostic: &Diagnostic) -> Value {
    json!({
        "path": diagnostic.spot.source.path,
        "line": diagnostic.spot.place.line,
        "column": diagnostic.spot.place.column,
        "width": diagnostic.spot.place.width,
        "message": diagnostic.message,
        "hint": diagnostic.hint,
    })
}
