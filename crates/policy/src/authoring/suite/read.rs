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
    yaml::{Decoder, Diagnostics, ParseError, Position, Reported, SourceText},
};

/// How many cases are read at most.
const CASES_MAX: usize = 100_000;

/// Reads every case of these files, which are about the policies of this set.
pub fn read(files: &[Arc<SourceText>], policies: &PolicySet) -> Result<Vec<Case>, ParseError> {
    let mut diagnostics = Diagnostics::default();
    let mut cases = Vec::new();
    for file in files {
        let mut decoder = Decoder::new(Arc::clone(file), &mut diagnostics);
        // What has problems is no case, and the problems are the result.
        for (position, draft) in read_file(&mut decoder, policies).unwrap_or_default() {
            if cases.len() >= CASES_MAX {
                let message = format!("more than {CASES_MAX} cases");
                let hint = "run the rest apart".to_owned();
                decoder.error(position, message, Some(hint));
                return Err(diagnostics.into_error());
            }
            cases.push(draft.into_case(file, position));
        }
    }
    diagnostics.into_result(cases)
}

/// The cases of one file that have no problems, each with its position.
fn read_file(
    decoder: &mut Decoder<'_>,
    policies: &PolicySet,
) -> Result<Vec<(Position, Draft)>, Reported> {
    let root = decoder.document(CASES_BYTES_MAX)?;
    let mut fields = decoder.fields(&root, "a case file")?;
    if let Some(policies) = fields.mistaken_for("policies", "cases") {
        let hint = "give policies by `--policies`, and case files after it".to_owned();
        let message = "this is a policy file, not a case file";
        return Err(decoder.error(policies.position, message, Some(hint)));
    }
    let items = fields
        .require("cases", decoder)
        .and_then(|node| decoder.required_list(node, "`cases`"));
    fields.finish(decoder);
    let cases = items?.iter().filter_map(|item| {
        let draft = read_case(decoder, item, policies).ok()?;
        Some((item.position, draft))
    });
    Ok(cases.collect())
}

#[cfg(test)]
mod tests;
