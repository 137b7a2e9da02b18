//! YAML texts that people write: a tree in which every node has its position, and problems that show the line they are in.
//! Knows nothing of policies, and imports nothing of this crate.

mod diagnostic;
mod document;
mod quote;

pub(crate) use self::document::unknown_key;
pub use self::{
    diagnostic::{Diagnostic, Diagnostics, Location, ParseError, Position, SourceText},
    document::{Decoder, Fields, Key, Node, NodeKind, did_you_mean},
    quote::{list, quoted, scalar},
};
