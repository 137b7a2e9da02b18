//! Parses a text to a tree. Anchors, aliases, tags and duplicate keys are errors, so that a policy can be read without following
//! references.

use std::{collections::HashSet, sync::Arc};

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use super::{
    decoder::{Decoder, Reported},
    location::{Position, lines},
    node::{Key, Node, NodeKind},
    problem::ProblemCode,
};

/// How deep lists and maps may nest: deeper than any policy needs, shallow enough for every walk.
const DEPTH_MAX: usize = 32;

impl Decoder<'_> {
    /// The tree of the text's one document. A text of more than `bytes_max` bytes is an error.
    pub fn document(&mut self, bytes_max: usize) -> Result<Node, Reported> {
        let source = Arc::clone(self.source());
        if source.text.len() > bytes_max {
            let message = format!("the file is larger than {} MiB", bytes_max / (1024 * 1024));
            let hint = "split it into several files";
            return Err(self.refuse(ProblemCode::TooMany, Position::START, message, hint));
        }
        if let Some(position) = position_of_replacement(&source.text) {
            // One that stands in the text looks like one that decoding other bytes left.
            let message = "not UTF-8, or the character U+FFFD, which stands for what is not";
            let hint = "save the file as UTF-8, and write no U+FFFD";
            return Err(self.refuse(ProblemCode::NotUtf8, position, message, hint));
        }
        let mut tree = Tree::default();
        for step in Parser::new_from_str(&source.text) {
            match step {
                Ok((event, span)) => tree.grow(event, span, self)?,
                Err(error) => {
                    let position = position_of(&Span::empty(*error.marker()));
                    let message = format!("not YAML: {}", error.info());
                    let hint = syntax_hint(&source.text, position);
                    return Err(self.refuse(ProblemCode::NotYaml, position, message, hint));
                }
            }
        }
        tree.root.ok_or_else(|| {
            let hint = "a policy file has `version: 1` and `policies:`, a case file `cases:`";
            self.refuse(
                ProblemCode::Empty,
                Position::START,
                "the file is empty",
                hint,
            )
        })
    }
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
    /// Takes the next event. An error ends the document; other problems are only reported.
    fn grow(
        &mut self,
        event: Event<'_>,
        span: Span,
        decoder: &mut Decoder<'_>,
    ) -> Result<(), Reported> {
        let position = position_of(&span);
        match event {
            Event::DocumentStart(_) if self.root.is_some() => {
                let hint = "write it into a file of its own";
                let message = "a second document in one file";
                return Err(decoder.refuse(ProblemCode::NotYaml, position, message, hint));
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
                None => {
                    let hint =
                        "a bracket is closed that was not opened: look at the brackets before it";
                    return Err(decoder.refuse(ProblemCode::NotYaml, position, "not YAML", hint));
                }
            },
            _ => {}
        }
        if self.open.len() > DEPTH_MAX {
            let hint = "a policy needs no more than a few levels";
            let message = format!("nested more than {DEPTH_MAX} deep");
            return Err(decoder.refuse(ProblemCode::TooMany, position, message, hint));
        }
        Ok(())
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
                    let hint = "keep one of the two";
                    decoder.refuse(ProblemCode::DuplicateKey, key.position, message, hint);
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
    let hint = "write a name before the colon; quote one that begins with a bracket, `~` or `null`";
    decoder.refuse(ProblemCode::YamlFeature, position, "a key is a text", hint);
    None
}

fn refuse_alias(decoder: &mut Decoder<'_>, position: Position) {
    let hint = "write the value out where it is used; quote a text that begins with `&` or `*`";
    let message = "YAML anchors and aliases are not allowed";
    decoder.refuse(ProblemCode::YamlFeature, position, message, hint);
}

fn refuse_decoration(anchor: usize, tagged: bool, position: Position, decoder: &mut Decoder<'_>) {
    if anchor != 0 {
        refuse_alias(decoder, position);
    }
    if tagged {
        let hint = "write the value without a tag: the key determines its type; quote a text that begins with `!`";
        let message = "YAML tags are not allowed";
        decoder.refuse(ProblemCode::YamlFeature, position, message, hint);
    }
}

/// What to look at where a text is not YAML.
fn syntax_hint(text: &str, position: Position) -> &'static str {
    let line = lines(text).nth(position.line.saturating_sub(1));
    let line = line.unwrap_or_default();
    let indent: String = line.chars().take_while(|c| c.is_whitespace()).collect();
    let value = line.split_once(": ").map_or("", |(_, value)| value.trim());
    if indent.contains('\t') {
        "indent with spaces, not with tabs"
    } else if value.starts_with(['@', '`', '%', '"', '\'']) || value.contains(": ") {
        "quote the whole value"
    } else {
        "look at the indentation, the quotes and the brackets of this line and of those before it"
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
