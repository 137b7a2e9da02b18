//! What commands write: data to stdout, messages to stderr.

use std::{
    fmt,
    io::{self, Write as _},
    sync::mpsc,
    thread,
    time::Duration,
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::Serialize;

use crate::policy::yaml;

/// How long the last line of a service may take.
const WRITE_MAX: Duration = Duration::from_secs(1);

/// Writes data to stdout. A reader that has closed it, as `head` does, is not an error.
/// Lines and tabs are kept; other characters that a terminal might obey are escaped.
pub(super) fn print(text: &str) -> io::Result<()> {
    write(&harmless(text, ColourCodes::Escaped))
}

/// Like [`eprint_line`], and gives up if that takes longer than a second: a service whose stderr is not read must still end.
pub(super) fn eprint_in_time(line: String) {
    let (written, wait) = mpsc::channel();
    let writer = thread::Builder::new().spawn(move || {
        eprint_line(&line);
        // An error means that nobody waits any more.
        let _ = written.send(());
    });
    if writer.is_ok() {
        // An error means that the line was not written in time.
        let _ = wait.recv_timeout(WRITE_MAX);
    }
}

/// Like [`print()`], for a text with colours of our own.
pub(super) fn print_coloured(text: &str) -> io::Result<()> {
    write(&harmless(text, ColourCodes::Kept))
}

/// Writes JSON to stdout. Characters that a terminal might obey are escaped as JSON escapes them, which changes no value.
pub(super) fn print_json(value: &impl Serialize) -> io::Result<()> {
    let json = serde_json::to_string_pretty(value)?;
    write(&format!("{}\n", harmless_json(&json)))
}

/// Writes JSON texts to stdout as they are, a line each. Characters that a terminal might obey are escaped as JSON escapes them.
pub(super) fn print_json_lines(lines: &str) -> io::Result<()> {
    write(&harmless_json(lines))
}

/// Whether nobody reads stdout any more, as after `head` has ended.
pub(super) fn is_stdout_closed() -> bool {
    let stdout = io::stdout();
    let mut polled = [PollFd::new(&stdout, PollFlags::empty())];
    let now = Timespec::default();
    // An error means that nothing is known, and the next write says more.
    let _ = poll(&mut polled, Some(&now));
    polled
        .iter()
        .any(|fd| fd.revents().intersects(PollFlags::ERR | PollFlags::NVAL))
}

/// Writes a line to stderr, or several. If stderr is closed, there is nowhere to report that.
pub(super) fn eprint_line(line: &str) {
    let _ = writeln!(io::stderr(), "{}", harmless(line, ColourCodes::Escaped));
}

/// Like [`eprint_line`], for a text with colours of our own.
pub(super) fn eprint_coloured(text: &str) {
    let _ = writeln!(io::stderr(), "{}", harmless(text, ColourCodes::Kept));
}

/// A text of somebody else as a part of a line: whatever is not visible is escaped, also the end of a line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Visible<T>(pub(super) T);

impl<T: fmt::Display> fmt::Display for Visible<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        let escaped: String = text.chars().flat_map(visible).collect();
        f.pad(&escaped)
    }
}

fn visible(c: char) -> impl Iterator<Item = char> {
    let kept = is_visible(c).then_some(c);
    let escaped = (!is_visible(c)).then(|| c.escape_default());
    kept.into_iter().chain(escaped.into_iter().flatten())
}

/// Whether escape sequences that set colours stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ColourCodes {
    /// They are escaped like all others.
    Escaped,
    /// They are kept.
    Kept,
}

/// A text of several lines without characters that a terminal might obey.
fn harmless(text: &str, colours: ColourCodes) -> String {
    let mut harmless = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match (c, colours) {
            ('\n' | '\t', _) => harmless.push(c),
            ('\u{1b}', ColourCodes::Kept) => match colour(rest.as_str()) {
                Some((sequence, behind)) => {
                    harmless.push(c);
                    harmless.push_str(sequence);
                    rest = behind.chars();
                }
                None => harmless.extend(visible(c)),
            },
            _ => harmless.extend(visible(c)),
        }
    }
    harmless
}

/// The sequence behind an escape that sets a colour, and the text behind the sequence.
fn colour(text: &str) -> Option<(&str, &str)> {
    let parameters = text.strip_prefix('[')?;
    let end = parameters.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    // One byte for `[` and one for `m`.
    let sequence = parameters.get(end..)?.starts_with('m').then_some(end + 2)?;
    text.split_at_checked(sequence)
}

/// The same JSON, all visible. What is not ASCII stands only within strings.
fn harmless_json(json: &str) -> String {
    let mut harmless = String::with_capacity(json.len());
    for c in json.chars() {
        if c == '\n' || is_visible(c) {
            harmless.push(c);
        } else {
            harmless.push_str(&yaml::json_escape(c));
        }
    }
    harmless
}

fn write(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout();
    let written = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
    written.or_else(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Ok(()),
        _ => Err(error),
    })
}

/// Whether a terminal shows a character, and does nothing else. The replacement character stands for one that could not be shown.
fn is_visible(c: char) -> bool {
    yaml::is_visible(c) || c == char::REPLACEMENT_CHARACTER
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What terminals obey, or readers do not see: escapes, controls of eight bits, directions, ends of lines, joiners.
    const HOSTILE: &str = "a\u{1b}[31mb\u{1b}]0;t\u{7}c\u{9b}2Jd\u{202e}e\u{2066}f\u{2028}g\u{200b}h\u{feff}i\rj\u{e0041}k\u{8}l\u{7f}m";

    fn is_harmless(text: &str) -> bool {
        text.chars().all(is_visible)
    }

    #[test]
    fn a_text_of_somebody_else_is_one_line_that_a_terminal_does_not_obey() {
        let shown = Visible(format!("{HOSTILE}\nALLOW")).to_string();
        assert!(is_harmless(&shown), "{shown:?}");
        assert!(shown.contains(r"a\u{1b}[31mb"), "{shown}");
        assert!(shown.contains(r"d\u{202e}e"), "{shown}");
        assert!(shown.ends_with(r"m\nALLOW"), "{shown}");
        let (plain, padded) = ("Zoë, 山田, 😀 `\\`", format!("{:<4}|", Visible("ä")));
        assert_eq!(Visible(plain).to_string(), plain);
        assert_eq!(padded, "ä   |");
    }

    #[test]
    fn of_escape_sequences_only_our_colours_are_printed() {
        let ours = "\u{1b}[1m\u{1b}[38;5;9merror\u{1b}[0m: x\n\ty";
        assert_eq!(harmless(ours, ColourCodes::Kept), ours);
        assert!(!harmless(ours, ColourCodes::Escaped).contains('\u{1b}'));
        for other in [
            "\u{1b}",
            "\u{1b}[",
            "\u{1b}[31",
            "\u{1b}[2J",
            "\u{1b}]0;m",
            "\u{1b}[?25m",
            "\u{1b}[31\u{1b}m",
        ] {
            let shown = harmless(other, ColourCodes::Kept);
            assert!(is_harmless(&shown), "{shown:?}");
        }
        let shown = harmless(HOSTILE, ColourCodes::Escaped);
        assert!(is_harmless(&shown), "{shown:?}");
    }

    #[test]
    fn json_is_printed_visibly_and_says_the_same() {
        let value = serde_json::json!({ HOSTILE: [HOSTILE, "ä😀\u{1d173}\n"] });
        let shown = harmless_json(&format!("{value:#}"));
        assert!(shown.lines().all(is_harmless), "{shown:?}");
        let read: serde_json::Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(read, value);
    }
}
