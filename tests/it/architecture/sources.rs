//! The sources as a tree of modules. The policy language is the module `policy`, as the service names it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use super::tokens::{Token, tokens};

pub type Code = Vec<(usize, Token)>;

/// Items by their keyword.
pub const ITEMS: [&str; 8] = [
    "fn", "struct", "enum", "union", "trait", "type", "const", "static",
];

/// One file of code, without its tests.
#[derive(Debug)]
pub struct Source {
    /// The path in the repository.
    pub path: String,
    /// The path of the module; empty for a root.
    pub module: Vec<String>,
    pub code: Code,
}

impl Source {
    /// The room that the file belongs to.
    pub fn room(&self) -> &str {
        self.module.first().map_or("lib", String::as_str)
    }

    /// The root of the package: where `crate::` leads.
    pub fn root(&self) -> Vec<String> {
        let policy = self.path.starts_with("crates/policy/");
        policy.then(|| "policy".to_owned()).into_iter().collect()
    }
}

/// All files, by module.
#[derive(Debug, Default)]
pub struct Sources(pub BTreeMap<Vec<String>, Source>);

impl Sources {
    /// What `src` and `crates` hold.
    pub fn read() -> Self {
        Self::of(files(&["src", "crates"]))
    }

    /// These files. Modules of tests are removed, whether they are inline or files.
    pub fn of(files: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut sources = BTreeMap::new();
        let mut tests: BTreeSet<Vec<String>> = BTreeSet::new();
        for (path, text) in files {
            let Some(module) = module(&path) else {
                continue;
            };
            let (code, test_modules) = without_tests(&tokens(&text));
            tests.extend(test_modules.into_iter().map(|name| {
                let name = std::iter::once(name);
                module.iter().cloned().chain(name).collect::<Vec<_>>()
            }));
            let source = Source {
                path,
                module: module.clone(),
                code,
            };
            sources.insert(module, source);
        }
        sources.retain(|module, _| !tests.iter().any(|test| module.starts_with(test)));
        Self(sources)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Source> {
        self.0.values()
    }

    pub fn rooms(&self) -> BTreeSet<&str> {
        let rooms = self.iter().map(Source::room);
        rooms.filter(|room| *room != "lib").collect()
    }
}

/// The module of a file; nothing for the binary, which only calls the library.
fn module(path: &str) -> Option<Vec<String>> {
    let (root, inside) = match path.strip_prefix("crates/policy/src/") {
        Some(inside) => (Some("policy"), inside),
        None => (None, path.strip_prefix("src/")?),
    };
    let inside = inside.strip_suffix(".rs")?;
    if inside == "main" {
        return None;
    }
    let names = inside
        .split('/')
        .filter(|name| !["lib", "mod"].contains(name));
    Some(root.into_iter().chain(names).map(str::to_owned).collect())
}

/// Every Rust file of these folders, by its path in the repository, with its text.
pub fn files(folders: &[&str]) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut open: Vec<_> = folders.iter().map(|folder| root.join(folder)).collect();
    let mut files = Vec::new();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            let inside = fs::read_dir(&path).unwrap().map(|e| e.unwrap().path());
            open.extend(inside.filter(|path| !path.ends_with("target")));
        } else if is_rust(&path) {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap();
            files.push((name.replace('\\', "/"), fs::read_to_string(&path).unwrap()));
        }
    }
    files.sort();
    files
}

pub fn is_rust(path: impl AsRef<Path>) -> bool {
    path.as_ref().extension().is_some_and(|end| end == "rs")
}

/// The code without items that are compiled for tests alone, and the names of the modules among them that are files.
fn without_tests(code: &Code) -> (Code, Vec<String>) {
    let (mut kept, mut modules) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < code.len() {
        if !is_test_attribute(code, at) {
            kept.push(code[at].clone());
            at += 1;
            continue;
        }
        let mut item = at;
        while sign(code, item) == Some('#') {
            item = after_group(code, item + 1);
        }
        let end = item_end(code, item);
        let names = code[item..end].windows(3);
        modules.extend(names.filter_map(|three| match three {
            [(_, module), (_, Token::Word(name)), (_, Token::Sign(';'))]
                if module.is_word("mod") =>
            {
                Some(name.clone())
            }
            _ => None,
        }));
        at = end;
    }
    (kept, modules)
}

