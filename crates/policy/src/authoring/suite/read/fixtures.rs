//! The fixtures that the cases of a file share: named verifications and requests, and a default instant. A case refers to a fixture by
//! its name, or copies it with `from` and replaces some keys.

use std::collections::BTreeMap;

use super::{evidence::read_verification, named::Named, request::read_request, values::instant};
use crate::{
    time::{Timestamp, from_millis},
    yaml::{Decoder, Fields, Node, Reported},
};

/// The fixtures of a file.
#[derive(Debug)]
pub(super) struct Fixtures<'n> {
    /// The instant of the cases that do not have their own.
    pub(super) at: Option<Timestamp>,
    pub(super) verifications: Named<'n>,
    pub(super) requests: Named<'n>,
}

impl<'n> Fixtures<'n> {
    /// The fixtures of a file with these fields.
    pub(super) fn read(decoder: &mut Decoder<'_>, fields: &mut Fields<'n>) -> Self {
        let at = fields.take("at");
        // An invalid instant is reported, and the cases then have no default.
        let at = at.and_then(|node| instant(decoder, node, "`at`").ok());
        let now = at.unwrap_or(from_millis(0));
        let verifications = fields.take("verifications");
        let verifications = named(decoder, verifications, "verification", |decoder, node| {
            read_verification(decoder, node, now).map(drop)
        });
        let requests = fields.take("requests");
        let requests = named(decoder, requests, "request", |decoder, node| {
            read_request(decoder, node, now).map(drop)
        });
        Self {
            at,
            verifications: Named {
                what: "verification",
                in_place_of: ["verified_at", "verified_ago"],
                nodes: verifications,
            },
            requests: Named {
                what: "request",
                in_place_of: ["", ""],
                nodes: requests,
            },
        }
    }
}

fn named<'n>(
    decoder: &mut Decoder<'_>,
    node: Option<&'n Node>,
    what: &str,
    mut read: impl FnMut(&mut Decoder<'_>, &'n Node) -> Result<(), Reported>,
) -> BTreeMap<&'n str, Result<&'n Node, Reported>> {
    let Some(node) = node else {
        return BTreeMap::new();
    };
    // A node that is not a map is reported.
    let Ok(fields) = decoder.fields(node, &format!("`{what}s`")) else {
        return BTreeMap::new();
    };
    let nodes = fields.others().map(|(key, node)| {
        let read = read(decoder, node);
        (key.name.as_str(), read.map(|()| node))
    });
    nodes.collect()
}
