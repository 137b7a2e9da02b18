//! Identities that a policy lists, in place or in a file beside it.

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    identity::{UUID_HINT, listed},
    limits::IDENTITIES_MAX,
    parse::{
        list_texts::{ReadList, ReadLists},
        lists::ListFile,
    },
    rule::Identities,
    yaml::{Decoder, Node, NodeKind, Reported, all},
};

/// Identities in place, or in a file beside the policy: `{file: people.txt}`, one a line.
pub(super) fn identities(
    decoder: &mut Decoder<'_>,
    node: &Node,
    what: &str,
    lists: &ReadLists,
) -> Result<Identities, Reported> {
    if let NodeKind::Map(_) = &node.kind {
        in_file(decoder, node, what, lists)
    } else {
        in_place(decoder, node, what)
    }
}

fn in_place(decoder: &mut Decoder<'_>, node: &Node, what: &str) -> Result<Identities, Reported> {
    let items = decoder.list(node, what)?.iter();
    let ids = all(items.map(|item| {
        let text = decoder.text(item, &format!("an item of {what}"))?;
        listed(text).map_err(|error| {
            let message = format!("{what}: not an identity: {error}");
            let hint = if error.is_uuid_form() {
                UUID_HINT
            } else {
                "each item is one identity: letters, digits and signs, without blanks, commas, quotation marks and brackets"
            };
            decoder.error(item.position, message, Some(hint.to_owned()))
        })
    }))?;
    let ids: BTreeSet<Box<str>> = ids.iter().map(|id| id.as_str().into()).collect();
    if ids.len() > IDENTITIES_MAX {
        let message = format!("{what} lists more than {IDENTITIES_MAX} identities");
        return Err(decoder.error(node.position, message, None));
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
    lists: &ReadLists,
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
    let mut unread = |why: &str| {
        let message = format!("the list `{name}` cannot be read: {why}");
        decoder.error(named.position, message, None)
    };
    match lists.find(&list) {
        Some(ReadList::Ids(ids)) => Ok(Identities {
            file: Some(name.into()),
            ids: Arc::clone(ids),
        }),
        Some(ReadList::Wrong(reported)) => Err(*reported),
        Some(ReadList::Unread(list)) => Err(*list.reported.get_or_init(|| unread(&list.why))),
        None => Err(unread("its text was not given")),
    }
}
