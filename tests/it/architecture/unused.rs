//! Public items that nothing but tests uses, and error types whose name does not say so.

use std::collections::BTreeMap;

use super::{
    sources::{Code, ITEMS, Source, Sources, files, item_end, made_up, sign},
    tokens::{Token, tokens},
};

/// Items that only tests use, and why they stand in the sources all the same.
const NOT_SEEN_HERE: [(&str, &str); 3] = [
    (
        "SmallCodec",
        "the code that is generated from the contract uses it",
    ),
    ("ManualClock", "time is a fact that tests set"),
    (
        "expire_tokens",
        "a test cannot wait until a token of the simulated vendor expires",
    ),
];

/// A public item.
#[derive(Debug)]
struct Item<'s> {
    name: &'s str,
    path: &'s str,
    line: usize,
    /// Where it begins and ends in its file's code.
    span: (usize, usize),
}

/// The public items of these sources whose names nothing uses: no code of the sources, nor of the other packages.
fn unused(sources: &Sources, others: &[Code]) -> Vec<String> {
    // Where each name is used; nothing says where for other packages.
    let mut used: BTreeMap<String, Vec<(&str, usize)>> = BTreeMap::new();
    for source in sources.iter() {
        for (at, name) in uses(&source.code) {
            used.entry(name).or_default().push((&source.path, at));
        }
    }
    for (_, name) in others.iter().flat_map(uses) {
        used.entry(name).or_default().push(("", 0));
    }
    let mut unused = Vec::new();
    for item in sources.iter().flat_map(items) {
        let beyond = |(path, at): &(&str, usize)| {
            *path != item.path || !(item.span.0..item.span.1).contains(at)
        };
        let is_used = used
            .get(item.name)
            .is_some_and(|places| places.iter().any(beyond));
        let excepted = NOT_SEEN_HERE.iter().any(|(name, _)| *name == item.name);
        if !is_used && !excepted {
            unused.push(format!("{}:{} `{}`", item.path, item.line, item.name));
        }
    }
    unused
}

/// The items of a file that are visible beyond it: `pub`, `pub(crate)`, …
fn items(source: &Source) -> Vec<Item<'_>> {
    let code = &source.code;
    let mut items = Vec::new();
    for (at, (line, token)) in code.iter().enumerate() {
        if !token.is_word("pub") {
            continue;
        }
        let mut next = at + 1;
        if sign(code, next) == Some('(') {
            next = super::sources::after_group(code, next);
        }
        let words = code[next..].iter().take(4).map(|(_, token)| token.word());
        let words: Vec<&str> = words.map_while(|word| word).collect();
        let keyword = words
            .iter()
            .position(|word| ITEMS.contains(word) && !(*word == "const" && words.contains(&"fn")));
        let Some(keyword) = keyword else { continue };
        if let Some(name) = words.get(keyword + 1) {
            items.push(Item {
                name,
                path: &source.path,
                line: *line,
                span: (at, item_end(code, at)),
            });
        }
    }
    items
}

/// The words of code that use something, each with its place. The name of an item in its own definition does not, nor does the
/// header of an `impl`, nor a `use`, but for a trait that is imported without a name.
fn uses(code: &Code) -> Vec<(usize, String)> {
    let mut uses = Vec::new();
    let (mut skip_to, mut attribute_to) = (0, 0);
    for (at, (_, token)) in code.iter().enumerate() {
        if sign(code, at) == Some('#') && sign(code, at + 1) == Some('[') {
            attribute_to = super::sources::after_group(code, at + 1);
        }
        match token {
            // What a future captures is no import.
            Token::Word(word) if word == "use" && sign(code, at + 1) == Some('<') => {}
            Token::Word(word) if word == "use" => {
                skip_to = item_end(code, at);
                let unnamed = code[at..skip_to]
                    .windows(3)
                    .filter_map(|three| match three {
                        [(_, Token::Word(name)), (_, named), (_, nothing)] => {
                            (named.is_word("as") && nothing.is_word("_")).then_some(name)
                        }
                        _ => None,
                    });
                uses.extend(unnamed.map(|name| (at, name.clone())));
            }
            Token::Word(word) if word == "impl" && begins_item(code, at) => {
                let header = code[at..]
                    .iter()
                    .position(|(_, token)| *token == Token::Sign('{'));
                skip_to = at + header.unwrap_or(0);
            }
            Token::Word(word) if at >= skip_to && !is_defined(code, at) => {
                uses.push((at, word.clone()));
            }
            Token::Text(text) => {
                let names = if at < attribute_to {
                    path(text)
                } else {
                    captured(text)
                };
                uses.extend(names.into_iter().map(|name| (at, name)));
            }
            _ => {}
        }
    }
    uses
}

