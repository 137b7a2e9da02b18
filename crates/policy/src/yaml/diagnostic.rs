//! A problem in a text that a person wrote: what, where, and what to do about it.

use std::{fmt, sync::Arc};

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

/// A longer line is not shown: nobody wrote it, and nobody could read it.
const LINE_BYTES_MAX: usize = 1000;
/// No more problems than this are kept; the rest are counted.
const PROBLEMS_MAX: usize = 100;
/// What is quoted from a text is shown up to here, and a whole message up to there: it is to be found by its place.
const QUOTED_CHARS_MAX: usize = 64;
const MESSAGE_CHARS_MAX: usize = 1000;

/// A text and the path that it came from.
#[derive(Debug)]
pub struct SourceText {
    /// Where it came from, as the reader would name it.
    pub path: String,
    /// The text itself.
    pub text: String,
}

/// Where something stands in a text: on one line, from one column to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The line, from 1.
    pub line: usize,
    /// The column of the first character, from 1, in characters.
    pub column: usize,
    /// How many characters long it is on this line; at least 1.
    pub width: usize,
}

impl Position {
    /// The first character of a text.
    pub const START: Self = Self {
        line: 1,
        column: 1,
        width: 1,
    };
}

/// A place in a text, with the text.
#[derive(Clone)]
pub struct Location {
    /// The text.
    pub source: Arc<SourceText>,
    /// Where in the text.
    pub position: Position,
}

/// The path, the line and the column.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, position) = (&self.source.path, self.position);
        write!(f, "{path}:{}:{}", position.line, position.column)
    }
}

/// Without the text, which is long and may name people.
impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Location {
    /// What there is to say of this place, with its line and a caret under it.
    pub(crate) fn render(
        &self,
        level: Level<'_>,
        message: &str,
        hint: Option<&str>,
        renderer: &Renderer,
    ) -> String {
        let Position {
            line: number,
            column,
            width,
        } = self.position;
        let line = lines(&self.source.text).nth(number.saturating_sub(1));
        let line = line.unwrap_or("");
        let byte_of = |column: usize| {
            let nth = column.saturating_sub(1);
            line.char_indices()
                .nth(nth)
                .map_or(line.len(), |(byte, _)| byte)
        };
        let (title, path) = (level.primary_title(message), self.source.path.as_str());
        let mut group: Group<'_> = if line.len() > LINE_BYTES_MAX {
            title.element(Origin::path(path).line(number).char_column(column))
        } else {
            let span = byte_of(column)..byte_of(column.saturating_add(width));
            title.element(
                Snippet::source(line)
                    .line_start(number)
                    .path(path)
                    .annotation(AnnotationKind::Primary.span(span)),
            )
        };
        if let Some(hint) = hint {
            group = group.element(Level::HELP.message(hint));
        }
        renderer.render(&[group])
    }
}

/// One problem with its place.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    /// Where it is.
    pub location: Location,
    /// What is wrong.
    pub message: String,
    /// What can be done about it.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// The problem with its line and a caret under the place, for a terminal.
    pub fn render(&self, renderer: &Renderer) -> String {
        let (message, hint) = (&self.message, self.hint.as_deref());
        self.location.render(Level::ERROR, message, hint, renderer)
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(&Renderer::plain()))
    }
}

/// The lines of a text as YAML counts them: a carriage return ends one too, alone or before a line feed.
pub(super) fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n')
        .flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r'))
}

/// The same message with what it quotes in backticks cut to a modest length.
fn modest(message: &str) -> String {
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
    cut(&parts.join("`"), MESSAGE_CHARS_MAX)
}

fn cut(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or("")),
        None => text.to_owned(),
    }
}

/// The problems found so far, in the order in which they were found.
#[derive(Debug, Clone, Default)]
pub struct Diagnostics {
    kept: Vec<Diagnostic>,
    more: usize,
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

    /// Each problem in a line, without what stands in the file: that may name people, and a log is read by many.
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
                location,
                message,
                hint,
            } = diagnostic;
            self.kept.push(Diagnostic {
                location,
                message: modest(&message),
                hint: hint.as_deref().map(modest),
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
