//! Tools for authors of policies: explain, lint, needs, the JSON schemas, [`suite`] (tests of policies) and [`diff`]. They use
//! the language; the language does not import them.

mod weekly;
pub(crate) mod schema;
pub(crate) mod needs;
pub(crate) mod explain;
pub(crate) mod lint;
pub mod recompute;
pub mod suite;
pub mod diff;
