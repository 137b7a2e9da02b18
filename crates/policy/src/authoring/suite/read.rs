//! Case files in, cases out; or every problem in all of them at once. Evidence in a case is judged readable by the same rules as
//! what the upstream sends, so that a case that passes here passes at a door.

mod case;
mod evidence;
mod expect;
mod request;
mod values;

use std::sync::Arc;

use self::case::{Draft, read_case};
use super::case::{CASES_BYTES_MAX, Case};
use crate::{
    set::PolicySet,
    yaml::{Place, Problems, Reader, SourceText},
};

/// How many cases are read at most.
const CASES_MAX: usize = 100_000;

/// Reads every case of these files, which are about the policies of this set.
pub fn read(files: &[Arc<SourceText>], policies: &PolicySet) -> Result<Vec<Case>, Problems> {
    let mut problems = Problems::default();
    let mut cases = Vec::new();
    for file in files {
        let mut reader = Reader::new(Arc::clone(file), &mut problems);
        for (place, draft) in read_file(&mut reader, policies) {
            if cases.len() >= CASES_MAX {
                let message = format!("more than {CASES_MAX} cases");
                let hint = "run the rest apart".to_owned();
                reader.error(place, message, Some(hint));
                return Err(problems.in_order());
            }
            cases.push(draft.into_case(file, place));
        }
    }
    if problems.is_empty() {
        Ok(cases)
    } else {
        Err(problems.in_order())
    }
}

/// The cases of one file that have no problems, each with its place.
fn read_file(reader: &mut Reader<'_>, policies: &PolicySet) -> Vec<(Place, Draft)> {
    let Some(root) = reader.document(CASES_BYTES_MAX) else {
        return Vec::new();
    };
    let Some(mut fields) = reader.fields(&root, "a case file") else {
        return Vec::new();
    };
    if let Some(policies) = fields.mistaken_for("policies", "cases") {
        let hint = "give policies by `--policies`, and case files after it".to_owned();
        let message = "this is a policy file, not a case file";
        reader.error(policies.place, message, Some(hint));
        return Vec::new();
    }
    let items = fields
        .require("cases", reader)
        .and_then(|node| reader.required_list(node, "`cases`"));
    fields.finish(reader);
    items
        .unwrap_or_default()
        .iter()
        .filter_map(|item| Some((item.place, read_case(reader, item, policies)?)))
        .collect()
}

#[cfg(test)]
mod tests;
