//! Policy files in, one compiled set out; or every problem in all of them at once.

mod lists;
mod requirement;
mod duration;
mod policy;
mod draft;

use std::sync::Arc;

pub use self::{
    draft::Drafts,
    lists::{ListFile, ListTexts},
};
use crate::{
    set::PolicySet,
    yaml::{ParseError, SourceText},
};

/// Finds the text of a list that a policy file names: given the policy file's path and the name in it, or why not.
pub type Lists<'l> = &'l dyn Fn(&str, &str) -> Result<String, String>;

/// Compiles every file into one set: [`Drafts::read`] and [`Drafts::link`] in one, each list being asked for once.
pub fn parse(files: &[Arc<SourceText>], lists: Lists<'_>) -> Result<PolicySet, ParseError> {
    let drafts = Drafts::read(files);
    let text_of = |list: &ListFile| (list.clone(), lists(&list.policy_path, &list.name));
    let texts: ListTexts = drafts.lists().map(text_of).collect();
    drafts.link(&texts)
}
