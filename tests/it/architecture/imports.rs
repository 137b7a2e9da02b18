//! Which file names what of which other: by `use` and by paths in code, through re-exports to the file that defines it.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    sources::{Code, Source, Sources, after_group, sign},
    tokens::Token,
};

/// How many re-exports may lead from a name to its definition.
const HOPS_MAX: usize = 16;

type ModulePath = Vec<String>;

/// One name that a file takes from another file of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    pub line: usize,
    /// As it is written, from the root on: `source::Known`.
    pub path: ModulePath,
    /// The module of the file that defines it.
    pub definer: ModulePath,
    /// Re-exported and not used by this file itself.
    pub only_reexported: bool,
}

/// What a file binds by one `use`.
#[derive(Debug, Clone)]
struct Binding {
    line: usize,
    /// From the root on; nothing if it is not ours.
    path: Option<ModulePath>,
    /// `*` for a glob, `_` for a trait that is not named.
    name: String,
    public: bool,
}

/// What each file binds and defines.
#[derive(Debug)]
pub struct Imports<'s> {
    sources: &'s Sources,
    bindings: BTreeMap<&'s [String], Vec<Binding>>,
    defined: BTreeMap<&'s [String], BTreeSet<&'s str>>,
}

impl<'s> Imports<'s> {
    pub fn of(sources: &'s Sources) -> Self {
        let mut imports = Self {
            sources,
            bindings: BTreeMap::new(),
            defined: BTreeMap::new(),
        };
        for source in sources.iter() {
            imports
                .defined
                .insert(&source.module, defined(&source.code));
            let bindings = imports.bindings_of(source);
            imports.bindings.insert(&source.module, bindings);
        }
        imports
    }

    /// What this file takes from other files.
    pub fn from(&self, source: &Source) -> Vec<Import> {
        let mut imports = Vec::new();
        let bindings = &self.bindings[source.module.as_slice()];
        let used = used_words(&source.code);
        for binding in bindings {
            let Some(path) = &binding.path else { continue };
            // A module that is bound says nothing yet: paths through it do.
            if self.sources.0.contains_key(path) && binding.name != "*" {
                continue;
            }
            let only_reexported = binding.public && !used.contains(binding.name.as_str());
            imports.extend(self.import(binding.line, path, only_reexported));
        }
        for (line, path) in paths(&source.code) {
            let named = bindings.iter().find(|binding| binding.name == path[0]);
            let path = match named {
                Some(Binding { path: None, .. }) => continue,
                Some(Binding {
                    path: Some(bound), ..
                }) => bound.iter().chain(&path[1..]).cloned().collect(),
                None => match self.absolute(source, &path) {
                    Some(path) => path,
                    None => continue,
                },
            };
            imports.extend(self.import(line, &path, false));
        }
        imports.retain(|import| import.definer != source.module);
        imports
    }

    /// The `pub use` of names that another room defines: the line, and the path from the root on.
    pub fn reexports(&self, source: &Source) -> Vec<(usize, ModulePath)> {
        let bindings = self.bindings[source.module.as_slice()].iter();
        let public = bindings.filter(|binding| binding.public);
        let paths = public.filter_map(|binding| Some((binding.line, binding.path.clone()?)));
        paths
            .filter(|(_, path)| {
                let definer = self.definer(path, 0);
                definer.is_some_and(|definer| definer.first() != source.module.first())
            })
            .collect()
    }

    fn import(&self, line: usize, path: &ModulePath, only_reexported: bool) -> Option<Import> {
        let definer = self.definer(path, 0)?;
        Some(Import {
            line,
            path: path.clone(),
            definer,
            only_reexported,
        })
    }

    /// The module whose file defines what this path names.
    fn definer(&self, path: &[String], hops: usize) -> Option<ModulePath> {
        let longest = (0..=path.len()).rev().map(|length| &path[..length]);
        let module = longest
            .into_iter()
            .find(|module| self.sources.0.contains_key(*module))?;
        let Some(name) = path.get(module.len()) else {
            return Some(module.to_vec());
        };
        let here = Some(module.to_vec());
        if name == "*" || hops > HOPS_MAX || self.defined[module].contains(name.as_str()) {
            return here;
        }
        let rest = &path[module.len() + 1..];
        for binding in &self.bindings[module] {
            let through = match (&binding.path, binding.name.as_str()) {
                (Some(bound), "*") => {
                    let parent = &bound[..bound.len() - 1];
                    let known = self.defined.get(parent);
                    if !known.is_some_and(|names| names.contains(name.as_str())) {
                        continue;
                    }
                    parent.iter().chain([name]).chain(rest).cloned().collect()
                }
                (None, bound) if bound == name => return None,
                (Some(bound), passed) if passed == name => {
                    bound.iter().chain(rest).cloned().collect::<ModulePath>()
                }
                _ => continue,
            };
            return self.definer(&through, hops + 1);
        }
        here
    }

