//! Why a comparison failed.

use super::limits::CELLS_MAX;
use crate::request::PolicyName;

/// Why two policies could not be compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompareError {
    /// There are more differences than a comparison enumerates.
    #[error("too many cells: the two policies differ in more than {CELLS_MAX} ways")]
    TooManyCells,
    /// The policies read too much, or the work budget is exhausted.
    #[error("the two policies are too large to be compared")]
    TooLarge,
    /// No check was found in a cell that has some.
    #[error("no check was found for a difference; this is a mistake in verigate")]
    NoWitness,
    /// A witness is not decided as its cell says, or does not lie in it.
    #[error("a difference was not confirmed: `{0}`; this is a mistake in verigate")]
    WrongWitness(String),
}

/// Why two sets of policies could not be compared, and the policy at which that failed.
#[derive(Debug, Clone, thiserror::Error)]
#[error("policy `{policy}`")]
pub struct CompareSetsError {
    /// The name of the policy.
    pub policy: PolicyName,
    /// Why its two versions could not be compared.
    pub source: CompareError,
}
