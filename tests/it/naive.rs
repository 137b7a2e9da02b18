//! A second, naive reading of the policy language, written from the design file alone. It shares no code with the
//! real evaluator, nor its zone data: it is there to be compared with it.
//!
//! `model` holds the inputs, `render` writes them as policy and case files, `eval` decides at one instant,
//! `horizon` finds the next change by trying every instant at which anything could change, `clock` is the calendar,
//! `identity` the one form of an identity, `remedies` the sets that lead to ALLOW, by exhaustive search,
//! `strategy` makes random inputs. Modules name each other by `super::`, so the folder can be moved as it is.

#![allow(
    clippy::pedantic,
    dead_code,
    missing_docs,
    reason = "written apart from the rest, and kept as it was written"
)]

pub mod clock;
pub mod eval;
pub mod horizon;
pub mod identity;
pub mod model;
pub mod remedies;
pub mod render;
pub mod strategy;

mod tests;
