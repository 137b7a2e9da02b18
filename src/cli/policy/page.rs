//! A page of text, written line by line.

use std::fmt::{Display, Write as _};

use crate::cli::output::Visible;

/// How wide the labels of a page are.
const LABEL_WIDTH: usize = 9;

/// A text that grows by whole lines.
#[derive(Debug, Default)]
pub(super) struct Page {
    text: String,
}

impl Page {
    /// Adds a line. It stays one, whatever texts are in it: what is not visible is escaped.
    pub(super) fn line(&mut self, line: impl Display) {
        // Writing to a `String` cannot fail.
        let _ = writeln!(self.text, "{}", Visible(line));
    }

    /// Adds what was rendered for a terminal: lines with colours, the last without its end.
    pub(super) fn rendered(&mut self, lines: &str) {
        self.lines(lines);
        self.blank();
    }

    /// Adds a line with a label, indented.
    pub(super) fn labelled(&mut self, label: &str, value: impl Display) {
        self.line(format_args!("  {label:<LABEL_WIDTH$} {value}"));
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
