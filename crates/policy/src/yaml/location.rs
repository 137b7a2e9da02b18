//! Where something stands in a text that a person wrote, and how that is shown: the line, and a caret under it.

use std::{fmt, iter::once, sync::Arc};

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::quote::{is_visible, visible};

/// A longer line is not shown: it is not readable.
const LINE_BYTES_MAX: usize = 1000;
/// How many related lines a message shows.
const RELATED_MAX: usize = 6;

/// A text and the path that it came from.
#[derive(Debug)]
pub struct SourceText {
    /// The path, as it is shown to people.
    pub path: String,
    /// The text itself.
    pub text: String,
}

/// A range on one line of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The line, from 1.
    pub line: usize,
    /// The column of the first character, from 1, in characters.
    pub column: usize,
    /// The number of characters; at least 1.
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

/// A position, and the text that it is in.
#[derive(Clone)]
pub struct Location {
    /// The text.
    pub source: Arc<SourceText>,
    /// The position in the text.
    pub position: Position,
}

/// Shows the path, the line and the column.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, position) = (&self.source.path, self.position);
        write!(f, "{path}:{}:{}", position.line, position.column)
    }
}

/// Like `Display`: the text is long, and may name people.
impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Location {
    /// A message about this location, with its line and a caret under the position, for a terminal. The lines of `related` follow.
    pub(crate) fn render(
        &self,
        level: Level<'_>,
        message: &str,
        hint: Option<&str>,
        related: &[Self],
        renderer: &Renderer,
    ) -> String {
        let (message, hint) = (visible(message), hint.map(visible));
        let related = related.iter().take(RELATED_MAX);
        let excerpts: Vec<Excerpt> = once(self).chain(related).map(Excerpt::of).collect();
        let mut group = Group::with_title(level.primary_title(message.as_ref()));
        for (index, excerpt) in excerpts.iter().enumerate() {
            let kind = match index {
                0 => AnnotationKind::Primary,
                _ => AnnotationKind::Context,
            };
            group = excerpt.added_to(group, kind);
        }
        if let Some(hint) = &hint {
            group = group.element(Level::HELP.message(hint.as_ref()));
        }
        renderer.render(&[group])
    }
}

/// The line of a location, as it is shown.
struct Excerpt {
    path: String,
    line: String,
    position: Position,
}

impl Excerpt {
    fn of(location: &Location) -> Self {
        let position = location.position;
        let line = lines(&location.source.text).nth(position.line.saturating_sub(1));
        // Character by character, so that the columns stay. The renderer shows the controls of ASCII by itself, and a tab as spaces.
        let shown = |c: char| {
            if c.is_ascii() || is_visible(c) {
                c
            } else {
                char::REPLACEMENT_CHARACTER
            }
        };
        Self {
            path: visible(&location.source.path).into_owned(),
            line: line.unwrap_or("").chars().map(shown).collect(),
            position,
        }
    }

    fn added_to<'e>(&'e self, group: Group<'e>, kind: AnnotationKind) -> Group<'e> {
        let Position {
            line: number,
            column,
            width,
        } = self.position;
        if self.line.len() > LINE_BYTES_MAX {
            let origin = Origin::path(&self.path).line(number).char_column(column);
            return group.element(origin);
        }
        let byte_of = |column: usize| {
            let mut bytes = self.line.char_indices();
            let nth = bytes.nth(column.saturating_sub(1));
            nth.map_or(self.line.len(), |(byte, _)| byte)
        };
        let span = byte_of(column)..byte_of(column.saturating_add(width));
        let snippet = Snippet::source(&self.line).line_start(number);
        group.element(snippet.path(&self.path).annotation(kind.span(span)))
    }
}

/// The lines of a text as YAML counts them: a carriage return ends one too, alone or before a line feed.
pub(super) fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n')
        .flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r'))
}
