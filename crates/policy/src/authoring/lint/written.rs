//! The places of rules, parts and values in the text of policies. The language keeps only where a rule begins, so the text is parsed
//! again, once for each file.

use std::sync::Arc;

use crate::{
    limits::POLICY_FILE_BYTES_MAX,
    rule::Rule,
    set::Policy,
    yaml::{Decoder, Diagnostics, Key, Location, Node, NodeKind, Position, SourceText},
};

/// The trees of the texts that policies were read from.
#[derive(Debug, Default)]
pub(super) struct Texts {
    trees: Vec<(Arc<SourceText>, Option<Node>)>,
}

impl Texts {
    /// This policy in its text; nothing if it was not read from one.
    pub(super) fn of(&mut self, policy: &Policy) -> Written<'_> {
        let Some(location) = policy.location() else {
            return Written::default();
        };
        let source = &location.source;
        let known = |(other, _): &(Arc<SourceText>, _)| Arc::ptr_eq(other, source);
        let index = self.trees.iter().position(known).unwrap_or_else(|| {
            let mut problems = Diagnostics::default();
            let tree = Decoder::new(Arc::clone(source), &mut problems);
            let tree = { tree }.document(POLICY_FILE_BYTES_MAX).ok();
            self.trees.push((Arc::clone(source), tree));
            self.trees.len().saturating_sub(1)
        });
        let Some((source, tree)) = self.trees.get(index) else {
            return Written::default();
        };
        let policies = tree.as_ref().and_then(|tree| entry(tree, "policies"));
        let policies = policies.map_or(&[][..], |(_, policies)| entries(policies));
        let here = policies
            .iter()
            .find(|(key, _)| key.position == location.position);
        Written {
            source: Some(source),
            policy: here.map(|(_, policy)| policy),
        }
    }
}

/// One policy as its text has it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Written<'t> {
    source: Option<&'t Arc<SourceText>>,
    policy: Option<&'t Node>,
}

/// A requirement as its text has it: a key and its value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'t> {
    source: &'t Arc<SourceText>,
    key: &'t Key,
    value: &'t Node,
    /// What stands beside it.
    beside: &'t [(Key, Node)],
}

impl<'t> Written<'t> {
    /// The place of the value of a setting: `fresh_for` of `evidence`.
    pub(super) fn setting(self, section: &str, name: &str) -> Option<Location> {
        let (_, section) = entry(self.policy?, section)?;
        let (_, value) = entry(section, name)?;
        Some(location(self.source?, value.position))
    }

    /// This rule.
    pub(super) fn rule(self, rule: &Rule) -> Option<Part<'t>> {
        let position = rule.location()?.position;
        let (_, rules) = entry(self.policy?, "require")?;
        let rules = items(rules).iter().map(entries);
        let source = self.source?;
        rules
            .flat_map(|rule| rule.iter().map(move |entry| (rule, entry)))
            .find_map(|(beside, (key, value))| {
                let here = key.position == position;
                here.then_some(Part {
                    source,
                    key,
                    value,
                    beside,
                })
            })
    }
}

impl Part<'_> {
    /// The place of its key.
    pub(super) fn location(self) -> Location {
        location(self.source, self.key.position)
    }

    /// The place of the value of a key in it: `zone` of a schedule.
    pub(super) fn field(self, name: &str) -> Option<Location> {
        let (_, value) = entry(self.value, name)?;
        Some(location(self.source, value.position))
    }

    /// The place of the value of a key beside it: `otherwise`.
    pub(super) fn beside(self, name: &str) -> Option<Location> {
        let (_, value) = self.beside.iter().find(|(key, _)| key.name == name)?;
        Some(location(self.source, value.position))
    }

    /// The place of this text in it, or of its value if the text is not in it: it may be in a list file beside the policy.
    pub(super) fn text(self, text: &str) -> Location {
        let position = position_of(self.value, text).unwrap_or(self.value.position);
        location(self.source, position)
    }

    /// Its part of this index, of an `any_of` or `all_of`.
    pub(super) fn part(self, index: usize) -> Option<Self> {
        let beside = entries(items(self.value).get(index)?);
        let (key, value) = beside.first()?;
        Some(Self {
            source: self.source,
            key,
            value,
            beside,
        })
    }
}

fn location(source: &Arc<SourceText>, position: Position) -> Location {
    Location {
        source: Arc::clone(source),
        position,
    }
}

fn entries(node: &Node) -> &[(Key, Node)] {
    match &node.kind {
        NodeKind::Map(entries) => entries,
        NodeKind::Text(_) | NodeKind::Null | NodeKind::List(_) => &[],
    }
}

fn items(node: &Node) -> &[Node] {
    match &node.kind {
        NodeKind::List(items) => items,
        NodeKind::Text(_) | NodeKind::Null | NodeKind::Map(_) => &[],
    }
}

fn entry<'n>(node: &'n Node, name: &str) -> Option<&'n (Key, Node)> {
    entries(node).iter().find(|(key, _)| key.name == name)
}

/// The first place of this text in a tree.
fn position_of(node: &Node, text: &str) -> Option<Position> {
    match &node.kind {
        NodeKind::Text(other) => (other == text).then_some(node.position),
        NodeKind::Null => None,
        NodeKind::List(items) => items.iter().find_map(|item| position_of(item, text)),
        NodeKind::Map(entries) => entries
            .iter()
            .find_map(|(_, value)| position_of(value, text)),
    }
}
