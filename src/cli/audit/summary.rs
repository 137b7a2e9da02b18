//! What a line of the journal says, in short.

use serde_json::Value;

use crate::{
    audit::Record,
    cli::screen::{Style, Text, effect},
    policy::Effect,
};

/// What a decision's line says that people look for first.
#[derive(Debug)]
pub(super) struct Summary<'l> {
    line: &'l Value,
}

impl<'l> Summary<'l> {
    pub(super) fn of(line: &'l Value) -> Self {
        Self { line }
    }

    /// A member that is a text; empty if there is none.
    pub(super) fn text(&self, name: &str) -> &'l str {
        self.line.get(name).and_then(Value::as_str).unwrap_or("")
    }

    /// The decision; `None` if it is none of the three.
    pub(super) fn effect(&self) -> Option<Effect> {
        let decision = self.text("decision");
        Effect::ALL
            .into_iter()
            .find(|effect| effect.as_str() == decision)
    }

    /// The codes of the reasons.
    pub(super) fn reasons(&self) -> Vec<&'l str> {
        let reasons = self.line.get("reasons").and_then(Value::as_array);
        let codes = reasons.into_iter().flatten();
        codes
            .filter_map(|reason| reason.get("code")?.as_str())
            .collect()
    }

    /// The decision as it is shown.
    pub(super) fn outcome(&self) -> Text {
        self.effect()
            .map_or_else(|| Text::from(self.text("decision")), effect)
    }

    /// All of it in one line.
    pub(super) fn line(&self) -> Text {
        let id = self.text("decision_id");
        let mut line = Text::from(self.text("at"))
            .and("  ")
            .and(self.outcome().padded(8));
        for name in ["policy", "verification_id", "caller"] {
            line = line.and(" ").and(self.text(name));
        }
        let reasons = self.reasons().join(", ");
        if !reasons.is_empty() {
            line = line.and(format_args!(" ({reasons})").to_string());
        }
        line.and(" ").and(Style::Dim.of(id))
    }
}

/// The line of a record as it is in the journal, with its newline.
pub(super) fn text(record: &Record) -> String {
    let text = String::from_utf8_lossy(&record.raw.bytes);
    format!("{}\n", text.trim_end_matches('\n'))
}
