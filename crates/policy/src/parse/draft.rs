//! Compiles in two steps, because a policy file may name lists that stand in files of their own: [`Drafts::read`] parses
//! the policy files and knows which lists they name, [`Drafts::link`] compiles them with the texts of those lists.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    lists::{ListFile, ListTexts, named_in},
    policy,
};
use crate::{
    limits::{POLICIES_MAX, TEXT_BYTES_MAX},
    request::PolicyName,
    set::{Policy, PolicySet},
    yaml::{Diagnostic, Node, Place, Problems, Reader, SourceText, Spot},
};

/// Policy files that are parsed and not compiled yet.
#[derive(Debug)]
pub struct Drafts {
    files: Vec<Draft>,
    lists: BTreeSet<ListFile>,
}

/// One file: its tree, if it has one, and the problems of parsing it.
#[derive(Debug)]
struct Draft {
    source: Arc<SourceText>,
    document: Option<Node>,
    problems: Problems,
}

impl Drafts {
    /// Parses every file. What is wrong with them, [`Drafts::link`] reports.
    pub fn read(files: &[Arc<SourceText>]) -> Self {
        let files: Vec<Draft> = files.iter().map(Draft::read).collect();
        let lists = files.iter().flat_map(Draft::lists).collect();
        Self { files, lists }
    }

    /// The lists that the files name, each once.
    pub fn lists(&self) -> impl Iterator<Item = &ListFile> {
        self.lists.iter()
    }

    /// Compiles all files into one set, with the texts of the lists that they name; or reports every problem in all of them.
    /// A list that has no text here is a problem too.
    pub fn link(&self, texts: &ListTexts) -> Result<PolicySet, Problems> {
        let mut problems = Problems::default();
        let mut policies = BTreeMap::new();
        let mut first_seen: BTreeMap<PolicyName, &str> = BTreeMap::new();
        let mut empty = None;
        for file in &self.files {
            problems.append(&file.problems);
            let mut reader = Reader::new(Arc::clone(&file.source), &mut problems);
            let Some(found) = file.policies(&mut reader, texts) else {
                continue;
            };
            if found.is_empty {
                empty.get_or_insert_with(|| reader.spot(found.place));
            }
            for (place, name, policy) in found.policies {
                if let Some(path) = first_seen.get(&name) {
                    let message = format!("the policy `{name}` is defined twice");
                    reader.error(place, message, Some(format!("the other is in {path}")));
                }
                if policies.len() >= POLICIES_MAX {
                    let message = format!("more than {POLICIES_MAX} policies");
                    let hint = "run another service for the rest".to_owned();
                    reader.error(place, message, Some(hint));
                    return Err(problems.in_order());
                }
                first_seen.entry(name.clone()).or_insert(&file.source.path);
                policies.insert(name, policy);
            }
        }
        // One file of several may have none; all together may not.
        if let Some(spot) = empty.filter(|_| policies.is_empty() && problems.is_empty()) {
            problems.push(nothing_in(spot));
        }
        if problems.is_empty() {
            Ok(PolicySet::new(policies))
        } else {
            Err(problems.in_order())
        }
    }
}

fn nothing_in(spot: Spot) -> Diagnostic {
    Diagnostic {
        spot,
        message: "`policies` is empty".to_owned(),
        hint: Some("write at least one".to_owned()),
    }
}

/// The policies of one file.
struct Found {
    /// Where they stand.
    place: Place,
    /// Whether the file has none at all.
    is_empty: bool,
    /// Those that could be compiled, each with the place of its name.
    policies: Vec<(Place, PolicyName, Policy)>,
}

impl Draft {
    fn read(source: &Arc<SourceText>) -> Self {
        let mut problems = Problems::default();
        let document = Reader::new(Arc::clone(source), &mut problems).document(TEXT_BYTES_MAX);
        Self {
            source: Arc::clone(source),
            document,
            problems,
        }
    }

    fn lists(&self) -> BTreeSet<ListFile> {
        let named = |document| named_in(&self.source.path, document);
        self.document.as_ref().map(named).unwrap_or_default()
    }

    fn policies(&self, reader: &mut Reader<'_>, texts: &ListTexts) -> Option<Found> {
        let mut fields = reader.fields(self.document.as_ref()?, "a policy file")?;
        if let Some(cases) = fields.mistaken_for("cases", "policies") {
            let hint = "`verigate policy test` runs cases against policies".to_owned();
            let message = "this is a case file, not a policy file";
            reader.error(cases.place, message, Some(hint));
            return None;
        }
        if let Some(version) = fields.require("version", reader) {
            let hint = "this release reads version 1 of the language";
            if reader.text(version, "`version`").is_some_and(|v| v != "1") {
                let message = "this version of the language is not known";
                reader.error(version.place, message, Some(hint.to_owned()));
            }
        }
        let policies = fields
            .require("policies", reader)
            .and_then(|node| reader.fields(node, "`policies`"));
        fields.finish(reader);
        let policies = policies?;
        let compiled = policies.others().filter_map(|(key, node)| {
            let name = PolicyName::parse(&key.name)
                .map_err(|why| {
                    let message = format!("`{}` cannot name a policy", key.name);
                    reader.error(key.place, message, Some(format!("a name {why}")));
                })
                .ok();
            let policy = policy::read(reader, node, texts);
            let policy = policy?.read_at(reader.spot(key.place));
            Some((key.place, name?, policy))
        });
        Some(Found {
            place: policies.place,
            is_empty: policies.is_empty(),
            policies: compiled.collect(),
        })
    }
}

#[cfg(test)]
mod tests;
