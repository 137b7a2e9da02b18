//! The problems of texts: what is wrong, where, and what can be done about it.

use std::fmt;

use annotate_snippets::{Level, Renderer};

use super::{location::Location, problem::ProblemCode, quote::visible};

/// No more problems than this are kept; the rest are counted.
const PROBLEMS_MAX: usize = 100;
/// How much of a text a message quotes, and how long a whole message may be. The position leads to the rest.
const QUOTED_CHARS_MAX: usize = 64;
const MESSAGE_CHARS_MAX: usize = 1000;

/// One problem.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    /// What kind of problem it is.
    pub code: ProblemCode,
    /// Where it is.
    pub location: Location,
    /// What is wrong.
    pub message: String,
    /// What can be done about it.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// The problem with its line and a caret under the position, for a terminal.
    pub fn render(&self, renderer: &Renderer) -> String {
        let (message, hint) = (&self.message, self.hint.as_deref());
        self.location
            .render(Level::ERROR, message, hint, &[], renderer)
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(&Renderer::plain()))
    }
}

/// The problems found so far, in the order in which they were found.
#[derive(Debug, Clone, Default)]
pub struct Diagnostics {
    kept: Vec<Diagnostic>,
    more: usize,
}

impl Diagnostics {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// This value, if there is no problem; otherwise all problems.
    pub fn into_result<T>(self, value: T) -> Result<T, ParseError> {
        if self.is_empty() {
            Ok(value)
        } else {
            Err(self.into_error())
        }
    }

    /// All problems as one error, in the order of the texts.
    pub fn into_error(mut self) -> ParseError {
        self.kept.sort_by(|one, other| {
            let (one, other) = (&one.location, &other.location);
            let position = |location: &Location| (location.position.line, location.position.column);
            let path = one.source.path.cmp(&other.source.path);
            path.then_with(|| position(one).cmp(&position(other)))
        });
        ParseError(self)
    }

    /// Adds all of the others.
    pub fn append(&mut self, others: &Self) {
        let room = PROBLEMS_MAX.saturating_sub(self.kept.len());
        self.kept.extend(others.kept.iter().take(room).cloned());
        let left = others.kept.len().saturating_sub(room);
        self.more = self.more.saturating_add(others.more).saturating_add(left);
    }

    /// Adds one.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        if self.kept.len() < PROBLEMS_MAX {
            let Diagnostic {
                code,
                location,
                message,
                hint,
            } = diagnostic;
            self.kept.push(Diagnostic {
                code,
                location,
                message: shortened(&message),
                hint: hint.as_deref().map(shortened),
            });
        } else {
            self.more = self.more.saturating_add(1);
        }
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.kept.iter().enumerate() {
            if index > 0 {
                f.write_str("\n\n")?;
            }
            write!(f, "{diagnostic}")?;
        }
        if self.more > 0 {
            write!(f, "\n\nand {} more problems", self.more)?;
        }
        Ok(())
    }
}

/// Every problem of the texts that were read, at least one, in the order of the texts.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct ParseError(Diagnostics);

impl ParseError {
    /// The problems that are kept.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.0.kept.iter()
    }

    /// How many problems there are, kept or not.
    pub fn count(&self) -> usize {
        self.0.kept.len().saturating_add(self.0.more)
    }

    /// Each problem on a line, without the line of the file: that may name people, and many people read a log.
    pub fn in_short(&self) -> String {
        let Diagnostics { kept, more } = &self.0;
        let line = |d: &Diagnostic| {
            let hint = d.hint.iter().map(|hint| format!(" ({hint})"));
            let hint: String = hint.collect();
            format!("{}: {}{hint}", d.location, d.message)
        };
        let mut lines: Vec<String> = kept.iter().map(line).collect();
        if *more > 0 {
            lines.push(format!("and {more} more problems"));
        }
        lines.join("\n")
    }
}

/// The message as one line that can be seen, cut to its bound, and within it what it quotes in backticks.
fn shortened(message: &str) -> String {
    let parts = message.split('`').enumerate().map(|(index, part)| {
        let quoted = index % 2 == 1;
        let most = if quoted {
            QUOTED_CHARS_MAX
        } else {
            MESSAGE_CHARS_MAX
        };
        cut(part, most)
    });
    let parts: Vec<String> = parts.collect();
    visible(&cut(&parts.join("`"), MESSAGE_CHARS_MAX)).into_owned()
}

fn cut(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or("")),
        None => text.to_owned(),
    }
}
