//! `policy diff`: an exact comparison of two sets of policies, without a solver and without sampling. It finds every kind of
//! check that the two decide differently, and a witness for each.
//!
//! How it works, and in which words:
//!
//! 1. The rules of the two policies are matched. What does not match is an *edit*: a rule, or a part of one, that was added, removed
//!    or changed.
//! 2. A check is a point in a space. Each fact that a rule reads is an *axis*, and the values that the two policies cannot
//!    distinguish are one *region* of it. Policies compare with constants only, so an axis has finitely many regions.
//! 3. Rules become Boolean formulas over the axes. For each edit both policies are walked at once, axis by axis in a *variable
//!    order* (the *apply* of decision diagrams) in which the axes that the edit touches come first. What is left of a policy once
//!    some axes are fixed is its *cofactor*; one that is a decision is *terminal*. A memo table avoids repeated walks. Only the
//!    differences of which the edit is a *cause* are walked; every difference has an edit that is its cause.
//! 4. The diagram is *projected* on the axes of the edit: for the other axes it is enough that some values make the difference. The
//!    result is a few *cells*, each with some regions on some axes. A cell's *hull* is what all its checks have in common on the other axes.
//! 5. Each cell is shown by a *witness*, a concrete check. Both policies decide it before it is reported, so a mistake in here
//!    is an error and not a wrong answer.
//!
//! A walk can be exponential in the number of axes, so a work budget bounds it. Too many cells are projected on fewer axes, which gives
//! fewer cells; on no axis there is one cell.
//!
//! Compared are checks from 2015 (no verification is older) to the end of 2099.

mod limits;
mod direction;
mod error;
mod report;
mod sets;
mod renames;
mod outage;
mod policies;
mod matching;
mod edits;
mod words;
mod cause;
mod axis;
mod expression;
mod check;
mod draft;
mod regions;
mod partition;
mod space;
mod order;
mod budget;
mod formula;
mod cofactor;
mod cell;
mod diagram;
mod projection;
mod witness;
mod recorded;
pub(super) mod sensitivity;

#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub(super) use self::{budget::WorkBudget, direction::Direction, policies::policy_difference};
pub use self::{
    direction::Directions,
    error::{CompareError, CompareSetsError},
    recorded::RecordedCells,
    report::{ChangedCell, ChangedSetting, Common, Comparison, PolicyChanges, Renamed, RuleEdit},
    witness::Witness,
    words::{EditWords, ListEdit},
};

#[cfg(test)]
mod tests;