    /// The path from the root on. Nothing if it does not lead to us.
    fn absolute(&self, source: &Source, path: &[String]) -> Option<ModulePath> {
        let mut rest = path.iter().map(String::as_str).peekable();
        let mut at = match *rest.peek()? {
            "crate" => {
                rest.next();
                source.root()
            }
            "verigate_policy" => {
                rest.next();
                vec!["policy".to_owned()]
            }
            "verigate" => {
                rest.next();
                Vec::new()
            }
            "self" => {
                rest.next();
                source.module.clone()
            }
            "super" => source.module.clone(),
            first => {
                let mut child = source.module.clone();
                child.push(first.to_owned());
                self.sources
                    .0
                    .contains_key(&child)
                    .then_some(child.clone())?;
                source.module.clone()
            }
        };
        while rest.next_if_eq(&"super").is_some() {
            at.pop();
        }
        at.extend(rest.map(str::to_owned));
        Some(at)
    }

    fn bindings_of(&self, source: &Source) -> Vec<Binding> {
        let mut bindings = Vec::new();
        for (start, public) in uses(&source.code) {
            let mut leaves = Vec::new();
            tree(&source.code, start + 1, &[], &mut leaves);
            bindings.extend(leaves.into_iter().map(|(line, mut path, alias)| {
                if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
                    path.pop();
                }
                let name = alias.or_else(|| path.last().cloned()).unwrap_or_default();
                Binding {
                    line,
                    path: self.absolute(source, &path),
                    name,
                    public,
                }
            }));
        }
        bindings
    }
}

/// Where each `use` stands, and whether it is visible to others.
fn uses(code: &Code) -> Vec<(usize, bool)> {
    let is_use = |at: &usize| code[*at].1.is_word("use") && sign(code, at + 1) != Some('<');
    (0..code.len())
        .filter(is_use)
        .map(|at| {
            let before = at.checked_sub(1);
            let public = before.is_some_and(|before| {
                code[before].1.is_word("pub") || sign(code, before) == Some(')')
            });
            (at, public)
        })
        .collect()
}

/// Reads the tree of a `use` from here on; where it ends.
fn tree(
    code: &Code,
    mut at: usize,
    prefix: &[String],
    leaves: &mut Vec<(usize, ModulePath, Option<String>)>,
) -> usize {
    let mut path = prefix.to_vec();
    while let Some((line, token)) = code.get(at) {
        match token {
            Token::Word(word) if word == "as" => {
                let alias = code.get(at + 1).and_then(|(_, alias)| alias.word());
                leaves.push((*line, path, alias.map(str::to_owned)));
                return at + 2;
            }
            Token::Word(word) => path.push(word.clone()),
            Token::Sign('*') => path.push("*".to_owned()),
            Token::Sign('{') => {
                at += 1;
                while sign(code, at) != Some('}') {
                    at = tree(code, at, &path, leaves);
                    at += usize::from(sign(code, at) == Some(','));
                }
                return at + 1;
            }
            Token::Sign(':') => {}
            _ => {
                // The line of the last word.
                leaves.push((code[at - 1].0, path, None));
                return at;
            }
        }
        at += 1;
    }
    at
}

/// The paths of code that are not in a `use`: at least two words.
fn paths(code: &Code) -> Vec<(usize, ModulePath)> {
    let code = without_uses(code);
    let mut paths = Vec::new();
    let mut at = 0;
    while at < code.len() {
        let (line, token) = &code[at];
        at += 1;
        // The path in `pub(in crate::room)` says who sees an item, and imports nothing.
        if token.is_word("pub") && sign(&code, at) == Some('(') {
            at = after_group(&code, at);
            continue;
        }
        let Some(first) = token.word() else { continue };
        let mut path = vec![first.to_owned()];
        while let (Some(':'), Some(':'), Some((_, Token::Word(word)))) =
            (sign(&code, at), sign(&code, at + 1), code.get(at + 2))
        {
            path.push(word.clone());
            at += 3;
        }
        if path.len() > 1 {
            paths.push((*line, path));
        }
    }
    paths
}

pub fn without_uses(code: &Code) -> Code {
    let mut kept = Vec::new();
    let mut skipping = false;
    let starts: BTreeSet<usize> = uses(code).into_iter().map(|(at, _)| at).collect();
    for (at, token) in code.iter().enumerate() {
        skipping |= starts.contains(&at);
        if !skipping {
            kept.push(token.clone());
        }
        skipping &= token.1 != Token::Sign(';');
    }
    kept
}

fn used_words(code: &Code) -> BTreeSet<String> {
    let code = without_uses(code);
    let words = code.iter().filter_map(|(_, token)| token.word());
    words.map(str::to_owned).collect()
}

/// The names of the items of a file that are not inside another item.
fn defined(code: &Code) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    let mut depth = 0_usize;
    for (at, (_, token)) in code.iter().enumerate() {
        match token {
            Token::Sign('{') => depth += 1,
            Token::Sign('}') => depth = depth.saturating_sub(1),
            Token::Word(word) if depth == 0 => {
                let named = match word.as_str() {
                    "macro_rules" => at + 2,
                    "mod" if sign(code, at + 2) == Some(';') => continue,
                    word if super::sources::ITEMS.contains(&word) || word == "mod" => at + 1,
                    _ => continue,
                };
                names.extend(code.get(named).and_then(|(_, name)| name.word()));
            }
            _ => {}
        }
    }
    names
}
