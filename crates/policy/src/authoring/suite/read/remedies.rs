//! The remedies that a case expects, with the names of the contract.

use std::collections::BTreeSet;

use super::values::{duration, instant, is_empty_list, optional};
use crate::{
    evidence::Scope,
    remedy::{NewSession, Remedy},
    yaml::{Decoder, Node, Reported, all},
};

/// Sets of remedies of which one is enough.
pub(super) fn read_alternatives(
    decoder: &mut Decoder<'_>,
    node: &Node,
) -> Result<Vec<Vec<Remedy>>, Reported> {
    if is_empty_list(node) {
        return Ok(Vec::new());
    }
    let items = decoder.list(node, "`alternatives`")?.iter();
    all(items.map(|item| read_remedies(decoder, item, "an item of `alternatives`")))
}

/// Remedies that are all needed; an empty list means that nothing helps.
pub(super) fn read_remedies(
    decoder: &mut Decoder<'_>,
    node: &Node,
    what: &str,
) -> Result<Vec<Remedy>, Reported> {
    if is_empty_list(node) {
        return Ok(Vec::new());
    }
    let items = decoder.list(node, what)?.iter();
    all(items.map(|item| read_remedy(decoder, item)))
}

fn read_remedy(decoder: &mut Decoder<'_>, node: &Node) -> Result<Remedy, Reported> {
    let mut fields = decoder.fields(node, "a remedy")?;
    let (reverify, authenticate) = (fields.take("reverify"), fields.take("authenticate"));
    let (grant, identify) = (fields.take("grant_scopes"), fields.take("identify"));
    let wait = fields.take("wait");
    fields.finish(decoder);
    match (reverify, authenticate, grant, identify, wait) {
        (Some(node), None, None, None, None) => read_reverify(decoder, node),
        (None, Some(node), None, None, None) => read_authenticate(decoder, node),
        (None, None, Some(node), None, None) => read_grant(decoder, node),
        (None, None, None, Some(node), None) => {
            decoder.fields(node, "`identify`")?.finish(decoder);
            Ok(Remedy::Identify)
        }
        (None, None, None, None, Some(node)) => read_wait(decoder, node),
        _ => {
            let message = "a remedy is one of `reverify`, `authenticate`, `grant_scopes`, `identify` and `wait`";
            let hint = "write one per item, such as `{ reverify: { max_age: 30d } }`";
            Err(decoder.error(node.position, message, Some(hint.to_owned())))
        }
    }
}

fn read_reverify(decoder: &mut Decoder<'_>, node: &Node) -> Result<Remedy, Reported> {
    let mut fields = decoder.fields(node, "`reverify`")?;
    let max_age = optional(fields.take("max_age"), None, |node| {
        duration(decoder, node, "`max_age`").map(Some)
    });
    fields.finish(decoder);
    Ok(Remedy::Reverify { max_age: max_age? })
}

fn read_grant(decoder: &mut Decoder<'_>, node: &Node) -> Result<Remedy, Reported> {
    let mut fields = decoder.fields(node, "`grant_scopes`")?;
    let scopes = fields
        .require("scopes", decoder)
        .and_then(|node| decoder.texts(node, "`scopes`"));
    fields.finish(decoder);
    let scopes = scopes?.into_iter().map(Scope::from);
    Ok(Remedy::GrantScopes(scopes.collect()))
}

fn read_wait(decoder: &mut Decoder<'_>, node: &Node) -> Result<Remedy, Reported> {
    let mut fields = decoder.fields(node, "`wait`")?;
    let until = fields
        .require("until", decoder)
        .and_then(|node| instant(decoder, node, "`until`"));
    fields.finish(decoder);
    Ok(Remedy::Wait(until?))
}

fn read_authenticate(decoder: &mut Decoder<'_>, node: &Node) -> Result<Remedy, Reported> {
    let mut fields = decoder.fields(node, "`authenticate`")?;
    let max_age = fields
        .require("max_age", decoder)
        .and_then(|node| duration(decoder, node, "`max_age`"));
    let acr_any = optional(fields.take("acr"), BTreeSet::new(), |node| {
        texts(decoder, node, "`acr`")
    });
    let group = optional(fields.take("amr"), None, |node| {
        texts(decoder, node, "`amr`").map(Some)
    });
    let groups = optional(fields.take("amr_all_of"), Vec::new(), |node| {
        let items = decoder.list(node, "`amr_all_of`")?.iter();
        all(items.map(|item| texts(decoder, item, "an item of `amr_all_of`")))
    });
    fields.finish(decoder);
    let (group, mut amr_all_of) = (group?, groups?);
    if group.is_some() && !amr_all_of.is_empty() {
        let message = "both `amr` and `amr_all_of`";
        let hint = "`amr: [hwk, face]` is one group; with several write `amr_all_of` alone";
        return Err(decoder.error(node.position, message, Some(hint.to_owned())));
    }
    amr_all_of.extend(group);
    Ok(Remedy::Authenticate(NewSession {
        max_age: max_age?,
        acr_any: acr_any?,
        amr_all_of,
    }))
}

fn texts(
    decoder: &mut Decoder<'_>,
    node: &Node,
    what: &str,
) -> Result<BTreeSet<Box<str>>, Reported> {
    let texts = decoder.texts(node, what)?;
    Ok(texts.into_iter().map(Into::into).collect())
}
