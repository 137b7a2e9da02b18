//! How text looks on an output: styles by meaning, and lines that are wrapped to its width.
//!
//! A style repeats what the words say and never says more: without colours, and for those who cannot see them, nothing is lost.

use std::{fmt::Display, io::IsTerminal, os::fd::AsFd};

use rustix::termios::tcgetwinsize;
use textwrap::{Options, WordSeparator, WordSplitter};

use super::{
    environment::{Colours, Environment},
    output::Visible,
};
use crate::policy::Effect;

/// The width where there is no terminal, in columns.
const WIDTH_WITHOUT_TERMINAL: usize = 100;
/// The widest line on a terminal that is wider: longer ones are hard to read.
const WIDTH_MAX: usize = 120;
/// The narrowest width that lines are wrapped to.
const WIDTH_MIN: usize = 40;
/// Ends every style.
const RESET: &str = "\u{1b}[0m";

/// How an output shows text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Screen {
    coloured: bool,
    width: usize,
}

impl Screen {
    /// No colours, and no line is wrapped: for text that programs read.
    pub(super) const RAW: Self = Self {
        coloured: false,
        width: usize::MAX,
    };

    /// As this output is. The width is that of the variable `COLUMNS`, else the terminal's (120 at most), else 100 columns.
    pub(super) fn of<O>(output: &O, colours: Colours, environment: &Environment) -> Self
    where
        O: IsTerminal + AsFd,
    {
        let terminal = || tcgetwinsize(output).ok().map(|size| size.ws_col.into());
        Self {
            coloured: colours.on(output),
            width: width(columns(environment), terminal),
        }
    }

    /// The width of a line, in columns.
    pub(super) fn width(self) -> usize {
        self.width
    }

    /// The text, with colours if the output has them; one line of any length.
    pub(super) fn one_line(self, text: &Text) -> String {
        let piece = |(style, text): &(Option<Style>, String)| match style {
            Some(style) if self.coloured => format!("\u{1b}[{}m{text}{RESET}", style.code()),
            _ => text.clone(),
        };
        text.0.iter().map(piece).collect()
    }

    /// The text, wrapped: its first line begins at the column `first`, the others at `others`. A word that is wider than
    /// a line stays whole.
    pub(super) fn wrapped(self, first: usize, others: usize, text: &Text) -> String {
        let first = " ".repeat(first);
        self.refilled(others, &format!("{first}{}", self.one_line(text)))
    }

    /// A line with styles, wrapped: further lines begin at the column `others`.
    pub(super) fn refilled(self, others: usize, line: &str) -> String {
        if self.width() == usize::MAX {
            return line.to_owned();
        }
        let others = " ".repeat(others);
        let indent = line
            .len()
            .saturating_sub(line.trim_start_matches(' ').len());
        let (first, line) = line.split_at_checked(indent).unwrap_or(("", line));
        let options = Options::new(self.width())
            .initial_indent(first)
            .subsequent_indent(&others)
            .break_words(false)
            .word_separator(WordSeparator::AsciiSpace)
            .word_splitter(WordSplitter::NoHyphenation);
        styles_within_lines(&textwrap::fill(line, options))
    }

    /// A screen of this width without colours, for tests.
    #[cfg(test)]
    pub(super) fn of_width(width: usize) -> Self {
        Self {
            coloured: false,
            width,
        }
    }
}

/// The columns that the user asks for by `COLUMNS`.
fn columns(environment: &Environment) -> Option<usize> {
    let set = environment.iter().find(|(name, _)| name == "COLUMNS");
    let columns: usize = set?.1.to_str()?.parse().ok()?;
    (columns > 0).then_some(columns)
}

fn width(columns: Option<usize>, terminal: impl FnOnce() -> Option<usize>) -> usize {
    let terminal = || terminal().filter(|columns| *columns > 0);
    let wanted = columns.or_else(|| terminal().map(|columns| columns.min(WIDTH_MAX)));
    wanted.unwrap_or(WIDTH_WITHOUT_TERMINAL).max(WIDTH_MIN)
}

