//! Nodes become values: texts, lists, numbers and words.

use std::ops::RangeInclusive;

use super::{
    decoder::{Decoder, Reported, all},
    fields::Fields,
    node::{Node, NodeKind},
    suggestion::did_you_mean,
};

impl Decoder<'_> {
    /// A map's entries, to be taken by name.
    pub fn fields<'n>(&mut self, node: &'n Node, what: &str) -> Result<Fields<'n>, Reported> {
        match &node.kind {
            NodeKind::Map(entries) => Ok(Fields::new(entries, node.position)),
            _ => Err(self.expected(node, &format!("{what} is a map of keys and values"))),
        }
    }

    /// The items of a list that is not empty.
    pub fn list<'n>(&mut self, node: &'n Node, what: &str) -> Result<&'n [Node], Reported> {
        self.items(node, what, "name at least one, or leave it out")
    }

    /// The items of a list that must be there, and is not empty.
    pub fn required_list<'n>(
        &mut self,
        node: &'n Node,
        what: &str,
    ) -> Result<&'n [Node], Reported> {
        self.items(node, what, "write at least one")
    }

    fn items<'n>(
        &mut self,
        node: &'n Node,
        what: &str,
        hint: &str,
    ) -> Result<&'n [Node], Reported> {
        match &node.kind {
            NodeKind::List(items) if items.is_empty() => {
                let hint = hint.to_owned();
                Err(self.error(node.position, format!("{what} is empty"), Some(hint)))
            }
            NodeKind::List(items) => Ok(items),
            NodeKind::Text(text) => {
                let hint = format!("write a list: `[{text}]`");
                Err(self.error(node.position, format!("{what} is a list"), Some(hint)))
            }
            _ => Err(self.expected(node, &format!("{what} is a list"))),
        }
    }

    /// The texts of a list that is not empty.
    pub fn texts<'n>(&mut self, node: &'n Node, what: &str) -> Result<Vec<&'n str>, Reported> {
        let items = self.list(node, what)?.iter();
        all(items.map(|item| self.text(item, &format!("an item of {what}"))))
    }

    /// A scalar's text, which is not empty.
    pub fn text<'n>(&mut self, node: &'n Node, what: &str) -> Result<&'n str, Reported> {
        match &node.kind {
            NodeKind::Text(text) if text.is_empty() => {
                Err(self.error(node.position, format!("{what} is empty"), None))
            }
            NodeKind::Text(text) => Ok(text),
            _ => Err(self.expected(node, &format!("{what} is a text"))),
        }
    }

    /// A whole number in a range.
    pub fn whole_number(
        &mut self,
        node: &Node,
        what: &str,
        range: RangeInclusive<u16>,
    ) -> Result<u16, Reported> {
        let text = self.text(node, what)?;
        let digits = text.bytes().all(|b| b.is_ascii_digit());
        let number = text.parse().ok().filter(|n| digits && range.contains(n));
        number.ok_or_else(|| {
            let (from, to) = (range.start(), range.end());
            let message = format!("{what}: `{text}` is not a whole number between {from} and {to}");
            let hint = format!("such as `{to}`");
            self.error(node.position, message, Some(hint))
        })
    }

    /// One of a few words.
    pub fn word<T: Clone>(
        &mut self,
        node: &Node,
        what: &str,
        words: &[(&str, T)],
    ) -> Result<T, Reported> {
        let text = self.text(node, what)?;
        let found = words.iter().find(|(word, _)| *word == text);
        found.map(|(_, value)| value.clone()).ok_or_else(|| {
            let all: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
            let message = format!("{what} is {}, not `{text}`", all.join(" or "));
            let hint = did_you_mean(text, words.iter().map(|(word, _)| *word))
                .or_else(|| Some(format!("write one of {}", all.join(", "))));
            self.error(node.position, message, hint)
        })
    }

    fn expected(&mut self, node: &Node, expectation: &str) -> Reported {
        let found = match &node.kind {
            NodeKind::Text(_) => "a text",
            NodeKind::Null => "nothing",
            NodeKind::List(_) => "a list",
            NodeKind::Map(_) => "a map",
        };
        self.error(node.position, format!("{expectation}, not {found}"), None)
    }
}
