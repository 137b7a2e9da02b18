//! Why a comparison failed.

use crate::request::PolicyName;

/// Why two policies could not be compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompareError {
    /// The policies read too much, or the work budget is exhausted.
    #[error("the two policies are too large to be compared")]
    TooLarge,
    /// The policy is added, and was not compared with every removed policy: there are too many of them, or they are too large.
    #[error(
        "it may be a renamed policy, but too many policies were removed and added to find out; rename fewer at a time"
    )]
    TooMany,
    /// No check was found in a cell that has some.
    #[error("no check was found for a difference; this is a mistake in verigate")]
    NoWitness,
    /// A witness is not decided as its cell says, or does not lie in it.
    #[error("a difference was not confirmed: `{0}`; this is a mistake in verigate")]
    WrongWitness(String),
}

/// A policy whose two versions could not be compared, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("policy `{policy}`")]
pub struct CompareSetsError {
    /// The name of the policy.
    pub policy: PolicyName,
    /// Why its two versions could not be compared.
    pub source: CompareError,
}
