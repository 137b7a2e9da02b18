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
    yaml::{Decoder, Node, NodeKind, ProblemCode, Reported, all},
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
            decoder.refuse(ProblemCode::InvalidValue, item.position, message, hint)
        })
    }))?;
    let ids: BTreeSet<Box<str>> = ids.iter().map(|id| id.as_str().into()).collect();
    if ids.len() > IDENTITIES_MAX {
        let message = format!("{what} lists more than {IDENTITIES_MAX} identities");
        let hint = "a policy may name several lists, each in a rule of its own or in an `any_of`";
        return Err(decoder.refuse(ProblemCode::TooMany, node.position, message, hint));
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
        let hint = "the path is relative to the policy file; the file must be there, be a text of UTF-8, and be readable to the service";
        decoder.refuse(ProblemCode::UnreadableFile, named.position, message, hint)
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
