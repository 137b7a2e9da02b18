//! Identities that a policy lists, in place or in a file beside it.

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    limits::{EVIDENCE_TEXT_BYTES_MAX, IDENTITIES_MAX},
    parse::lists::{ListFile, ListTexts},
    rule::Identities,
    yaml::{Decoder, Node, NodeKind, Reported},
};

/// Identities in place, or in a file beside the policy: `{file: people.txt}`, one a line.
pub(super) fn identities(
    decoder: &mut Decoder<'_>,
    node: &Node,
    what: &str,
    lists: &ListTexts,
) -> Result<Identities, Reported> {
    let identities = if let NodeKind::Map(_) = &node.kind {
        in_file(decoder, node, what, lists)?
    } else {
        in_place(decoder, node, what)?
    };
    let mut sizes = identities.ids.iter().map(|id| id.len());
    let long = sizes.any(|bytes| bytes > EVIDENCE_TEXT_BYTES_MAX);
    let problem = if identities.ids.len() > IDENTITIES_MAX {
        format!("{what} lists more than {IDENTITIES_MAX} identities")
    } else if long {
        format!("{what} lists an identity longer than {EVIDENCE_TEXT_BYTES_MAX} bytes")
    } else {
        return Ok(identities);
    };
    Err(decoder.error(node.position, problem, None))
}

fn in_place(decoder: &mut Decoder<'_>, node: &Node, what: &str) -> Result<Identities, Reported> {
    let texts = decoder.texts(node, what)?;
    let ids: BTreeSet<Box<str>> = texts.into_iter().map(Into::into).collect();
    if let Some(odd) = ids.iter().find(|id| !is_one_identity(id)) {
        let message = format!("{what}: `{odd}` is not an identity");
        let hint = "without spaces and invisible characters, and not a comment".to_owned();
        return Err(decoder.error(node.position, message, Some(hint)));
    }
    Ok(Identities {
        file: None,
        ids: Arc::new(ids),
    })
}

fn in_file(
    decoder: &mut Decoder<'_>,
    node: &Node,
    what: &str,
    lists: &ListTexts,
) -> Result<Identities, Reported> {
    let mut fields = decoder.fields(node, what)?;
    let named = fields.require("file", decoder);
    fields.finish(decoder);
    let named = named?;
    let name = decoder.text(named, "`file`")?;
    let list = ListFile {
        policy_path: decoder.source().path.clone(),
        name: name.to_owned(),
    };
    let unread = "its text is not there";
    let text = lists
        .get(&list)
        .map_or(Err(unread), |text| text.as_deref().map_err(String::as_str));
    let problem = match text.map(ids_of) {
        Ok(Ok(ids)) if !ids.is_empty() => {
            return Ok(Identities {
                file: Some(name.into()),
                ids: Arc::new(ids),
            });
        }
        Ok(Ok(_)) => {
            let hint = "a block list that was emptied by mistake would let everybody in";
            (format!("the list `{name}` is empty"), Some(hint))
        }
        Ok(Err(line)) => {
            let hint = "one a line, without spaces, comments and invisible characters";
            let message = format!("`{name}`, line {line}: not one identity");
            (message, Some(hint))
        }
        Err(why) => (format!("the list `{name}` cannot be read: {why}"), None),
    };
    let (message, hint) = problem;
    Err(decoder.error(named.position, message, hint.map(str::to_owned)))
}

/// The identities of a list, one a line; or the number of the first line that is not one.
fn ids_of(text: &str) -> Result<BTreeSet<Box<str>>, usize> {
    let lines = text.lines().map(str::trim).zip(1..);
    let filled = lines.filter(|(line, _)| !line.is_empty());
    let id = |(line, number): (&str, usize)| {
        if is_one_identity(line) {
            Ok(line.into())
        } else {
            Err(number)
        }
    };
    filled.map(id).collect()
}

/// Whether the text is one identity, and looks like it. A comment, a space or an invisible character, such as the byte order
/// mark that some editors write, would take an identity off a block list unnoticed. So an identity is made of letters and
/// digits of any script, and of the printable characters of ASCII.
fn is_one_identity(text: &str) -> bool {
    // These are letters, and invisible.
    let filler = |c| matches!(c, '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}');
    let seen = |c: char| c.is_ascii_graphic() || (c.is_alphanumeric() && !filler(c));
    !text.starts_with('#') && text.chars().all(seen)
}
