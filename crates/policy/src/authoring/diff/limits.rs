//! The bounds of a comparison: which checks are compared, and how large a comparison may become.

use crate::limits::PLAUSIBLE_SINCE_MS;

/// Checks before this instant are not compared: no verification is older than the vendor.
pub(super) const FIRST_MS: i64 = PLAUSIBLE_SINCE_MS;
/// 2100-01-01T00:00:00Z: checks from this instant on are not compared.
pub(super) const END_MS: i64 = 4_102_444_800_000;
/// 2026-01-31T00:00:00Z: the instant of a witness, unless a schedule or an age requires another one.
pub(super) const WITNESS_MS: i64 = 1_769_817_600_000;

/// How many axes there may be: more than any policy needs, and few enough for the recursion, which is one call deep for each.
pub(super) const AXES_MAX: usize = 512;
/// How many regions one axis may have.
pub(super) const REGIONS_MAX: usize = 4096;
/// How many formulas, and how many entries of the diagram's memo table, there may be: about a second's work.
pub(super) const STATES_MAX: usize = 200_000;
/// How many cells an edit has at most for one kind of difference; more are projected on fewer axes.
pub(super) const CELLS_MAX: usize = 12;
/// How many paths of a diagram are tried for a witness of one cell.
pub(super) const PATHS_MAX: usize = 500;
