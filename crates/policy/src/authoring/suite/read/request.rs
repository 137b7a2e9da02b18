//! The request of a case: what the caller says about the situation.

use std::collections::BTreeMap;

use super::values::{any_text, any_texts, instant, optional, unless_null};
use crate::{
    request::Authentication,
    yaml::{Node, Reader},
};

/// What a request says besides the policy and the verification.
#[derive(Default)]
pub(super) struct RequestFacts {
    pub(super) identity: Option<Box<str>>,
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) authentication: Option<Authentication>,
}

/// The facts of a `request`.
pub(super) fn read_request(reader: &mut Reader<'_>, node: &Node) -> Option<RequestFacts> {
    let mut fields = reader.fields(node, "`request`")?;
    let identity = optional(unless_null(fields.take("identity_id")), "", |node| {
        any_text(reader, node, "`identity_id`")
    });
    let attributes = unless_null(fields.take("attributes"));
    let attributes = optional(attributes, BTreeMap::new(), |node| {
        read_attributes(reader, node)
    });
    let authentication = unless_null(fields.take("authentication"));
    let authentication = optional(authentication, None, |node| {
        read_authentication(reader, node).map(Some)
    });
    fields.finish(reader);
    let identity = identity?;
    Some(RequestFacts {
        // As in a request of a caller: an empty identity is none.
        identity: (!identity.is_empty()).then(|| identity.into()),
        attributes: attributes?,
        authentication: authentication?,
    })
}

fn read_attributes(reader: &mut Reader<'_>, node: &Node) -> Option<BTreeMap<String, String>> {
    let fields = reader.fields(node, "`attributes`")?;
    let (mut attributes, mut all) = (BTreeMap::new(), true);
    for (key, node) in fields.others() {
        match any_text(reader, node, &format!("the attribute `{}`", key.name)) {
            Some(value) => drop(attributes.insert(key.name.clone(), value.to_owned())),
            None => all = false,
        }
    }
    all.then_some(attributes)
}

fn read_authentication(reader: &mut Reader<'_>, node: &Node) -> Option<Authentication> {
    let mut fields = reader.fields(node, "`authentication`")?;
    let acr = optional(unless_null(fields.take("acr")), "", |node| {
        any_text(reader, node, "`acr`")
    });
    let amr = optional(unless_null(fields.take("amr")), Vec::new(), |node| {
        any_texts(reader, node, "`amr`")
    });
    let auth_time = optional(unless_null(fields.take("auth_time")), None, |node| {
        instant(reader, node, "`auth_time`").map(Some)
    });
    fields.finish(reader);
    Some(Authentication {
        acr: acr?.to_owned(),
        amr: amr?.into_iter().map(str::to_owned).collect(),
        auth_time: auth_time?,
    })
}
