//! Compiles policy files in two steps.
//!
//! Why not in one? A policy file may name lists of identities in files of their own, and this crate reads no files.
//! [`Drafts::read`] parses the policy files and knows which lists they name; [`Drafts::link`] compiles them with the texts of
//! those lists. When only a list changes, the same drafts are linked again.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    list_texts::ReadLists,
    lists::{ListFile, ListTexts, named_in},
    policy,
    vocabulary::POLICY_WORDS,
};
use crate::{
    limits::{POLICIES_MAX, POLICY_FILE_BYTES_MAX},
    request::PolicyName,
    set::{Policy, PolicySet},
    yaml::{
        Decoder, Diagnostic, Diagnostics, Location, Node, ParseError, Position, ProblemCode,
        Reported, SourceText,
    },
};

/// Policy files that are parsed, but not compiled.
#[derive(Debug)]
pub struct Drafts {
    files: Vec<ParsedFile>,
    lists: BTreeSet<ListFile>,
}

/// One file: its tree, and the problems of parsing it.
#[derive(Debug)]
struct ParsedFile {
    source: Arc<SourceText>,
    document: Result<Node, Reported>,
    diagnostics: Diagnostics,
}

impl Drafts {
    /// Parses every file. [`Drafts::link`] reports their problems.
    pub fn read(files: &[Arc<SourceText>]) -> Self {
        let files: Vec<ParsedFile> = files.iter().map(ParsedFile::read).collect();
        let lists = files.iter().flat_map(ParsedFile::lists).collect();
        Self { files, lists }
    }

    /// The lists that the files name, each once.
    pub fn lists(&self) -> impl Iterator<Item = &ListFile> {
        self.lists.iter()
    }

    /// Compiles all files into one set, with the texts of the lists that they name; or returns every problem in all of them.
    /// A list without a text is a problem.
    pub fn link(&self, texts: &ListTexts) -> Result<PolicySet, ParseError> {
        let mut diagnostics = Diagnostics::default();
        let mut policies = BTreeMap::new();
        let mut first_seen: BTreeMap<PolicyName, &str> = BTreeMap::new();
        let mut empty = None;
        let lists = ReadLists::of(texts, &mut diagnostics);
        for file in &self.files {
            diagnostics.append(&file.diagnostics);
            let decoder = Decoder::new(Arc::clone(&file.source), &mut diagnostics);
            let mut decoder = decoder.knowing(POLICY_WORDS);
            let Ok(found) = file.policies(&mut decoder, &lists) else {
                continue;
            };
            if found.is_empty {
                empty.get_or_insert_with(|| decoder.location(found.position));
            }
            for (position, name, policy) in found.policies {
                if let Some(path) = first_seen.get(&name) {
                    let message = format!("the policy `{name}` is defined twice");
                    let hint = format!("rename one of the two: the other is in {path}");
                    decoder.refuse(ProblemCode::DuplicateName, position, message, hint);
                }
                if policies.len() >= POLICIES_MAX {
                    let message = format!("more than {POLICIES_MAX} policies");
                    let hint = "run another service for the rest";
                    decoder.refuse(ProblemCode::TooMany, position, message, hint);
                    return Err(diagnostics.into_error());
                }
                first_seen.entry(name.clone()).or_insert(&file.source.path);
                policies.insert(name, policy);
            }
        }
        // One file of several may have none; all together may not.
        if let Some(location) = empty.filter(|_| policies.is_empty() && diagnostics.is_empty()) {
            diagnostics.push(nothing_in(location));
        }
        diagnostics.into_result(PolicySet::new(policies))
    }
}

fn nothing_in(location: Location) -> Diagnostic {
    Diagnostic {
        code: ProblemCode::Empty,
        location,
        message: "`policies` is empty".to_owned(),
        hint: Some("write at least one".to_owned()),
    }
}

/// What to write in place of a text that cannot name a policy.
fn name_hint(written: &str, why: &str) -> String {
    let signs = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let plain = written.to_ascii_lowercase();
    let words = plain
        .split(|c: char| !signs(c))
        .filter(|word| !word.is_empty());
    let joined = words.collect::<Vec<_>>().join("-");
    let joined = joined.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    match PolicyName::parse(joined) {
        Ok(name) => format!("a name {why}, such as `{name}`"),
        Err(_) => format!("a name {why}"),
    }
}

/// The policies of one file.
struct CompiledFile {
    /// The position of `policies`.
    position: Position,
    /// Whether `policies` is an empty map.
    is_empty: bool,
    /// Those that could be compiled, each with the position of its name.
    policies: Vec<(Position, PolicyName, Policy)>,
}

impl ParsedFile {
    fn read(source: &Arc<SourceText>) -> Self {
        let mut diagnostics = Diagnostics::default();
        let document =
            Decoder::new(Arc::clone(source), &mut diagnostics).document(POLICY_FILE_BYTES_MAX);
        Self {
            source: Arc::clone(source),
            document,
            diagnostics,
        }
    }

    fn lists(&self) -> BTreeSet<ListFile> {
        let named = |document| named_in(&self.source.path, document);
        self.document.as_ref().map(named).unwrap_or_default()
    }

    fn policies(
        &self,
        decoder: &mut Decoder<'_>,
        lists: &ReadLists,
    ) -> Result<CompiledFile, Reported> {
        let document = self.document.as_ref().map_err(|reported| *reported)?;
        let mut fields = decoder.fields(document, "a policy file")?;
        if let Some(cases) = fields.mistaken_for("cases", "policies") {
            let hint = "`verigate policy test` runs cases against policies";
            let message = "this is a case file, not a policy file";
            return Err(decoder.refuse(ProblemCode::WrongFile, cases.position, message, hint));
        }
        if let Ok(version) = fields.require("version", decoder) {
            let hint = "write `version: 1`: this release reads version 1 of the language";
            if decoder.text(version, "`version`").is_ok_and(|v| v != "1") {
                let message = "this version of the language is not known";
                decoder.refuse(ProblemCode::WrongFile, version.position, message, hint);
            }
        }
        let policies = fields
            .require("policies", decoder)
            .and_then(|node| decoder.fields(node, "`policies`"));
        fields.finish(decoder);
        let policies = policies?;
        let compiled = policies.others().filter_map(|(key, node)| {
            let name = PolicyName::parse(&key.name).map_err(|why| {
                let message = format!("`{}` cannot name a policy", key.name);
                let hint = name_hint(&key.name, &why.to_string());
                decoder.refuse(ProblemCode::InvalidValue, key.position, message, hint)
            });
            let policy = policy::read(decoder, node, lists);
            let (name, policy) = name.and_then(|name| Ok((name, policy?))).ok()?;
            Some((
                key.position,
                name,
                policy.read_at(decoder.location(key.position)),
            ))
        });
        Ok(CompiledFile {
            position: policies.position,
            is_empty: policies.is_empty(),
            policies: compiled.collect(),
        })
    }
}

#[cfg(test)]
mod tests;
