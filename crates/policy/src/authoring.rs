//! Tools for those who write policies: they explain, lint, compare and test what the language decides. Nothing of the
//! language imports them.

pub(crate) mod schema;
pub(crate) mod needs;
pub(crate) mod explain;
pub(crate) mod lint;
pub mod suite;
pub mod diff;