/// Whether an attribute begins here that keeps an item for tests: `cfg(test)`, `cfg(any(test, …))`, `test`.
fn is_test_attribute(code: &Code, at: usize) -> bool {
    if sign(code, at) != Some('#') || sign(code, at + 1) != Some('[') {
        return false;
    }
    let inside = &code[at + 2..after_group(code, at + 1)];
    let has = |word: &str| inside.iter().any(|(_, token)| token.is_word(word));
    let first = inside.first().and_then(|(_, token)| token.word());
    match first {
        Some("cfg") => has("test") && !has("not"),
        Some("test") => true,
        _ => false,
    }
}

pub fn sign(code: &Code, at: usize) -> Option<char> {
    match code.get(at) {
        Some((_, Token::Sign(sign))) => Some(*sign),
        _ => None,
    }
}

/// Where the group that opens here has ended; the next token if none opens.
pub fn after_group(code: &Code, at: usize) -> usize {
    let mut depth = 0_usize;
    for index in at..code.len() {
        match sign(code, index) {
            Some('(' | '[' | '{') => depth += 1,
            Some(')' | ']' | '}') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return index + 1;
        }
    }
    code.len()
}

/// Where the item, field or statement that begins here has ended.
pub fn item_end(code: &Code, start: usize) -> usize {
    let keyword = |token: &Token| {
        let item = |word: &str| ITEMS.contains(&word) || ["impl", "mod", "use"].contains(&word);
        token.word().is_some_and(item)
    };
    let first = code[start..]
        .iter()
        .take(8)
        .find(|(_, token)| keyword(token));
    let first = first.and_then(|(_, token)| token.word());
    // `const fn` is a function.
    let to_semicolon = matches!(first, Some("use" | "type" | "static"))
        || first == Some("const") && !code[start..].iter().take(8).any(|(_, t)| t.is_word("fn"));
    let mut at = start;
    while at < code.len() {
        match sign(code, at) {
            Some(';') => return at + 1,
            Some(',') if first.is_none() => return at + 1,
            Some('{') if !to_semicolon => return after_group(code, at),
            Some('(' | '[' | '{') => at = after_group(code, at),
            Some(')' | ']' | '}') => return at,
            _ => at += 1,
        }
    }
    code.len()
}

/// Sources that are made up, for the tests of these checks.
pub fn made_up(files: &[(&str, &str)]) -> Sources {
    let owned = |(path, text): &(&str, &str)| ((*path).to_owned(), (*text).to_owned());
    Sources::of(files.iter().map(owned))
}

#[test]
fn what_is_compiled_for_tests_alone_is_removed() {
    let sources = made_up(&[
        (
            "src/a.rs",
            "fn kept() {} #[cfg(test)] mod tests; #[cfg(test)] #[path = \"x\"] use crate::{b, c}; \
             #[cfg(any(test, feature = \"t\"))] pub const fn gone() { let x = [1, 2]; } \
             struct S { #[cfg(test)] gone_too: u8, kept_too: u8 } #[cfg(not(test))] fn kept_as_well() {}",
        ),
        ("src/a/tests.rs", "use crate::b;"),
        ("src/a/tests/deeper.rs", "use crate::b;"),
        (
            "src/b.rs",
            "#[cfg(test)] mod tests { use super::*; } fn last() {}",
        ),
        ("src/main.rs", "fn main() {}"),
        ("crates/policy/src/lib.rs", ""),
        ("crates/policy/src/yaml/node.rs", ""),
    ]);
    let modules: Vec<String> = sources.0.keys().map(|m| m.join("::")).collect();
    assert_eq!(modules, ["a", "b", "policy", "policy::yaml::node"]);
    let a = &sources.0[&vec!["a".to_owned()]];
    let words: Vec<&str> = a
        .code
        .iter()
        .filter_map(|(_, token)| token.word())
        .collect();
    assert!(
        !words
            .iter()
            .any(|word| word.starts_with("gone") || *word == "crate"),
        "{words:?}"
    );
    for kept in ["kept", "kept_too", "kept_as_well"] {
        assert!(words.contains(&kept), "{words:?}");
    }
    let b = &sources.0[&vec!["b".to_owned()]];
    assert!(b.code.iter().any(|(_, token)| token.is_word("last")));
    assert!(!b.code.iter().any(|(_, token)| token.is_word("super")));
}
