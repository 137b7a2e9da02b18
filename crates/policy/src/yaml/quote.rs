//! Texts as YAML scalars. A quoted text can be pasted into a file: [`Decoder`](super::Decoder) reads it back as the same text, and
//! so do other parsers of YAML, which take a bare `yes`, `1e5` or `2026-01-31` for something else than a text.
//!
//! ```
//! use verigate_policy::yaml::scalar;
//!
//! assert_eq!(scalar("VERIFIED"), "VERIFIED");
//! assert_eq!(scalar("yes"), r#""yes""#);
//! assert_eq!(scalar("a\u{200b}b"), r#""a\u200Bb""#);
//! ```

use std::{borrow::Cow, fmt::Write as _, ops::RangeInclusive};

/// Words that some parsers of YAML take for something else than a text.
const OTHER_WORDS: [&str; 9] = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"];

/// Characters beyond ASCII that are invisible, or that YAML or our decoder refuses: controls, spaces, ends of lines, Unicode's
/// `Default_Ignorable_Code_Point` and noncharacters. In order.
const INVISIBLE: [RangeInclusive<char>; 29] = [
    '\u{80}'..='\u{a0}',
    '\u{ad}'..='\u{ad}',
    '\u{34f}'..='\u{34f}',
    '\u{61c}'..='\u{61c}',
    '\u{115f}'..='\u{1160}',
    '\u{1680}'..='\u{1680}',
    '\u{17b4}'..='\u{17b5}',
    '\u{180b}'..='\u{180f}',
    '\u{2000}'..='\u{200f}',
    '\u{2028}'..='\u{202f}',
    '\u{205f}'..='\u{206f}',
    '\u{3000}'..='\u{3000}',
    '\u{3164}'..='\u{3164}',
    '\u{fe00}'..='\u{fe0f}',
    '\u{feff}'..='\u{feff}',
    '\u{ffa0}'..='\u{ffa0}',
    '\u{fff0}'..='\u{ffff}',
    '\u{1bca0}'..='\u{1bca3}',
    '\u{1d173}'..='\u{1d17a}',
    '\u{1fffe}'..='\u{1ffff}',
    '\u{2fffe}'..='\u{2ffff}',
    '\u{3fffe}'..='\u{3ffff}',
    '\u{4fffe}'..='\u{4ffff}',
    '\u{5fffe}'..='\u{5ffff}',
    '\u{6fffe}'..='\u{6ffff}',
    '\u{7fffe}'..='\u{7ffff}',
    '\u{8fffe}'..='\u{8ffff}',
    '\u{9fffe}'..='\u{9ffff}',
    '\u{afffe}'..='\u{10ffff}',
];

/// A text as a YAML scalar: bare where it can mean nothing else, otherwise quoted.
pub fn scalar(text: &str) -> String {
    if is_bare(text) {
        text.to_owned()
    } else {
        quoted(text)
    }
}

/// Texts as a YAML list on one line.
pub fn list(texts: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let items: Vec<String> = texts.into_iter().map(|t| scalar(t.as_ref())).collect();
    format!("[{}]", items.join(", "))
}

/// A text as a YAML scalar in double quotes.
pub fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        let code = u32::from(c);
        // Writing to a `String` cannot fail.
        let _ = match c {
            '"' | '\\' => write!(quoted, "\\{c}"),
            '\t' => write!(quoted, "\\t"),
            '\n' => write!(quoted, "\\n"),
            '\r' => write!(quoted, "\\r"),
            c if is_visible(c) => write!(quoted, "{c}"),
            _ if code > 0xffff => write!(quoted, "\\U{code:08X}"),
            _ => write!(quoted, "\\u{code:04X}"),
        };
    }
    quoted.push('"');
    quoted
}

fn is_bare(text: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && text.chars().all(letter)
        && !OTHER_WORDS
            .iter()
            .any(|word| word.eq_ignore_ascii_case(text))
        && !may_be_number(text)
}

/// Whether a parser of YAML may take it for a number or a date, such as `1_000`, `1.5e-3`, `0x1f` or `2026-01-31`.
fn may_be_number(text: &str) -> bool {
    if !text.starts_with(|c: char| c.is_ascii_digit()) {
        return false;
    }
    let digits = |text: &str| {
        let mut bytes = text.bytes();
        bytes.all(|b| b.is_ascii_digit() || matches!(b, b'_' | b'-' | b'.'))
    };
    let radix = ["0x", "0X", "0o", "0O", "0b", "0B"].iter().any(|radix| {
        let rest = text.strip_prefix(radix);
        rest.is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_hexdigit() || b == b'_'))
    });
    let exponent = text
        .split_once(['e', 'E'])
        .is_some_and(|(base, power)| digits(base) && digits(power));
    radix || exponent || digits(text)
}

/// A text as a part of a line for people: what is not visible is escaped, also the end of a line.
pub fn visible(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_visible) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::new();
    for c in text.chars() {
        if is_visible(c) {
            shown.push(c);
        } else {
            shown.extend(c.escape_default());
        }
    }
    Cow::Owned(shown)
}

/// Whether a character can be seen, and is nothing that a terminal or a reader of YAML takes for a command: no control, no change of the
/// direction of text, nothing invisible, and of the spaces only the usual one.
pub fn is_visible(c: char) -> bool {
    match c {
        ' '..='~' => true,
        c if c.is_ascii() => false,
        c => !INVISIBLE.iter().any(|range| range.contains(&c)),
    }
}

/// A character as a text of JSON escapes it: one escape for each of its UTF-16 units.
pub fn json_escape(c: char) -> String {
    let mut escaped = String::new();
    for unit in c.encode_utf16(&mut [0; 2]) {
        // Writing to a `String` cannot fail.
        let _ = write!(escaped, "\\u{unit:04x}");
    }
    escaped
}

#[cfg(test)]
mod tests;
