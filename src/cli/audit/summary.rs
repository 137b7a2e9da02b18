//! What a line of the journal says, in short.

use serde_json::Value;

use crate::{
    audit::{Brief, Record},
    cli::screen::{Style, Text, effect},
    policy::Effect,
};

/// What a decision's line says that people look for first, as it is shown.
#[derive(Debug)]
pub(super) struct Summary<'l> {
    brief: Brief<'l>,
}

impl<'l> Summary<'l> {
    pub(super) fn of(line: &'l Value) -> Self {
        let brief = Brief::of(line);
        Self { brief }
    }

    /// A member that is a text; empty if there is none.
    pub(super) fn text(&self, name: &str) -> &'l str {
        self.brief.text(name)
    }

    /// The decision; `None` if it is none of the three.
    pub(super) fn effect(&self) -> Option<Effect> {
        self.brief.effect()
    }

    /// The codes of the reasons.
    pub(super) fn reasons(&self) -> Vec<&'l str> {
        self.brief.reasons()
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
