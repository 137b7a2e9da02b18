//! What the caller says about the situation: an attribute of the request, and how the session was authenticated.

use std::collections::BTreeSet;

use crate::{
    rule::{Authenticated, Requirement},
    yaml::{Decoder, Node, Reported},
};

pub(super) fn attribute(
    decoder: &mut Decoder<'_>,
    node: &Node,
    what: &str,
) -> Result<Requirement, Reported> {
    let mut fields = decoder.fields(node, what)?;
    let name = fields
        .require("name", decoder)
        .and_then(|node| decoder.text(node, "`name`"));
    let values = fields
        .require("in", decoder)
        .and_then(|node| decoder.texts(node, "`in`"));
    fields.finish(decoder);
    let (name, values) = (name?, values?);
    let values = values.into_iter().map(Into::into);
    Ok(Requirement::Attribute(name.into(), values.collect()))
}

pub(super) fn authenticated(
    decoder: &mut Decoder<'_>,
    node: &Node,
    what: &str,
) -> Result<Requirement, Reported> {
    let mut fields = decoder.fields(node, what)?;
    let within = fields
        .require("within", decoder)
        .and_then(|node| decoder.duration(node, "`within`"));
    let mut any = |key: &'static str| -> Result<BTreeSet<Box<str>>, Reported> {
        let texts = match fields.take(key) {
            Some(node) => decoder.texts(node, &format!("`{key}`"))?,
            None => Vec::new(),
        };
        Ok(texts.into_iter().map(Into::into).collect())
    };
    let (amr_any, acr_any) = (any("amr_any"), any("acr_any"));
    fields.finish(decoder);
    Ok(Requirement::Authenticated(Authenticated {
        within: within?,
        amr_any: amr_any?,
        acr_any: acr_any?,
    }))
}
