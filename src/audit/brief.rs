//! What the line of a decision says that people and other systems look for first.

use serde_json::Value;

use crate::policy::Effect;

/// A line, by some of its members.
#[derive(Debug, Clone, Copy)]
pub struct Brief<'l> {
    line: &'l Value,
}

impl<'l> Brief<'l> {
    /// That of this line.
    pub fn of(line: &'l Value) -> Self {
        Self { line }
    }

    /// A member that is a text; empty if there is none.
    pub fn text(&self, name: &str) -> &'l str {
        self.line.get(name).and_then(Value::as_str).unwrap_or("")
    }

    /// The decision; `None` if it is none of the three.
    pub fn effect(&self) -> Option<Effect> {
        let decision = self.text("decision");
        Effect::ALL
            .into_iter()
            .find(|effect| effect.as_str() == decision)
    }

    /// The codes of the reasons.
    pub fn reasons(&self) -> Vec<&'l str> {
        let reasons = self.line.get("reasons").and_then(Value::as_array);
        let codes = reasons.into_iter().flatten();
        codes
            .filter_map(|reason| reason.get("code")?.as_str())
            .collect()
    }

    /// Its place in the journal, as text; empty in a line of the first format.
    pub fn index(&self) -> String {
        let index = self.line.get("index").and_then(Value::as_u64);
        index.map_or_else(String::new, |index| index.to_string())
    }

    /// The name of the event, for a line that is no decision.
    pub fn event(&self) -> Option<&'l str> {
        if self.line.get("decision").is_some() {
            return None;
        }
        self.line.get("event").and_then(Value::as_str)
    }
}
