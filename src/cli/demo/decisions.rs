//! The journal of the demo on a terminal: one short line for each decision, made from the journal's line of JSON.

use std::io::{self, Write};

use serde_json::Value;

use crate::{
    cli::screen::{Screen, Style, Text},
    journal::Output,
};

/// The widths of the columns of the policy and of the verification.
const NAME_WIDTH: usize = 13;

/// An output of the journal that shows its lines in short.
#[derive(Debug)]
pub(super) struct ShortLines<W> {
    output: W,
    screen: Screen,
    /// The beginning of a line whose end has not been received.
    unfinished: Vec<u8>,
}

impl<W> ShortLines<W> {
    /// Shows lines on this output with this look.
    pub(super) fn new(output: W, screen: Screen) -> Self {
        Self {
            output,
            screen,
            unfinished: Vec::new(),
        }
    }
}

impl<W: Write + Send> Output for ShortLines<W> {}

impl<W: Write> Write for ShortLines<W> {
    /// Takes up to the end of one line. If the line cannot be written, nothing of it is taken, and the caller writes it again.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
            self.unfinished.extend_from_slice(bytes);
            return Ok(bytes.len());
        };
        let (line, _) = bytes.split_at_checked(end).unwrap_or((bytes, &[]));
        let whole = [self.unfinished.as_slice(), line].concat();
        let shown = short(&whole, self.screen);
        self.output.write_all(format!("{shown}\n").as_bytes())?;
        self.unfinished.clear();
        Ok(end.saturating_add(1))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

/// A line of the journal in short, or unchanged if it has another form.
fn short(line: &[u8], screen: Screen) -> String {
    let text = serde_json::from_slice::<Value>(line)
        .ok()
        .and_then(|line| in_short(&line))
        .unwrap_or_else(|| Text::from(String::from_utf8_lossy(line)));
    screen.wrapped(0, 2, &text)
}

fn in_short(line: &Value) -> Option<Text> {
    let text = |key: &str| line.get(key).and_then(Value::as_str);
    // The time of day is the 8 characters after the date.
    let time = text("at")?.get(11..19)?;
    let style = match text("decision")? {
        "allow" => Style::Allow,
        "step_up" => Style::StepUp,
        _ => Style::Deny,
    };
    let decision = text("decision")?.to_ascii_uppercase();
    let (policy, verification) = (text("policy")?, text("verification_id")?);
    let reasons = line.get("reasons")?.as_array()?.iter().map(|reason| {
        let part = |key: &str| reason.get(key).and_then(Value::as_str).unwrap_or_default();
        match (part("code"), part("rule")) {
            (code, "") => code.to_owned(),
            (code, rule) => format!("{code} ({rule})"),
        }
    });
    let mut why: Vec<String> = reasons.collect();
    if line.get("degraded") == Some(&Value::Bool(true)) {
        why.push("degraded".to_owned());
    }
    let columns = Style::Dim
        .of(time)
        .and("  ")
        .and(style.of(decision).padded(8));
    let columns = columns.and(" ").and(Text::from(policy).padded(NAME_WIDTH));
    let columns = columns
        .and(" ")
        .and(Text::from(verification).padded(NAME_WIDTH));
    Some(columns.and(" ").and(why.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"at":"2026-01-31T12:00:01.250Z","policy":"front-door","verification_id":"ada-old","decision":"step_up","reasons":[{"code":"VERIFICATION_TOO_OLD","rule":"verified_within: 30d"}],"degraded":false}"#;
    const SHORT: &str = "12:00:01  STEP_UP  front-door    ada-old       VERIFICATION_TOO_OLD (verified_within: 30d)\n";

    #[test]
    fn a_decision_is_one_short_line_however_its_line_arrives() {
        let mut shown = ShortLines::new(Vec::new(), Screen::RAW);
        let two = format!("{LINE}\n{LINE}\n");
        for part in two.as_bytes().chunks(7) {
            shown.write_all(part).unwrap();
        }
        assert_eq!(String::from_utf8(shown.output).unwrap(), SHORT.repeat(2));
    }

    #[test]
    fn a_line_of_another_form_is_shown_as_it_is_and_harmless() {
        for (other, kept) in [
            ("{\"event\":\"x\"}", "event"),
            ("no JSON \u{1b}[2J", "no JSON"),
        ] {
            let mut shown = ShortLines::new(Vec::new(), Screen::RAW);
            shown.write_all(format!("{other}\n").as_bytes()).unwrap();
            let shown = String::from_utf8(shown.output).unwrap();
            assert!(
                shown.contains(kept) && !shown.contains('\u{1b}'),
                "{shown:?}"
            );
        }
    }

    /// Fails at first.
    struct Full(bool, Vec<u8>);

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if std::mem::take(&mut self.0) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.1.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_that_cannot_be_shown_comes_again() {
        let mut shown = ShortLines::new(Full(true, Vec::new()), Screen::RAW);
        let line = format!("{LINE}\n");
        let (first, rest) = line.as_bytes().split_at(9);
        shown.write_all(first).unwrap();
        assert!(shown.write(rest).is_err());
        shown.write_all(rest).unwrap();
        assert_eq!(String::from_utf8(shown.output.1).unwrap(), SHORT);
    }
}
