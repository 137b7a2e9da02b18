//! `verigate policy`: commands for authors of policies, one file per command. None of them needs a running service.

mod cases;
mod check;
mod diff;
mod explain;
mod needs;
mod page;
mod schema;
mod test;

use std::{io::IsTerminal, path::Path};

use annotate_snippets::Renderer;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use self::page::Page;
use super::{environment::Colours, exit::Exit};
use crate::{
    live::{self, LoadError},
    policy::{Diagnostic, ParseError, PolicySet},
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

/// The output format of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For a person.
    Human,
    /// For a program.
    Json,
}

/// The policies of a file or folder, or what is wrong with them. That they cannot be read is an error of the command.
fn load(path: &Path) -> anyhow::Result<Result<PolicySet, LoadError>> {
    match live::load(path) {
        Err(error @ LoadError::Unreadable(..)) => Err(error.into()),
        loaded => Ok(loaded),
    }
}

/// What is wrong with policies, for a person.
fn problems_of(invalid: &LoadError, renderer: &Renderer) -> String {
    match invalid {
        LoadError::Invalid(problems) => render_all(problems, renderer),
        other => format!("error: {other}\n"),
    }
}

/// Problems for a person, each with its line and a caret.
fn render_all(problems: &ParseError, renderer: &Renderer) -> String {
    let mut page = Page::default();
    for diagnostic in problems.iter() {
        page.line(diagnostic.render(renderer));
        page.blank();
    }
    let more = problems.count().saturating_sub(problems.iter().count());
    if more > 0 {
        page.line(format_args!("and {more} more problems"));
    }
    page.into_text()
}

/// How problems look on this output: with colours only on a terminal.
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
fn problems_of_as_json(invalid: &LoadError) -> Vec<Value> {
    match invalid {
        LoadError::Invalid(problems) => problems.iter().map(problem_as_json).collect(),
        other => vec![json!({ "message": other.to_string() })],
    }
}

fn problem_as_json(diagnostic: &Diagnostic) -> Value {
    json!({
        "path": diagnostic.location.source.path,
        "line": diagnostic.location.position.line,
        "column": diagnostic.location.position.column,
        "width": diagnostic.location.position.width,
        "message": diagnostic.message,
        "hint": diagnostic.hint,
    })
}
