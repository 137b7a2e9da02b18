//! Named nodes that cases share.

use std::collections::BTreeMap;

use crate::yaml::{Decoder, Node, NodeKind, Reported, did_you_mean};

/// Nodes of one kind by their names. One with a problem is reported where it stands, and not again where it is used.
#[derive(Debug)]
pub(super) struct Named<'n> {
    pub(super) what: &'static str,
    /// Two keys of which each replaces the other.
    pub(super) in_place_of: [&'static str; 2],
    pub(super) nodes: BTreeMap<&'n str, Result<&'n Node, Reported>>,
}

impl Named<'_> {
    /// The node that a case means: the fixture of this name, the fixture of its `from` with replaced keys, or the node itself.
    pub(super) fn resolve(&self, decoder: &mut Decoder<'_>, node: &Node) -> Result<Node, Reported> {
        match &node.kind {
            NodeKind::Text(name) => self.find(decoder, node, name).cloned(),
            NodeKind::Map(own) => {
                let Some((_, from)) = own.iter().find(|(key, _)| key.name == "from") else {
                    return Ok(node.clone());
                };
                let what = "`from`";
                let name = decoder.text(from, what)?;
                let mut entries = match &self.find(decoder, from, name)?.kind {
                    NodeKind::Map(entries) => entries.clone(),
                    NodeKind::Text(_) | NodeKind::Null | NodeKind::List(_) => Vec::new(),
                };
                let own = own.iter().filter(|(key, _)| key.name != "from");
                let replaces = |name: &str| {
                    own.clone().any(|(key, _)| {
                        let pair = self.in_place_of;
                        key.name == name || pair.contains(&name) && pair.contains(&&*key.name)
                    })
                };
                entries.retain(|(key, _)| !replaces(&key.name));
                entries.extend(own.clone().cloned());
                Ok(Node {
                    kind: NodeKind::Map(entries),
                    position: node.position,
                })
            }
            NodeKind::Null | NodeKind::List(_) => Ok(node.clone()),
        }
    }

    fn find(&self, decoder: &mut Decoder<'_>, node: &Node, name: &str) -> Result<&Node, Reported> {
        if let Some(found) = self.nodes.get(name) {
            return *found;
        }
        let what = self.what;
        let names = self.nodes.keys().copied();
        let hint = did_you_mean(name, names).unwrap_or_else(|| {
            format!(
                "write it under `{what}s:` at the top of the file, or in place: `{what}: {{ … }}`"
            )
        });
        let message = format!("there is no {what} `{name}` in this file");
        Err(decoder.error(node.position, message, Some(hint)))
    }
}
