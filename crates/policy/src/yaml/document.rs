//! A YAML text as a tree in which every node knows its place, and the reader that turns nodes into values while it
//! collects every problem. Anchors, aliases, tags and duplicate keys are errors: a policy says what it means where it
//! stands.

use std::{collections::HashSet, ops::RangeInclusive, sync::Arc};

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use super::diagnostic::{Diagnostic, Diagnostics, Location, Position, SourceText, lines};

/// How deep lists and maps may nest: deeper than any policy needs, shallow enough for every walk.
const DEPTH_MAX: usize = 32;
/// Nothing longer is a misspelling.
const WORD_CHARS_MAX: usize = 64;

/// A value in a document, and where it stands.
#[derive(Debug, Clone)]
pub struct Node {
    /// What it is.
    pub kind: NodeKind,
    /// Where it begins.
    pub position: Position,
}

/// What a node can be.
#[derive(Debug, Clone)]
pub enum NodeKind {
    /// A scalar, as it was written.
    Text(String),
    /// `~`, `null`, or nothing at all.
    Null,
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the order of the text; keys are texts and differ.
    Map(Vec<(Key, Node)>),
}

/// A key of a map, and where it stands.
#[derive(Debug, Clone)]
pub struct Key {
    /// The key.
    pub name: String,
    /// Where it stands.
    pub position: Position,
}

/// Reads one text: parses it, turns nodes into values, and collects every problem on the way.
#[derive(Debug)]
pub struct Decoder<'p> {
    source: Arc<SourceText>,
    diagnostics: &'p mut Diagnostics,
}

impl<'p> Decoder<'p> {
    /// A reader of this text that adds to these problems.
    pub fn new(source: Arc<SourceText>, diagnostics: &'p mut Diagnostics) -> Self {
        Self {
            source,
            diagnostics,
        }
    }

    /// The path of the text.
    pub fn path(&self) -> &str {
        &self.source.path
    }

    /// This place in the text.
    pub fn location(&self, position: Position) -> Location {
        Location {
            source: Arc::clone(&self.source),
            position,
        }
    }

    /// Notes a problem.
    pub fn error(&mut self, position: Position, message: impl Into<String>, hint: Option<String>) {
        self.diagnostics.push(Diagnostic {
            location: self.location(position),
            message: message.into(),
            hint,
        });
    }

    /// The tree of the text's one document, which is no larger than so many bytes.
    pub fn document(&mut self, bytes_max: usize) -> Option<Node> {
        let source = Arc::clone(&self.source);
        if source.text.len() > bytes_max {
            let message = format!("the file is larger than {} MiB", bytes_max / (1024 * 1024));
            let hint = "split it into several files".to_owned();
            self.error(Position::START, message, Some(hint));
            return None;
        }
        if let Some(position) = position_of_replacement(&source.text) {
            // A literal one cannot be told from one that the reading of other bytes left.
            let message = "not UTF-8, or the character U+FFFD, which stands for what is not";
            let hint = "save the file as UTF-8, and write no U+FFFD".to_owned();
            self.error(position, message, Some(hint));
            return None;
        }
        let mut tree = Tree::default();
        for step in Parser::new_from_str(&source.text) {
            match step {
                Ok((event, span)) => {
                    if !tree.grow(event, span, self) {
                        return None;
                    }
                }
                Err(error) => {
                    let position = position_of(&Span::empty(*error.marker()));
                    self.error(position, format!("not YAML: {}", error.info()), None);
                    return None;
                }
            }
        }
        if tree.root.is_none() {
            let hint = "a policy file has `version: 1` and `policies:`, a case file `cases:`";
            self.error(Position::START, "the file is empty", Some(hint.to_owned()));
        }
        tree.root
    }

