//! What a case expects.

use super::{
    super::case::{Expect, NextChange},
    values::{instant, is_empty_list, optional},
};
use crate::{
    effect::{Change, Effect},
    reason::ReasonCode,
    yaml::{Node, NodeKind, Reader, did_you_mean},
};

const EFFECTS: [(&str, Effect); 3] = [
    ("allow", Effect::Allow),
    ("step_up", Effect::StepUp),
    ("deny", Effect::Deny),
];

/// The expectations of an `expect`.
pub(super) fn read_expect(reader: &mut Reader<'_>, node: &Node) -> Option<Expect> {
    let mut fields = reader.fields(node, "`expect`")?;
    let effect = optional(fields.take("decision"), None, |node| {
        reader.word(node, "`decision`", &EFFECTS).map(Some)
    });
    let reasons = optional(fields.take("reasons"), None, |node| {
        read_reasons(reader, node).map(Some)
    });
    let next_change = optional(fields.take("next_change"), None, |node| {
        read_change(reader, node).map(Some)
    });
    fields.finish(reader);
    Some(Expect {
        effect: effect?,
        reasons: reasons?,
        next_change: next_change?,
    })
}

fn read_reasons(reader: &mut Reader<'_>, node: &Node) -> Option<Vec<ReasonCode>> {
    if is_empty_list(node) {
        return Some(Vec::new());
    }
    let items = reader.list(node, "`reasons`")?;
    let codes: Vec<ReasonCode> = items
        .iter()
        .filter_map(|item| read_reason(reader, item))
        .collect();
    (codes.len() == items.len()).then_some(codes)
}

fn read_reason(reader: &mut Reader<'_>, node: &Node) -> Option<ReasonCode> {
    let text = reader.text(node, "a reason")?;
    let mut codes = ReasonCode::ALL.into_iter();
    let code = codes.find(|code| code.as_str() == text);
    if code.is_none() {
        let names = ReasonCode::ALL.map(ReasonCode::as_str);
        let hint = did_you_mean(text, names.into_iter())
            .unwrap_or_else(|| format!("one of: {}", names.join(", ")));
        let message = format!("there is no reason `{text}`");
        reader.error(node.place, message, Some(hint));
    }
    code
}

fn read_change(reader: &mut Reader<'_>, node: &Node) -> Option<NextChange> {
    if let NodeKind::Text(text) = &node.kind {
        if text == "never" {
            return Some(NextChange::Never);
        }
        let hint = "write `never`, or such as `{ at: 2026-04-01T00:00:00Z, to: deny }`";
        let message = format!("`next_change`: `{text}` is no change");
        reader.error(node.place, message, Some(hint.to_owned()));
        return None;
    }
    let mut fields = reader.fields(node, "`next_change`")?;
    let at = fields
        .require("at", reader)
        .and_then(|node| instant(reader, node, "`at`"));
    let to = fields
        .require("to", reader)
        .and_then(|node| reader.word(node, "`to`", &EFFECTS));
    fields.finish(reader);
    Some(NextChange::Change(Change { at: at?, to: to? }))
}
