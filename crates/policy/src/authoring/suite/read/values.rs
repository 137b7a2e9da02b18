//! Values of a case file. Where a function returns `None`, it has reported the problem.

use crate::{
    time::{Timestamp, parse_instant},
    yaml::{Node, NodeKind, Reader},
};

/// The value of a key, or `absent` where the key is left out.
pub(super) fn optional<'n, T>(
    node: Option<&'n Node>,
    absent: T,
    read: impl FnOnce(&'n Node) -> Option<T>,
) -> Option<T> {
    node.map_or(Some(absent), read)
}

/// The node, unless it is `null`: in a case, as in what the upstream sends, that is as if the key were left out.
pub(super) fn unless_null(node: Option<&Node>) -> Option<&Node> {
    node.filter(|node| !matches!(node.kind, NodeKind::Null))
}

/// An instant.
pub(super) fn instant(reader: &mut Reader<'_>, node: &Node, what: &str) -> Option<Timestamp> {
    let text = reader.text(node, what)?;
    let instant = parse_instant(text);
    if instant.is_none() {
        let hint = "an instant is written as RFC 3339 does, such as `2026-01-31T00:00:00Z`";
        let message = format!("{what}: `{text}` is not an instant");
        reader.error(node.place, message, Some(hint.to_owned()));
    }
    instant
}

/// A text that may be empty, as it may come from the upstream or a caller.
pub(super) fn any_text<'n>(reader: &mut Reader<'_>, node: &'n Node, what: &str) -> Option<&'n str> {
    match &node.kind {
        NodeKind::Text(text) => Some(text),
        NodeKind::Null | NodeKind::List(_) | NodeKind::Map(_) => reader.text(node, what),
    }
}

/// Texts of a list. The texts may be empty, and so may the list.
pub(super) fn any_texts<'n>(
    reader: &mut Reader<'_>,
    node: &'n Node,
    what: &str,
) -> Option<Vec<&'n str>> {
    if is_empty_list(node) {
        return Some(Vec::new());
    }
    let items = reader.list(node, what)?;
    let texts: Vec<&str> = items
        .iter()
        .filter_map(|item| any_text(reader, item, &format!("an item of {what}")))
        .collect();
    (texts.len() == items.len()).then_some(texts)
}

pub(super) fn is_empty_list(node: &Node) -> bool {
    matches!(&node.kind, NodeKind::List(items) if items.is_empty())
}
