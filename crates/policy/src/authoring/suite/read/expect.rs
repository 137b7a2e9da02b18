//! What a case expects.

use super::{
    super::case::{EvidenceUse, Expect, NextChange, ValidUntil},
    remedies::{read_alternatives, read_remedies},
    values::{instant, is_empty_list, optional},
};
use crate::{
    effect::{Change, Effect},
    reason::ReasonCode,
    yaml::{Decoder, Node, NodeKind, Reported, all, did_you_mean},
};

const EFFECTS: [(&str, Effect); 3] = [
    ("allow", Effect::Allow),
    ("step_up", Effect::StepUp),
    ("deny", Effect::Deny),
];

/// The expectations of an `expect`.
pub(super) fn read_expect(decoder: &mut Decoder<'_>, node: &Node) -> Result<Expect, Reported> {
    let mut fields = decoder.fields(node, "`expect`")?;
    let effect = optional(fields.take("decision"), None, |node| {
        decoder.word(node, "`decision`", &EFFECTS).map(Some)
    });
    let reasons = optional(fields.take("reasons"), None, |node| {
        read_reasons(decoder, node).map(Some)
    });
    let next_change = optional(fields.take("next_change"), None, |node| {
        read_change(decoder, node).map(Some)
    });
    let valid_until = optional(fields.take("valid_until"), None, |node| {
        read_valid_until(decoder, node).map(Some)
    });
    let remedies = optional(fields.take("remedies"), None, |node| {
        read_remedies(decoder, node, "`remedies`").map(Some)
    });
    let alternatives = optional(fields.take("alternatives"), None, |node| {
        read_alternatives(decoder, node).map(Some)
    });
    let uses = EvidenceUse::ALL.map(|used| (used.as_str(), used));
    let evidence = optional(fields.take("evidence"), None, |node| {
        decoder.word(node, "`evidence`", &uses).map(Some)
    });
    fields.finish(decoder);
    Ok(Expect {
        effect: effect?,
        reasons: reasons?,
        next_change: next_change?,
        valid_until: valid_until?,
        remedies: remedies?,
        alternatives: alternatives?,
        evidence: evidence?,
    })
}

/// `none`, or an instant.
fn read_valid_until(decoder: &mut Decoder<'_>, node: &Node) -> Result<ValidUntil, Reported> {
    match &node.kind {
        NodeKind::Text(text) if text == "none" => Ok(ValidUntil::None),
        _ => instant(decoder, node, "`valid_until`").map(ValidUntil::Until),
    }
}

fn read_reasons(decoder: &mut Decoder<'_>, node: &Node) -> Result<Vec<ReasonCode>, Reported> {
    if is_empty_list(node) {
        return Ok(Vec::new());
    }
    let items = decoder.list(node, "`reasons`")?.iter();
    all(items.map(|item| read_reason(decoder, item)))
}

fn read_reason(decoder: &mut Decoder<'_>, node: &Node) -> Result<ReasonCode, Reported> {
    let text = decoder.text(node, "a reason")?;
    let mut codes = ReasonCode::ALL.into_iter();
    let code = codes.find(|code| code.as_str() == text);
    code.ok_or_else(|| {
        let names = ReasonCode::ALL.map(ReasonCode::as_str);
        let hint = did_you_mean(text, names.into_iter())
            .unwrap_or_else(|| format!("one of: {}", names.join(", ")));
        let message = format!("there is no reason `{text}`");
        decoder.error(node.position, message, Some(hint))
    })
}

fn read_change(decoder: &mut Decoder<'_>, node: &Node) -> Result<NextChange, Reported> {
    if let NodeKind::Text(text) = &node.kind {
        if text == "never" {
            return Ok(NextChange::Never);
        }
        let hint = "write `never`, or such as `{ at: 2026-04-01T00:00:00Z, to: deny }`";
        let message = format!("`next_change`: `{text}` is no change");
        return Err(decoder.error(node.position, message, Some(hint.to_owned())));
    }
    let mut fields = decoder.fields(node, "`next_change`")?;
    let at = fields
        .require("at", decoder)
        .and_then(|node| instant(decoder, node, "`at`"));
    let to = fields
        .require("to", decoder)
        .and_then(|node| decoder.word(node, "`to`", &EFFECTS));
    fields.finish(decoder);
    Ok(NextChange::Change(Change { at: at?, to: to? }))
}
