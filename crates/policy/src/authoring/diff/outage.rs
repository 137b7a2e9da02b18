//! A change of `evidence.unavailable`: an edit of its own, and every check while the evidence is unavailable.

use super::{
    error::CompareError,
    report::{ChangedCell, Common, RuleEdit},
    witness::Witness,
    words::EditWords,
};
use crate::{request::PolicyName, set::Policy};

/// The edit, which gets this index, and its cell; `None` if both policies decide the same.
pub(super) fn outage(
    name: &PolicyName,
    policies: [&Policy; 2],
    number: usize,
) -> Result<Option<(RuleEdit, ChangedCell)>, CompareError> {
    let [old, new] = policies.map(|policy| policy.evidence().unavailable);
    if old == new {
        return Ok(None);
    }
    let changed = ChangedCell {
        old: old.into(),
        new: new.into(),
        edits: [number].into(),
        touched: vec![Common {
            words: "nothing is known of the verification".to_owned(),
            is_ordinary: false,
        }],
        besides: Vec::new(),
        is_whole: true,
        witness: Witness::of_outage(name)?,
    };
    let edit = RuleEdit {
        words: EditWords::of_outage([old, new]),
        directions: Some(changed.directions()),
    };
    Ok(Some((edit, changed)))
}
