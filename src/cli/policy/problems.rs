//! Loads policies for a command, and renders what is wrong with them.

use std::{io::IsTerminal, path::Path};

use annotate_snippets::Renderer;
use serde_json::{Value, json};

use super::{
    super::{environment::Colours, screen::Screen},
    page::Page,
};
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

/// A rendered problem, fitted to the width of this screen: messages and hints are wrapped, and quoted lines of a file are not.
pub(super) fn fitted(rendered: &str, screen: Screen) -> String {
    const LEADS: [&str; 3] = ["= help: ", "error: ", "warning: "];
    let fit = |line: &str| {
        let shown = unstyled(line);
        let lead = LEADS.iter().find_map(|lead| {
            let begins = shown.find(lead)?;
            let is_first = shown.get(..begins)?.trim().is_empty();
            is_first.then(|| begins.saturating_add(lead.len()))
        });
        match lead {
            Some(hanging) => screen.refilled(hanging, line),
            None => line.to_owned(),
        }
    };
    let lines: Vec<String> = rendered.split('\n').map(fit).collect();
    lines.join("\n")
}

/// A line without its colour sequences.
fn unstyled(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut pieces = line.split('\u{1b}');
    plain.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        plain.push_str(piece.split_once('m').map_or(piece, |(_, rest)| rest));
    }
    plain
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
        other => vec![json!({ "code": other.code(), "message": other.to_string() })],
    }
}

pub(super) fn problem_as_json(diagnostic: &Diagnostic) -> Value {
    json!({
        "code": diagnostic.code.as_str(),
        "path": diagnostic.location.source.path,
        "line": diagnostic.location.position.line,
        "column": diagnostic.location.position.column,
        "width": diagnostic.location.position.width,
        "message": diagnostic.message,
        "hint": diagnostic.hint,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_is_wrapped_below_its_own_beginning_and_a_line_of_the_file_is_not() {
        let rendered = format!(
            "warning: {0}\n 3 | {0}\n   = help: {0}",
            "words ".repeat(12).trim()
        );
        let fitted = fitted(&rendered, Screen::of_width(50));
        let lines: Vec<&str> = fitted.lines().collect();
        assert_eq!(
            lines[0],
            "warning: words words words words words words words"
        );
        assert_eq!(lines[1], "         words words words words words");
        assert!(lines[2].starts_with(" 3 | words") && lines[2].len() > 70);
        assert!(lines[3].starts_with("   = help: words"));
        assert!(lines[4].starts_with("           words"), "{fitted}");
    }
}
