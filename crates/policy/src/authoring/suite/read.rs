//! Case files in, cases out; or every problem in all of them at once. Evidence in a case is judged readable by the same rules as
//! what the upstream sends, so that a case that passes here passes at a door.

mod case;
mod evidence;
mod expect;
mod fixtures;
mod named;
mod remedies;
mod request;
mod values;

use std::{collections::BTreeMap, sync::Arc};

use self::{
    case::{Draft, read_case},
    fixtures::Fixtures,
};
use super::case::{CASES_BYTES_MAX, Case};
use crate::{
    set::PolicySet,
    yaml::{Decoder, Diagnostics, ParseError, Position, Reported, SourceText},
};

/// How many cases are read at most.
const CASES_MAX: usize = 100_000;

/// Reads every case of these files, which are about the policies of this set. Each must expect something, and no two may have the same name.
pub fn read(files: &[Arc<SourceText>], policies: &PolicySet) -> Result<Vec<Case>, ParseError> {
    read_cases(files, policies, true)
}

/// Like [`read`], but a case need not expect anything: for cases that are explained, or from which others are generated.
pub fn read_situations(
    files: &[Arc<SourceText>],
    policies: &PolicySet,
) -> Result<Vec<Case>, ParseError> {
    read_cases(files, policies, false)
}

fn read_cases(
    files: &[Arc<SourceText>],
    policies: &PolicySet,
    must_expect: bool,
) -> Result<Vec<Case>, ParseError> {
    let mut diagnostics = Diagnostics::default();
    let mut cases: Vec<Case> = Vec::new();
    let mut first_of: BTreeMap<String, String> = BTreeMap::new();
    for file in files {
        let mut decoder = Decoder::new(Arc::clone(file), &mut diagnostics);
        // What has problems is no case, and the problems are the result.
        let drafts = read_file(&mut decoder, policies, must_expect).unwrap_or_default();
        for (position, draft) in drafts {
            if cases.len() >= CASES_MAX {
                let message = format!("more than {CASES_MAX} cases");
                let hint = "run the rest apart".to_owned();
                decoder.error(position, message, Some(hint));
                return Err(diagnostics.into_error());
            }
            let place = format!("{}:{}", file.path, draft.name_position.line);
            if let Some(first) = first_of.get(&draft.name) {
                let message = format!("duplicate case name `{}`", draft.name);
                let hint = format!("the first is at {first}: name each after what it shows");
                decoder.error(draft.name_position, message, Some(hint));
            } else {
                first_of.insert(draft.name.clone(), place);
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
    must_expect: bool,
) -> Result<Vec<(Position, Draft)>, Reported> {
    let root = decoder.document(CASES_BYTES_MAX)?;
    let mut fields = decoder.fields(&root, "a case file")?;
    if let Some(policies) = fields.mistaken_for("policies", "cases") {
        let hint = "give policies by `--policies`, and case files after it".to_owned();
        let message = "this is a policy file, not a case file";
        return Err(decoder.error(policies.position, message, Some(hint)));
    }
    let fixtures = Fixtures::read(decoder, &mut fields);
    let items = fields
        .require("cases", decoder)
        .and_then(|node| decoder.required_list(node, "`cases`"));
    fields.finish(decoder);
    let cases = items?.iter().filter_map(|item| {
        let draft = read_case(decoder, item, policies, &fixtures, must_expect).ok()?;
        Some((item.position, draft))
    });
    Ok(cases.collect())
}

#[cfg(test)]
mod tests;
