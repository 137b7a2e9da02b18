//! The tree of a document.

use super::location::Position;

/// A value in a document, and where it stands.
#[derive(Debug, Clone)]
pub struct Node {
    /// What it is.
    pub kind: NodeKind,
    /// Where it begins.
    pub position: Position,
}

/// What a node can be.
#[derive(Debug, Clone)]
pub enum NodeKind {
    /// A scalar, as it was written.
    Text(String),
    /// `~`, `null`, or nothing at all.
    Null,
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the order of the text; keys are texts and differ.
    Map(Vec<(Key, Node)>),
}

/// A key of a map, and where it stands.
#[derive(Debug, Clone)]
pub struct Key {
    /// The key.
    pub name: String,
    /// Where it stands.
    pub position: Position,
}
