//! Loads policies for a command, and renders what is wrong with them.

use std::{io::IsTerminal, path::Path};

use annotate_snippets::Renderer;
use serde_json::{Value, json};

use super::{super::environment::Colours, page::Page};
use crate::{
    live::{self, LoadError, Loaded},
    policy::{Diagnostic, ParseError, PolicySet},
};

/// The policies of a file or folder, or what is wrong with them. That they cannot be read is an error of the command.
pub(super) fn load(path: &Path) -> anyhow::Result<Result<PolicySet, LoadError>> {
    Ok(load_all(path)?.map(|loaded| loaded.set))
}

/// As [`load`], with what is beside the policies and is not read.
pub(super) fn load_all(path: &Path) -> anyhow::Result<Result<Loaded, LoadError>> {
    match live::load_all(path) {
        Err(error @ LoadError::Unreadable(..)) => Err(error.into()),
        loaded => Ok(loaded),
    }
}

/// What is wrong with policies, for a person.
pub(super) fn problems_of(invalid: &LoadError, renderer: &Renderer) -> String {
    match invalid {
        LoadError::Invalid(problems) => render_all(problems, renderer),
        other => format!("error: {other}\n"),
    }
}

/// Problems for a person, each with its line and a caret.
pub(super) fn render_all(problems: &ParseError, renderer: &Renderer) -> String {
    let mut page = Page::default();
    for diagnostic in problems.iter() {
        page.rendered(&diagnostic.render(renderer));
        page.blank();
    }
    let more = problems.count().saturating_sub(problems.iter().count());
    if more > 0 {
        page.line(format_args!("and {more} more problems"));
    }
    page.into_text()
}

/// How problems look on this output: with colours only on a terminal.
pub(super) fn renderer(output: &impl IsTerminal, colours: Colours) -> Renderer {
    if colours.on(output) {
        Renderer::styled()
    } else {
        Renderer::plain()
    }
}

/// How many policies, in words.
pub(super) fn counted(policies: usize) -> String {
    match policies {
        1 => "1 policy".to_owned(),
        _ => format!("{policies} policies"),
    }
}

/// What is wrong with policies, for a program.
pub(super) fn problems_of_as_json(invalid: &LoadError) -> Vec<Value> {
    match invalid {
        LoadError::Invalid(problems) => problems.iter().map(problem_as_json).collect(),
        other => vec![json!({ "message": other.to_string() })],
    }
}

pub(super) fn problem_as_json(diagnostic: &Diagnostic) -> Value {
    json!({
        "path": diagnostic.location.source.path,
        "line": diagnostic.location.position.line,
        "column": diagnostic.location.position.column,
        "width": diagnostic.location.position.width,
        "message": diagnostic.message,
        "hint": diagnostic.hint,
    })
}
