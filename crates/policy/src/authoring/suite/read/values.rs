//! Values of a case file.

use std::time::Duration;

use crate::{
    time::{Timestamp, before, parse_duration, parse_instant},
    yaml::{Decoder, Fields, Node, NodeKind, Reported, all},
};

/// The value of a key, or `absent` where the key is left out.
pub(super) fn optional<'n, T>(
    node: Option<&'n Node>,
    absent: T,
    read: impl FnOnce(&'n Node) -> Result<T, Reported>,
) -> Result<T, Reported> {
    node.map_or(Ok(absent), read)
}

/// The node, unless it is `null`: in a case, as in what the upstream sends, that is as if the key were left out.
pub(super) fn unless_null(node: Option<&Node>) -> Option<&Node> {
    node.filter(|node| !matches!(node.kind, NodeKind::Null))
}

/// An instant.
pub(super) fn instant(
    decoder: &mut Decoder<'_>,
    node: &Node,
    what: &str,
) -> Result<Timestamp, Reported> {
    let text = decoder.text(node, what)?;
    parse_instant(text).ok_or_else(|| {
        let hint = "an instant is written as RFC 3339 does, such as `2026-01-31T00:00:00Z`";
        let message = format!("{what}: `{text}` is not an instant");
        decoder.error(node.position, message, Some(hint.to_owned()))
    })
}

/// An instant that is given by the first key, or by the second as a time before the check; `None` if neither is given.
pub(super) fn moment(
    decoder: &mut Decoder<'_>,
    fields: &mut Fields<'_>,
    [at, ago]: [&'static str; 2],
    now: Timestamp,
) -> Result<Option<Timestamp>, Reported> {
    let (by_instant, by_age) = (unless_null(fields.take(at)), unless_null(fields.take(ago)));
    match (by_instant, by_age) {
        (None, None) => Ok(None),
        (Some(node), None) => instant(decoder, node, &format!("`{at}`")).map(Some),
        (None, Some(node)) => {
            let age = duration(decoder, node, &format!("`{ago}`"))?;
            Ok(Some(before(now, age)))
        }
        (Some(_), Some(node)) => {
            let message = format!("both `{at}` and `{ago}`");
            let hint = "write one of the two".to_owned();
            Err(decoder.error(node.position, message, Some(hint)))
        }
    }
}

/// A duration.
pub(super) fn duration(
    decoder: &mut Decoder<'_>,
    node: &Node,
    what: &str,
) -> Result<Duration, Reported> {
    let text = decoder.text(node, what)?;
    parse_duration(text).map_err(|_| {
        let hint = "a duration is a sum such as `30d`, `90s` or `1d12h`";
        let message = format!("{what}: `{text}` is not a duration");
        decoder.error(node.position, message, Some(hint.to_owned()))
    })
}

/// A text that may be empty, as it may come from the upstream or a caller.
pub(super) fn any_text<'n>(
    decoder: &mut Decoder<'_>,
    node: &'n Node,
    what: &str,
) -> Result<&'n str, Reported> {
    match &node.kind {
        NodeKind::Text(text) => Ok(text),
        NodeKind::Null | NodeKind::List(_) | NodeKind::Map(_) => decoder.text(node, what),
    }
}

/// Texts of a list. The texts may be empty, and so may the list.
pub(super) fn any_texts<'n>(
    decoder: &mut Decoder<'_>,
    node: &'n Node,
    what: &str,
) -> Result<Vec<&'n str>, Reported> {
    if is_empty_list(node) {
        return Ok(Vec::new());
    }
    let items = decoder.list(node, what)?.iter();
    all(items.map(|item| any_text(decoder, item, &format!("an item of {what}"))))
}

pub(super) fn is_empty_list(node: &Node) -> bool {
    matches!(&node.kind, NodeKind::List(items) if items.is_empty())
}