    /// The map's entries, to be taken by name.
    pub fn fields<'n>(&mut self, node: &'n Node, what: &str) -> Option<Fields<'n>> {
        let NodeKind::Map(entries) = &node.kind else {
            self.expected(node, &format!("{what} is a map of keys and values"));
            return None;
        };
        Some(Fields {
            entries,
            position: node.position,
            known: Vec::new(),
        })
    }

    /// The items of a list that is not empty.
    pub fn list<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [Node]> {
        self.items(node, what, "name at least one, or leave it out")
    }

    /// The items of a list that must be there, and is not empty.
    pub fn required_list<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [Node]> {
        self.items(node, what, "write at least one")
    }

    fn items<'n>(&mut self, node: &'n Node, what: &str, hint: &str) -> Option<&'n [Node]> {
        match &node.kind {
            NodeKind::List(items) if items.is_empty() => {
                let hint = hint.to_owned();
                self.error(node.position, format!("{what} is empty"), Some(hint));
                None
            }
            NodeKind::List(items) => Some(items),
            NodeKind::Text(text) => {
                let hint = format!("write a list: `[{text}]`");
                self.error(node.position, format!("{what} is a list"), Some(hint));
                None
            }
            _ => {
                self.expected(node, &format!("{what} is a list"));
                None
            }
        }
    }

    /// The texts of a list that is not empty.
    pub fn texts<'n>(&mut self, node: &'n Node, what: &str) -> Option<Vec<&'n str>> {
        let items = self.list(node, what)?;
        let texts: Vec<&str> = items
            .iter()
            .filter_map(|item| self.text(item, &format!("an item of {what}")))
            .collect();
        (texts.len() == items.len()).then_some(texts)
    }

    /// A scalar's text, which is not empty.
    pub fn text<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n str> {
        match &node.kind {
            NodeKind::Text(text) if text.is_empty() => {
                self.error(node.position, format!("{what} is empty"), None);
                None
            }
            NodeKind::Text(text) => Some(text),
            _ => {
                self.expected(node, &format!("{what} is a text"));
                None
            }
        }
    }

    /// A whole number in a range.
    pub fn whole_number(
        &mut self,
        node: &Node,
        what: &str,
        range: RangeInclusive<u16>,
    ) -> Option<u16> {
        let text = self.text(node, what)?;
        let digits = text.bytes().all(|b| b.is_ascii_digit());
        let number = text.parse().ok().filter(|n| digits && range.contains(n));
        if number.is_none() {
            let (from, to) = (range.start(), range.end());
            let message = format!("{what}: `{text}` is not a whole number between {from} and {to}");
            let hint = format!("such as `{to}`");
            self.error(node.position, message, Some(hint));
        }
        number
    }

    /// One of a few words.
    pub fn word<T: Clone>(&mut self, node: &Node, what: &str, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(node, what)?;
        let found = words.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let all: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
            let message = format!("{what} is {}, not `{text}`", all.join(" or "));
            let hint = did_you_mean(text, words.iter().map(|(word, _)| *word))
                .or_else(|| Some(format!("write one of {}", all.join(", "))));
            self.error(node.position, message, hint);
        }
        found.map(|(_, value)| value.clone())
    }

    fn expected(&mut self, node: &Node, expectation: &str) {
        let found = match &node.kind {
            NodeKind::Text(_) => "a text",
            NodeKind::Null => "nothing",
            NodeKind::List(_) => "a list",
            NodeKind::Map(_) => "a map",
        };
        self.error(node.position, format!("{expectation}, not {found}"), None);
    }
}

/// The entries of a map, taken by name. What nobody asked for is an error in the end.
#[derive(Debug)]
pub struct Fields<'n> {
    entries: &'n [(Key, Node)],
    /// Where the map stands.
    pub position: Position,
    known: Vec<&'static str>,
}

impl<'n> Fields<'n> {
    /// Whether the map has no entry at all.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The value of this key, if the map has it.
    pub fn take(&mut self, name: &'static str) -> Option<&'n Node> {
        self.known.push(name);
        self.entries
            .iter()
            .find(|(key, _)| key.name == name)
            .map(|(_, node)| node)
    }

    /// The value of this key, which the map must have.
    pub fn require(&mut self, name: &'static str, decoder: &mut Decoder<'_>) -> Option<&'n Node> {
        let node = self.take(name);
        if node.is_none() {
            decoder.error(self.position, format!("`{name}` is missing"), None);
        }
        node
    }

    /// This key, if the map has it, and has none of the other: a file that was given in another's place.
    pub fn mistaken_for(&self, name: &str, other: &str) -> Option<&'n Key> {
        let mut keys = self.entries.iter().map(|(key, _)| key);
        let key = keys.clone().find(|key| key.name == name)?;
        keys.all(|key| key.name != other).then_some(key)
    }

    /// The entries whose keys have not been asked for.
    pub fn others(&self) -> impl Iterator<Item = &'n (Key, Node)> {
        self.entries
            .iter()
            .filter(|(key, _)| !self.known.contains(&key.name.as_str()))
    }

    /// Reports every key that was not asked for.
    pub fn finish(self, decoder: &mut Decoder<'_>) {
        for (key, _) in self.others() {
            unknown_key(decoder, key, self.known.iter().copied());
        }
    }
}

/// Reports a key that is not one of these.
pub fn unknown_key<'k>(decoder: &mut Decoder<'_>, key: &Key, known: impl Iterator<Item = &'k str>) {
    let known: Vec<&str> = known.collect();
    let hint = did_you_mean(&key.name, known.iter().copied())
        .or_else(|| Some(format!("known here: {}", known.join(", "))));
    decoder.error(key.position, format!("unknown key `{}`", key.name), hint);
}

/// A hint at the nearest word, if one is near.
pub fn did_you_mean<'k>(text: &str, words: impl Iterator<Item = &'k str>) -> Option<String> {
    if text.chars().nth(WORD_CHARS_MAX).is_some() {
        return None;
    }
    words
        .map(|word| (strsim::damerau_levenshtein(text, word), word))
        .filter(|(distance, word)| *distance <= (word.len() / 3).max(1))
        .min()
        .map(|(_, word)| format!("did you mean `{word}`?"))
}

