//! What the caller says about the situation: an attribute of the request, and how the session was authenticated.

use std::collections::BTreeSet;

use crate::{
    rule::{AttributeNotIn, Authenticated, IfAbsent, Requirement},
    yaml::{Decoder, Node, ProblemCode, Reported},
};

const IF_ABSENT: [(&str, IfAbsent); 2] = [("holds", IfAbsent::Holds), ("fails", IfAbsent::Fails)];

/// What people write for the two words.
const OTHER_IF_ABSENT: [(&str, &str); 8] = [
    ("true", MEANS_HOLDS),
    ("allow", MEANS_HOLDS),
    ("pass", MEANS_HOLDS),
    ("ok", MEANS_HOLDS),
    ("false", MEANS_FAILS),
    ("deny", MEANS_FAILS),
    ("fail", MEANS_FAILS),
    ("error", MEANS_FAILS),
];
const MEANS_HOLDS: &str = "did you mean `holds`?";
const MEANS_FAILS: &str = "did you mean `fails`?";

pub(super) fn attribute(
    decoder: &mut Decoder<'_>,
    node: &Node,
    what: &str,
) -> Result<Requirement, Reported> {
    let mut fields = decoder.fields(node, what)?;
    let name = fields
        .require("name", decoder)
        .and_then(|node| decoder.text(node, "`name`"));
    let accepted = fields.take("in");
    let refused = fields.take("not_in");
    let if_absent = fields.take("if_absent");
    fields.finish(decoder);
    match (accepted, refused) {
        (Some(_), Some(refused)) => {
            let hint = "write two rules: one with `in`, the other with `not_in`";
            let message = format!("{what} has both `in` and `not_in`");
            Err(decoder.refuse(ProblemCode::InvalidValue, refused.position, message, hint))
        }
        (None, None) => {
            let hint = "write `in: [...]` or `not_in: [...]`";
            let message = format!("{what} has neither `in` nor `not_in`");
            Err(decoder.refuse(ProblemCode::MissingKey, node.position, message, hint))
        }
        (Some(accepted), None) => {
            let values = set(decoder.texts(accepted, "`in`"));
            if let Some(if_absent) = if_absent {
                let hint =
                    "take it out: with `in`, a request without the attribute is never accepted";
                let message = "`if_absent` beside `in`";
                return Err(decoder.refuse(
                    ProblemCode::InvalidValue,
                    if_absent.position,
                    message,
                    hint,
                ));
            }
            Ok(Requirement::Attribute(name?.into(), values?))
        }
        (None, Some(refused)) => {
            let values = set(decoder.texts(refused, "`not_in`"));
            let if_absent = match if_absent {
                Some(node) => decoder.word_or(node, "`if_absent`", &IF_ABSENT, &OTHER_IF_ABSENT),
                None => Ok(IfAbsent::Fails),
            };
            Ok(Requirement::AttributeNotIn(AttributeNotIn {
                name: name?.into(),
                values: values?,
                if_absent: if_absent?,
            }))
        }
    }
}

fn set(texts: Result<Vec<&str>, Reported>) -> Result<BTreeSet<Box<str>>, Reported> {
    texts.map(|texts| texts.into_iter().map(Into::into).collect())
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
