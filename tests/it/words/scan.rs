//! Finds phrases in a text, and says where.

use std::{collections::BTreeMap, fmt};

use super::{Banned, Kind};
use crate::architecture::{
    sources::is_rust,
    tokens::{Token, tokens},
};

/// A phrase that was found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hit {
    pub file: String,
    pub line: usize,
    pub phrase: &'static str,
    pub instead: &'static str,
    /// The line that it stands on.
    pub text: String,
}

impl fmt::Display for Hit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            line,
            phrase,
            instead,
            text,
        } = self;
        let text: String = text.trim().chars().take(120).collect();
        write!(f, "{file}:{line}: `{phrase}` -> {instead}\n    {text}")
    }
}

/// Every place of this file where one of these phrases stands, in its text or in its path. Line 0 is the path.
pub fn hits(file: &str, text: &str, banned: &[Banned]) -> Vec<Hit> {
    let lines: Vec<&str> = text.lines().collect();
    let mut hits = Vec::new();
    let mut hit = |line: usize, banned: &Banned| {
        let text = line.checked_sub(1).and_then(|at| lines.get(at));
        hits.push(Hit {
            file: file.to_owned(),
            line,
            phrase: banned.phrase,
            instead: banned.instead,
            text: text.unwrap_or(&file).to_string(),
        });
    };
    let readable = readable(file, text, banned);
    let words: Vec<(usize, String)> = words(file)
        .map(|word| (0, word))
        // Ends the path, so that no phrase begins there and goes on in the text.
        .chain([(0, String::new())])
        .chain(readable.iter().enumerate().flat_map(|(at, line)| {
            words(line)
                .map(move |word| (at + 1, word))
                .collect::<Vec<_>>()
        }))
        .collect();
    let mut starts: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, (_, word)) in words.iter().enumerate() {
        starts.entry(word).or_default().push(at);
    }
    let names = names(file, text);
    for banned in banned {
        match banned.kind {
            Kind::Words => {
                let phrase: Vec<&str> = banned.phrase.split(' ').collect();
                for at in starts.get(phrase[0]).into_iter().flatten() {
                    let found = words[*at..].iter().map(|(_, word)| word.as_str());
                    if found.take(phrase.len()).eq(phrase.iter().copied()) {
                        hit(words[*at].0, banned);
                    }
                }
            }
            Kind::Identifier => {
                for (line, _) in names.iter().filter(|(_, name)| name == banned.phrase) {
                    hit(*line, banned);
                }
            }
            Kind::Renamed => {
                let letter = |c: char| c.is_alphanumeric() || c == '_';
                for (at, line) in readable.iter().enumerate() {
                    let mut names = line.split(|c| !letter(c));
                    if names.any(|name| name == banned.phrase) {
                        hit(at + 1, banned);
                    }
                }
            }
        }
    }
    hits.sort();
    hits
}

/// The lines, without the old names in the upgrade notes of the changelog, which belong there.
fn readable(file: &str, text: &str, banned: &[Banned]) -> Vec<String> {
    let mut notes = false;
    let mut lines = Vec::new();
    for line in text.lines() {
        if line.starts_with('#') {
            notes = file == "CHANGELOG.md" && line.to_lowercase().contains("upgrade notes");
        }
        let renamed = banned.iter().filter(|banned| notes && banned.is_renamed());
        let right = renamed.map(|renamed| renamed.phrase);
        lines.push(right.fold(line.to_owned(), |line, name| line.replace(name, "")));
    }
    lines
}

/// The words of a line, in lower case: runs of letters and digits, cut where a CamelCase word begins.
fn words(line: &str) -> impl Iterator<Item = String> {
    line.split(|c: char| !c.is_alphanumeric())
        .flat_map(camel)
        .filter(|word| !word.is_empty())
}

fn camel(run: &str) -> Vec<String> {
    let letters: Vec<char> = run.chars().collect();
    let mut words = vec![String::new()];
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| letters.get(at));
        let after = letters.get(at + 1);
        // `aB` is cut before the B, `ABc` before the B too.
        let begins = letter.is_uppercase()
            && before.is_some_and(|before| {
                !before.is_uppercase() || after.is_some_and(|after| after.is_lowercase())
            });
        if begins {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.extend(letter.to_lowercase());
        }
    }
    words
}

/// The names in Rust code, and those between backticks.
fn names(file: &str, text: &str) -> Vec<(usize, String)> {
    let mut names = Vec::new();
    if is_rust(file) {
        let code = tokens(text).into_iter();
        names.extend(code.filter_map(|(line, token)| match token {
            Token::Word(word) => Some((line, word)),
            _ => None,
        }));
    }
    for (at, line) in text.lines().enumerate() {
        for quoted in line.split('`').skip(1).step_by(2) {
            let letter = |c: char| c.is_alphanumeric() || c == '_';
            let words = quoted.split(|c| !letter(c));
            names.extend(words.map(|word| (at + 1, word.to_owned())));
        }
    }
    names.sort();
    names.dedup();
    names
}
