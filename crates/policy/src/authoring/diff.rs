//! `policy diff`: an exact comparison of two sets of policies, without a solver and without sampling. It finds every kind of
//! check that the two decide differently, and a witness for each.
//!
//! How it works, and in which words:
//!
//! 1. A check is a point in a space. Each fact that a rule reads is an *axis*, and the values that the two policies cannot
//!    distinguish are one *region* of it. Policies compare with constants only, so an axis has finitely many regions.
//! 2. Rules become Boolean formulas over the axes. Both policies are walked at once, axis by axis in a fixed *variable order*
//!    (the *apply* of decision diagrams). What is left of a policy once some axes are fixed is its *cofactor*; one that is a
//!    decision is *terminal*. A memo table keeps pairs of cofactors, so that each is walked once.
//! 3. Each path to a difference is a *cell*: some regions on some axes. Cells that differ on one axis only are merged.
//! 4. Each cell is shown by a *witness*, a concrete check. Both policies decide it before it is reported, so a mistake in here
//!    is an error and not a wrong answer.
//!
//! A walk can be exponential in the number of axes. A work budget bounds it, and a [`Direction`] cuts off the
//! differences of the other direction before any path is enumerated.
//!
//! Compared are checks from 2015 (no verification is older) to the end of 2099.

mod limits;
mod direction;
mod error;
mod report;
mod sets;
mod policies;
mod axis;
mod expression;
mod check;
mod draft;
mod regions;
mod partition;
mod space;
mod budget;
mod formula;
mod cofactor;
mod cell;
mod diagram;
mod witness;
pub(super) mod sensitivity;

#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub(super) use self::{budget::WorkBudget, partition::Stretch, policies::policy_differs};
pub use self::{
    direction::Direction,
    error::{CompareError, CompareSetsError},
    report::{ChangedCell, ChangedSetting, Comparison, PolicyChanges},
    witness::Witness,
};

#[cfg(test)]
mod tests;
