//! The settings of the process.

use super::section::{Reported, Section};

/// Whether core dumps are permitted.
pub(super) fn core_dumps(section: &mut Section<'_>) -> Result<bool, Reported> {
    section.boolean("core_dumps")
}
