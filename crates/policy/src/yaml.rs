//! YAML texts that people write: a tree in which every node has its position, values read from it, and problems that show
//! the line that they are in. Knows nothing of policies, and imports nothing of this crate.

mod location;
mod diagnostic;
mod node;
mod decoder;
mod document;
mod fields;
mod values;
mod suggestion;
mod quote;

pub(crate) use self::fields::unknown_key;
pub use self::{
    decoder::{Decoder, Reported, all},
    diagnostic::{Diagnostic, Diagnostics, ParseError},
    fields::Fields,
    location::{Location, Position, SourceText},
    node::{Key, Node, NodeKind},
    quote::{list, quoted, scalar},
    suggestion::did_you_mean,
};
