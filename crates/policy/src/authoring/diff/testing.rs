//! What only tests ask of a comparison.

use super::{error::CompareError, policies::ComparedPolicies, report::ChangedCell};
use crate::{decide::Facts, request::PolicyName, set::Policy};

/// Compares two policies of this name, and returns for each of these checks the cells that it lies in: at least one of its kind
/// if the two policies decide it differently.
pub fn cells_of_checks(
    name: &PolicyName,
    policies: [&Policy; 2],
    checks: &[Facts<'_>],
) -> Result<Vec<Vec<ChangedCell>>, CompareError> {
    let compared = ComparedPolicies::of(name, policies)?;
    Ok(checks
        .iter()
        .map(|check| compared.cells_of(check))
        .collect())
}
