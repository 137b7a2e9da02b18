//! A comparison as JSON: what was measured, by what, and where.

use serde::Serialize;

use super::{origin::Origin, summary::Compared};

/// Counts the changes of the shape that are no additions.
const VERSION: u32 = 1;

/// The whole report, as `docs/performance.md` describes it.
#[derive(Debug, Serialize)]
pub struct Report<'c> {
    version: u32,
    #[serde(flatten)]
    origin: &'c Origin,
    #[serde(flatten)]
    compared: &'c Compared,
}

/// The report of a comparison.
pub fn report<'c>(compared: &'c Compared, origin: &'c Origin) -> Report<'c> {
    Report {
        version: VERSION,
        origin,
        compared,
    }
}
