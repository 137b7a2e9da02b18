//! The request of a case: what the caller says about the situation.

use std::collections::BTreeMap;

use super::values::{any_text, any_texts, moment, optional, unless_null};
use crate::{
    request::{Authentication, ClaimedIdentity},
    time::Timestamp,
    yaml::{Decoder, Node, Reported, all},
};

/// What a request says besides the policy and the verification.
#[derive(Default)]
pub(super) struct RequestFacts {
    pub(super) identity: ClaimedIdentity,
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) authentication: Option<Authentication>,
}

/// The facts of a `request` at this instant.
pub(super) fn read_request(
    decoder: &mut Decoder<'_>,
    node: &Node,
    now: Timestamp,
) -> Result<RequestFacts, Reported> {
    let mut fields = decoder.fields(node, "`request`")?;
    let identity = optional(unless_null(fields.take("identity_id")), "", |node| {
        any_text(decoder, node, "`identity_id`")
    });
    let attributes = unless_null(fields.take("attributes"));
    let attributes = optional(attributes, BTreeMap::new(), |node| {
        read_attributes(decoder, node)
    });
    let authentication = unless_null(fields.take("authentication"));
    let authentication = optional(authentication, None, |node| {
        read_authentication(decoder, node, now).map(Some)
    });
    fields.finish(decoder);
    Ok(RequestFacts {
        identity: ClaimedIdentity::parse(identity?),
        attributes: attributes?,
        authentication: authentication?,
    })
}

fn read_attributes(
    decoder: &mut Decoder<'_>,
    node: &Node,
) -> Result<BTreeMap<String, String>, Reported> {
    let fields = decoder.fields(node, "`attributes`")?;
    let attributes = fields.others().map(|(key, node)| {
        let value = any_text(decoder, node, &format!("the attribute `{}`", key.name))?;
        Ok((key.name.clone(), value.to_owned()))
    });
    Ok(all(attributes)?.into_iter().collect())
}

fn read_authentication(
    decoder: &mut Decoder<'_>,
    node: &Node,
    now: Timestamp,
) -> Result<Authentication, Reported> {
    let mut fields = decoder.fields(node, "`authentication`")?;
    let acr = optional(unless_null(fields.take("acr")), "", |node| {
        any_text(decoder, node, "`acr`")
    });
    let amr = optional(unless_null(fields.take("amr")), Vec::new(), |node| {
        any_texts(decoder, node, "`amr`")
    });
    let auth_time = moment(decoder, &mut fields, ["auth_time", "auth_ago"], now);
    fields.finish(decoder);
    Ok(Authentication {
        acr: acr?.to_owned(),
        amr: amr?.into_iter().map(str::to_owned).collect(),
        auth_time: auth_time?,
    })
}