/// Whether this `impl` is an item, and not a type.
fn begins_item(code: &Code, at: usize) -> bool {
    let before = at.checked_sub(1).map(|before| &code[before].1);
    matches!(before, None | Some(Token::Sign(';' | '}' | ']' | '{')))
        || before.is_some_and(|before| before.is_word("unsafe"))
}

/// Whether this word is the name of the item that is defined here.
fn is_defined(code: &Code, at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|before| code[before].1.word());
    before.is_some_and(|before| ITEMS.contains(&before) || before == "mod")
}

/// The names in `{name}` of a format string.
fn captured(text: &str) -> Vec<String> {
    let opened = text.split('{').skip(1);
    let names = opened.filter_map(|rest| rest.split(['}', ':']).next());
    names.map(str::to_owned).collect()
}

/// The names of a path in an attribute, as in `#[serde(default = "name")]`.
fn path(text: &str) -> Vec<String> {
    text.split("::").map(str::to_owned).collect()
}

/// Types that are errors, by derive or by `impl`, and whose names do not end in `Error`.
fn misnamed_errors(sources: &Sources) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources.iter() {
        let code = &source.code;
        for (at, (line, token)) in code.iter().enumerate() {
            let name = if token.is_word("derive") {
                let group = super::sources::after_group(code, at + 1);
                let derives = code[at..group]
                    .iter()
                    .any(|(_, token)| token.is_word("Error"));
                let words = code[group..].iter().filter_map(|(_, token)| token.word());
                let mut words = words.skip_while(|word| !["struct", "enum"].contains(word));
                words.nth(1).filter(|_| derives)
            } else if token.is_word("Error") && code.get(at + 1).is_some_and(|t| t.1.is_word("for"))
            {
                code.get(at + 2).and_then(|(_, token)| token.word())
            } else {
                None
            };
            if let Some(name) = name.filter(|name| !name.ends_with("Error")) {
                found.push(format!("{}:{line} `{name}` is an error", source.path));
            }
        }
    }
    found
}

#[test]
fn an_item_that_only_tests_use_is_found() {
    let a = "pub struct Used; pub struct Unused { x: u8 } impl Unused { pub fn make() -> u8 { Self::make() } }
        impl Clone for Unused { fn clone(&self) -> Self {} } pub(crate) const fn idle() {}
        pub const LIMIT_MAX: u8 = 1; pub const SHOWN: u8 = 2; pub const BENCHED: u8 = 3; pub const AFTER: u8 = 4; pub trait Marker { fn f(); }
        pub use self::passed::Unused as Again; #[cfg(test)] mod tests { fn t() { super::Unused::make(); super::idle() } }";
    let b = "use crate::a::{Used, Marker as _}; fn f(u: Used) { print(\"{SHOWN:>3} {{LIMIT_MAX\") }
        #[serde(default = \"crate::b::fallback\")] pub fn fallback() {} impl Marker for u8 {}
        fn g() -> impl Sized + use<'_> { AFTER }";
    let sources = made_up(&[("src/a.rs", a), ("src/b.rs", b)]);
    let bench = tokens("fn main() { verigate::a::BENCHED; }");
    let expected = [
        "src/a.rs:1 `Unused`",
        "src/a.rs:1 `make`",
        "src/a.rs:2 `idle`",
    ];
    let found = unused(&sources, &[bench]);
    assert_eq!(found[..3], expected);
    assert_eq!(found.len(), 3, "{found:?}");
}

#[test]
fn an_error_by_another_name_is_found() {
    let a = "#[derive(Debug, thiserror::Error)] pub enum Broken {} #[derive(Debug, Error)] struct FineError;
        impl std::error::Error for Stopped {} impl Error for AlsoFineError {} #[derive(Debug)] struct NoError2;";
    let expected = [
        "src/a.rs:1 `Broken` is an error",
        "src/a.rs:2 `Stopped` is an error",
    ];
    assert_eq!(misnamed_errors(&made_up(&[("src/a.rs", a)])), expected);
}

#[test]
fn every_public_item_is_used_by_more_than_tests() {
    let others = files(&["benches", "fuzz", "build.rs", "src/main.rs"]);
    let others: Vec<Code> = others.iter().map(|(_, text)| tokens(text)).collect();
    let sources = Sources::read();
    let found = unused(&sources, &others);
    assert!(
        found.is_empty(),
        "nothing but tests uses:\n{}",
        found.join("\n")
    );
    let there = |name: &str| {
        let mut items = sources.iter().flat_map(items);
        items.any(|item| item.name == name)
    };
    let gone = NOT_SEEN_HERE.iter().find(|(name, _)| !there(name));
    assert!(gone.is_none(), "an exception that is not there: {gone:?}");
}

#[test]
fn the_name_of_an_error_type_ends_in_error() {
    let found = misnamed_errors(&Sources::read());
    assert!(found.is_empty(), "{}", found.join("\n"));
}