/// Ends a style at the end of each line, and begins it again in the next: a pager shows lines one by one.
fn styles_within_lines(lines: &str) -> String {
    let (mut text, mut open) = (String::with_capacity(lines.len()), None::<&str>);
    for (index, line) in lines.split('\n').enumerate() {
        if index > 0 {
            text.push('\n');
        }
        let indent = line
            .len()
            .saturating_sub(line.trim_start_matches(' ').len());
        let (indent, words) = line.split_at_checked(indent).unwrap_or(("", line));
        text.push_str(indent);
        text.push_str(open.unwrap_or(""));
        text.push_str(words);
        open = last_style(words, open);
        if open.is_some() {
            text.push_str(RESET);
        }
    }
    text
}

/// The style that is on at the end of a line, as the sequence that begins it.
fn last_style<'l>(line: &'l str, at_its_beginning: Option<&'l str>) -> Option<&'l str> {
    let Some((_, last)) = line.rsplit_once('\u{1b}') else {
        return at_its_beginning;
    };
    let begins = line.len().saturating_sub(last.len()).saturating_sub(1);
    let sequence = line.get(begins..)?;
    let end = sequence.find('m')?.saturating_add(1);
    sequence.get(..end).filter(|sequence| *sequence != RESET)
}

/// A text of one paragraph, in pieces that may have a style. What is not visible in a piece is escaped, also an end of line.
#[derive(Debug, Clone, Default)]
pub(super) struct Text(Vec<(Option<Style>, String)>);

impl Text {
    /// The text with another one behind it.
    pub(super) fn and(mut self, more: impl Into<Text>) -> Self {
        self.0.extend(more.into().0);
        self
    }

    /// How wide it is in one line, in columns.
    pub(super) fn width(&self) -> usize {
        let width = |(_, text): &(_, String)| textwrap::core::display_width(text);
        self.0.iter().map(width).sum()
    }

    /// The text with blanks behind it, to this width at least.
    pub(super) fn padded(self, width: usize) -> Self {
        let blanks = width.saturating_sub(self.width());
        self.and(" ".repeat(blanks))
    }
}

impl<T: Display> From<T> for Text {
    fn from(text: T) -> Self {
        Self(vec![(None, Visible(text).to_string())])
    }
}

/// What a style stands for. The words beside it say the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// A decision that lets in.
    Allow,
    /// A decision that asks for more.
    StepUp,
    /// A decision that keeps out.
    Deny,
    /// A change that lets more in.
    Loosens,
    /// A change that lets less in.
    Tightens,
    /// What is as it should be.
    Good,
    /// What is not as it should be.
    Bad,
    /// What may be a mistake.
    Warning,
    /// What a section is about.
    Heading,
    /// What is needed least often.
    Dim,
}

impl Style {
    /// A text of this style.
    pub(super) fn of(self, text: impl Display) -> Text {
        Text(vec![(Some(self), Visible(text).to_string())])
    }

    /// The parameters of the sequence that begins it.
    fn code(self) -> &'static str {
        match self {
            Self::Allow | Self::Good => "32",
            Self::StepUp | Self::Warning => "33",
            Self::Deny | Self::Bad => "31",
            Self::Loosens => "1;31",
            Self::Tightens => "36",
            Self::Heading => "1",
            Self::Dim => "2",
        }
    }
}

impl From<Effect> for Style {
    fn from(effect: Effect) -> Self {
        match effect {
            Effect::Allow => Self::Allow,
            Effect::StepUp => Self::StepUp,
            Effect::Deny => Self::Deny,
        }
    }
}

/// An effect as answers name it, in its style.
pub(super) fn effect(effect: Effect) -> Text {
    Style::from(effect).of(effect.as_str().to_ascii_uppercase())
}

#[cfg(test)]
mod tests;