/// A tree that grows event by event.
#[derive(Default)]
struct Tree {
    open: Vec<Open>,
    root: Option<Node>,
}

/// A list or map that has begun and not ended.
enum Open {
    List(Position, Vec<Node>),
    Map(Position, OpenMap),
}

/// A map that has begun: its entries, the names of their keys, and a key that waits for its value.
#[derive(Default)]
struct OpenMap {
    entries: Vec<(Key, Node)>,
    names: HashSet<String>,
    key: Option<Key>,
    /// Whether what waits is no key: its value goes with it.
    refused: bool,
}

impl Tree {
    /// Takes the next event; whether it is worth going on.
    fn grow(&mut self, event: Event<'_>, span: Span, decoder: &mut Decoder<'_>) -> bool {
        let position = position_of(&span);
        match event {
            Event::DocumentStart(_) if self.root.is_some() => {
                let hint = "write it into a file of its own".to_owned();
                decoder.error(position, "a second document in one file", Some(hint));
                return false;
            }
            Event::Alias(_) => {
                refuse_alias(decoder, position);
                self.put(node(NodeKind::Null, position), decoder);
            }
            Event::Scalar(text, style, anchor, tag) => {
                refuse_decoration(anchor, tag.is_some(), position, decoder);
                let bare = style == ScalarStyle::Plain;
                let kind = if bare && matches!(&*text, "" | "~" | "null" | "Null" | "NULL") {
                    NodeKind::Null
                } else {
                    NodeKind::Text(text.into_owned())
                };
                self.put(node(kind, position), decoder);
            }
            Event::SequenceStart(anchor, tag) => {
                refuse_decoration(anchor, tag.is_some(), position, decoder);
                self.open.push(Open::List(position, Vec::new()));
            }
            Event::MappingStart(anchor, tag) => {
                refuse_decoration(anchor, tag.is_some(), position, decoder);
                self.open.push(Open::Map(position, OpenMap::default()));
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open::List(position, items)) => {
                    self.put(node(NodeKind::List(items), position), decoder);
                }
                Some(Open::Map(position, map)) => {
                    self.put(node(NodeKind::Map(map.entries), position), decoder);
                }
                None => return false,
            },
            _ => {}
        }
        if self.open.len() > DEPTH_MAX {
            let hint = "a policy needs no more than a few levels".to_owned();
            let message = format!("nested more than {DEPTH_MAX} deep");
            decoder.error(position, message, Some(hint));
            return false;
        }
        true
    }

    /// Puts a finished node where it belongs: as the root, an item, a key or a value.
    fn put(&mut self, node: Node, decoder: &mut Decoder<'_>) {
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List(_, items)) => items.push(node),
            Some(Open::Map(_, map)) if map.refused => map.refused = false,
            Some(Open::Map(_, map)) => match map.key.take() {
                None => {
                    map.key = as_key(node, decoder);
                    map.refused = map.key.is_none();
                }
                Some(key) if map.names.insert(key.name.clone()) => map.entries.push((key, node)),
                Some(key) => {
                    let message = format!("the key `{}` is here twice", key.name);
                    let hint = "keep one of the two".to_owned();
                    decoder.error(key.position, message, Some(hint));
                }
            },
        }
    }
}

fn node(kind: NodeKind, position: Position) -> Node {
    Node { kind, position }
}

/// A node as the key of a map. What cannot be one is reported.
fn as_key(node: Node, decoder: &mut Decoder<'_>) -> Option<Key> {
    let position = node.position;
    if let NodeKind::Text(name) = node.kind {
        return Some(Key { name, position });
    }
    decoder.error(position, "a key is a text", None);
    None
}

fn refuse_alias(decoder: &mut Decoder<'_>, position: Position) {
    let hint = Some("write the value out where it is used".to_owned());
    decoder.error(position, "YAML anchors and aliases are not allowed", hint);
}

fn refuse_decoration(anchor: usize, tagged: bool, position: Position, decoder: &mut Decoder<'_>) {
    if anchor != 0 {
        refuse_alias(decoder, position);
    }
    if tagged {
        let hint = "write the value alone; it is read by what is expected here".to_owned();
        decoder.error(position, "YAML tags are not allowed", Some(hint));
    }
}

/// Where the text has the character that stands for bytes that are no text.
fn position_of_replacement(text: &str) -> Option<Position> {
    let (index, line) = lines(text)
        .enumerate()
        .find(|(_, line)| line.contains(char::REPLACEMENT_CHARACTER))?;
    let column = line
        .chars()
        .take_while(|c| *c != char::REPLACEMENT_CHARACTER)
        .count();
    Some(Position {
        line: index.saturating_add(1),
        column: column.saturating_add(1),
        width: 1,
    })
}

fn position_of(span: &Span) -> Position {
    let width = if span.start.line() == span.end.line() {
        span.end.col().saturating_sub(span.start.col())
    } else {
        1
    };
    Position {
        line: span.start.line(),
        column: span.start.col().saturating_add(1),
        width: width.max(1),
    }
}

#[cfg(test)]
mod tests;
