//! A page of text, written line by line.

use std::fmt::{Display, Write as _};

use super::{
    output::Visible,
    screen::{Screen, Text},
};

/// How wide the labels of a page are.
const LABEL_WIDTH: usize = 9;

/// A text that grows by whole lines.
#[derive(Debug)]
pub(super) struct Page {
    text: String,
    screen: Screen,
}

/// A page that nobody looks at: no line is wrapped, none has colours.
impl Default for Page {
    fn default() -> Self {
        Self::of(Screen::RAW)
    }
}

impl Page {
    /// An empty page for this screen.
    pub(super) fn of(screen: Screen) -> Self {
        let text = String::new();
        Self { text, screen }
    }

    /// Adds a line. It stays one, however long, whatever texts are in it: what is not visible is escaped.
    pub(super) fn line(&mut self, line: impl Display) {
        // Writing to a `String` cannot fail.
        let _ = writeln!(self.text, "{}", Visible(line));
    }

    /// Adds a paragraph, wrapped: its first line begins at the column `first`, the others at `others`.
    pub(super) fn wrapped(&mut self, first: usize, others: usize, text: impl Into<Text>) {
        let lines = self.screen.wrapped(first, others, &text.into());
        self.text.push_str(&lines);
        self.text.push('\n');
    }

    /// Adds what was rendered for a terminal: lines with colours, the last without its end.
    pub(super) fn rendered(&mut self, lines: &str) {
        self.lines(lines);
        self.blank();
    }

    /// Adds a paragraph with a label, indented. Further lines begin below the first.
    pub(super) fn labelled(&mut self, label: impl Into<Text>, value: impl Into<Text>) {
        let label = label.into().padded(LABEL_WIDTH).and(" ");
        self.wrapped(2, LABEL_WIDTH.saturating_add(3), label.and(value));
    }

    /// Adds a paragraph with a label, followed by a comma and more text: on the same line if it fits, otherwise on the next.
    pub(super) fn labelled_with(
        &mut self,
        label: impl Into<Text>,
        value: impl Into<Text>,
        more: Option<Text>,
    ) {
        let value = value.into();
        let Some(more) = more else {
            return self.labelled(label, value);
        };
        let whole = value.clone().and(", ").and(more.clone());
        if self.fits(&whole) {
            return self.labelled(label, whole);
        }
        self.labelled(label, value.and(","));
        self.labelled("", more);
    }

    /// Whether a text fits into a line with a label.
    pub(super) fn fits(&self, text: &Text) -> bool {
        LABEL_WIDTH.saturating_add(3).saturating_add(text.width()) <= self.screen.width()
    }

    /// Adds a paragraph below those with a label, with this depth of nesting. Its further lines are indented past its `- `.
    pub(super) fn below_label(&mut self, depth: usize, text: impl Into<Text>) {
        let first = LABEL_WIDTH
            .saturating_add(3)
            .saturating_add(depth.saturating_sub(1).saturating_mul(2));
        self.wrapped(first, first.saturating_add(4), text);
    }

    /// Adds an empty line.
    pub(super) fn blank(&mut self) {
        self.text.push('\n');
    }

    /// Adds lines that are written already, each with its end.
    pub(super) fn lines(&mut self, lines: &str) {
        self.text.push_str(lines);
    }

    /// Whether nothing was added.
    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The text of the page.
    pub(super) fn into_text(self) -> String {
        self.text
    }
}
