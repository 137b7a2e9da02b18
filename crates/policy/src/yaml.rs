//! Reads YAML that people write, and reports every problem with its line: [`Decoder::document`] parses a text to a tree of
//! [`Node`]s, each with its [`Position`]; the decoder's other methods turn nodes into values. Writes texts as YAML: [`scalar`].
//! Does not know policies, and imports nothing of this crate.
//!
//! ```
//! use std::sync::Arc;
//! use verigate_policy::{Diagnostics, SourceText, yaml::Decoder};
//!
//! let source = Arc::new(SourceText { path: "a.yaml".into(), text: "colour: [red, gren]".into() });
//! let mut diagnostics = Diagnostics::default();
//! let mut decoder = Decoder::new(source, &mut diagnostics);
//! if let Ok(document) = decoder.document(1024) {
//!     let mut fields = decoder.fields(&document, "a palette").expect("it is a map");
//!     let colours = fields.require("colour", &mut decoder).and_then(|node| decoder.texts(node, "`colour`"));
//!     assert_eq!(colours, Ok(vec!["red", "gren"]));
//!     fields.finish(&mut decoder);
//! }
//! assert!(diagnostics.is_empty());
//! ```

mod location;
mod problem;
mod vocabulary;
mod diagnostic;
mod node;
mod decoder;
mod document;
mod fields;
mod values;
mod suggestion;
mod quote;

pub use self::{
    decoder::{Decoder, Reported, all},
    diagnostic::{Diagnostic, Diagnostics, ParseError},
    fields::Fields,
    location::{Location, Position, SourceText},
    node::{Key, Node, NodeKind},
    problem::ProblemCode,
    quote::{is_visible, json_escape, list, quoted, scalar, visible},
    suggestion::did_you_mean,
    vocabulary::Vocabulary,
};
pub(crate) use self::{fields::unknown_key, suggestion::nearest, vocabulary::letters};
