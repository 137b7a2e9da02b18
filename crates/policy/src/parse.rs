//! Policy files in, one compiled [`PolicySet`] out; or every problem in all of them at once.

mod lists;
mod list_texts;
mod requirement;
mod duration;
mod vocabulary;
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

/// Returns the text of a list that a policy file names, or why it cannot be read. Arguments: the policy file's path, and the
/// name in it.
pub type Lists<'l> = &'l dyn Fn(&str, &str) -> Result<String, String>;

/// Compiles all files into one set. Calls `lists` once for each list that they name.
///
/// This is [`Drafts::read`] and [`Drafts::link`] in one.
pub fn parse(files: &[Arc<SourceText>], lists: Lists<'_>) -> Result<PolicySet, ParseError> {
    let drafts = Drafts::read(files);
    let text_of = |list: &ListFile| (list.clone(), lists(&list.policy_path, &list.name));
    let texts: ListTexts = drafts.lists().map(text_of).collect();
    drafts.link(&texts)
}
