//! The lists of identities that policy files name: which these are, and their texts.

use std::collections::{BTreeMap, BTreeSet};

use crate::yaml::{Key, Node, NodeKind};

/// The requirements whose identities may stand in a file.
const LIST_KEYS: [&str; 2] = ["identity_in", "identity_not_in"];

/// A list of identities that a policy file names, as in `identity_not_in: {file: blocked.txt}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListFile {
    /// The path of the policy file, as its [`SourceText`](crate::SourceText) has it.
    pub policy_path: String,
    /// The name in it, which is relative to the policy file.
    pub name: String,
}

/// The text of each list, or why it cannot be read.
pub type ListTexts = BTreeMap<ListFile, Result<String, String>>;

/// The lists that the document of this path names.
pub(super) fn named_in(policy_path: &str, document: &Node) -> BTreeSet<ListFile> {
    let mut names = BTreeSet::new();
    gather(document, &mut names);
    let list = |name: &str| ListFile {
        policy_path: policy_path.to_owned(),
        name: name.to_owned(),
    };
    names.into_iter().map(list).collect()
}

fn gather<'n>(node: &'n Node, names: &mut BTreeSet<&'n str>) {
    match &node.kind {
        NodeKind::Text(_) | NodeKind::Null => {}
        NodeKind::List(items) => items.iter().for_each(|item| gather(item, names)),
        NodeKind::Map(entries) => {
            for (key, value) in entries {
                if LIST_KEYS.contains(&key.name.as_str()) {
                    names.extend(file_of(value));
                }
                gather(value, names);
            }
        }
    }
}

/// The name in `{file: NAME}`.
fn file_of(list: &Node) -> Option<&str> {
    let NodeKind::Map(entries) = &list.kind else {
        return None;
    };
    let is_file = |entry: &&(Key, Node)| entry.0.name == "file";
    match &entries.iter().find(is_file)?.1.kind {
        NodeKind::Text(name) if !name.is_empty() => Some(name),
        _ => None,
    }
}
