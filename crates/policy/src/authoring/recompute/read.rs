//! Requirements as a journal writes them, read back.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    evidence::DataKinds,
    parse::parse,
    rule::{Requirement, Rule},
    yaml::SourceText,
};

/// Texts that are kept, so that none is read twice. Beyond that all are dropped.
const KEPT_MAX: usize = 10_000;
/// What the text of a list of identities begins with. Who is on it is not in the text.
const LISTS: [&str; 2] = ["identity_in: ", "identity_not_in: "];

/// A requirement as a journal writes it.
#[derive(Debug)]
pub struct ReadRequirement {
    text: Box<str>,
    meaning: Meaning,
}

#[derive(Debug)]
enum Meaning {
    Requirement(Requirement),
    /// A list of identities.
    List,
    /// Of another version of the language.
    Unreadable,
}

/// Requirements that were read.
#[derive(Debug, Default)]
pub struct Requirements(BTreeMap<Box<str>, Arc<ReadRequirement>>);

impl Requirements {
    /// The requirement of this text.
    pub fn read(&mut self, text: &str) -> Arc<ReadRequirement> {
        if let Some(known) = self.0.get(text) {
            return Arc::clone(known);
        }
        if self.0.len() >= KEPT_MAX {
            self.0.clear();
        }
        let read = Arc::new(ReadRequirement::new(text));
        self.0.insert(text.into(), Arc::clone(&read));
        read
    }
}

impl ReadRequirement {
    fn new(text: &str) -> Self {
        let meaning = if LISTS.iter().any(|list| text.starts_with(list)) {
            Meaning::List
        } else {
            requirement(text).map_or(Meaning::Unreadable, Meaning::Requirement)
        };
        Self {
            text: text.into(),
            meaning,
        }
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The requirement, if the text says all of it.
    pub(super) fn requirement(&self) -> Option<&Requirement> {
        match &self.meaning {
            Meaning::Requirement(requirement) => Some(requirement),
            Meaning::List | Meaning::Unreadable => None,
        }
    }

    /// Whether it is a list of identities.
    pub(super) fn is_list(&self) -> bool {
        matches!(self.meaning, Meaning::List)
    }

    /// The kinds of a person's data that it reads, if that is known.
    pub(super) fn reads(&self) -> Option<DataKinds> {
        match &self.meaning {
            Meaning::Requirement(requirement) => Some(requirement.reads()),
            Meaning::List => Some(DataKinds::IDENTITY),
            Meaning::Unreadable => None,
        }
    }
}

/// The requirement of this text, if it is one, and is written so.
fn requirement(text: &str) -> Option<Requirement> {
    let source = SourceText {
        path: String::new(),
        text: format!("version: 1\npolicies: {{p: {{require: [{text}]}}}}"),
    };
    let no_lists = |_: &str, _: &str| Err(String::new());
    let set = parse(&[Arc::new(source)], &no_lists).ok()?;
    let (_, policy) = set.iter().next()?;
    // Another one, about the status, may stand before it.
    let requirement = policy.rules().last().map(Rule::requirement)?;
    (requirement.to_string() == text).then(|| requirement.clone())
}
