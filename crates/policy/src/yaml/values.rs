//! Nodes become values: texts, lists, numbers and words.

use std::ops::RangeInclusive;

use super::{
    decoder::{Decoder, Reported, all},
    fields::Fields,
    node::{Node, NodeKind},
    problem::ProblemCode,
    suggestion::did_you_mean,
    vocabulary::letters,
};

/// The kind of a scalar that is not read as another kind.
const TEXT: &str = "a text";

impl Decoder<'_> {
    /// A map's entries, to be taken by name.
    pub fn fields<'n>(&mut self, node: &'n Node, what: &str) -> Result<Fields<'n>, Reported> {
        match &node.kind {
            NodeKind::Map(entries) => Ok(Fields::new(entries, node.position)),
            _ => {
                let hint = "write keys with values, such as `key: value`";
                Err(self.expected(node, what, "a map of keys and values", hint))
            }
        }
    }

    /// The items of a list that is not empty.
    pub fn list<'n>(&mut self, node: &'n Node, what: &str) -> Result<&'n [Node], Reported> {
        self.items(node, what, "name at least one, or take the key out")
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
                let message = format!("{what} is empty");
                Err(self.refuse(ProblemCode::Empty, node.position, message, hint))
            }
            NodeKind::List(items) => Ok(items),
            NodeKind::Text(text) => {
                let hint = format!("write a list: `[{text}]`");
                let message = format!("{what} is a list");
                Err(self.refuse(ProblemCode::WrongType, node.position, message, hint))
            }
            _ => {
                let hint = "write a list: `[one, another]`, or a line with `- ` for each item";
                Err(self.expected(node, what, "a list", hint))
            }
        }
    }

    /// The texts of a list that is not empty.
    pub fn texts<'n>(&mut self, node: &'n Node, what: &str) -> Result<Vec<&'n str>, Reported> {
        let items = self.list(node, what)?.iter();
        all(items.map(|item| self.text(item, &format!("an item of {what}"))))
    }

    /// A scalar's text, which is not empty.
    pub fn text<'n>(&mut self, node: &'n Node, what: &str) -> Result<&'n str, Reported> {
        self.text_of(node, what, TEXT)
    }

    /// A scalar's text, which is not empty and is to be read as this kind of value: "a duration".
    pub fn text_of<'n>(
        &mut self,
        node: &'n Node,
        what: &str,
        kind: &str,
    ) -> Result<&'n str, Reported> {
        match &node.kind {
            NodeKind::Text(text) if text.is_empty() => {
                let hint =
                    format!("write {kind} between the quotation marks, or take the line out");
                let message = format!("{what} is empty");
                Err(self.refuse(ProblemCode::Empty, node.position, message, hint))
            }
            NodeKind::Text(text) => Ok(text),
            NodeKind::List(items) => {
                let hint = match items.as_slice() {
                    [only] if matches!(only.kind, NodeKind::Text(_)) => "write it without brackets",
                    _ => "write one, without brackets; quote a text that begins with `[`",
                };
                Err(self.expected(node, what, kind, hint))
            }
            NodeKind::Map(_) | NodeKind::Null => {
                let hint = "write one, and quote a text with `: ` or braces in it";
                Err(self.expected(node, what, kind, hint))
            }
        }
    }

    /// A whole number in a range.
    pub fn whole_number(
        &mut self,
        node: &Node,
        what: &str,
        range: RangeInclusive<u16>,
    ) -> Result<u16, Reported> {
        let text = self.text_of(node, what, "a whole number")?;
        let digits = text.bytes().all(|b| b.is_ascii_digit());
        let number = text.parse().ok().filter(|n| digits && range.contains(n));
        number.ok_or_else(|| {
            let (from, to) = (range.start(), range.end());
            let message = format!("{what}: `{text}` is not a whole number between {from} and {to}");
            let hint = number_hint(text, &range);
            self.refuse(ProblemCode::InvalidValue, node.position, message, hint)
        })
    }

    /// One of a few words.
    pub fn word<T: Clone>(
        &mut self,
        node: &Node,
        what: &str,
        words: &[(&str, T)],
    ) -> Result<T, Reported> {
        self.word_or(node, what, words, &[])
    }

    /// As [`Decoder::word`], with hints of their own for these other words (in lower case, without signs).
    pub fn word_or<T: Clone>(
        &mut self,
        node: &Node,
        what: &str,
        words: &[(&str, T)],
        others: &[(&str, &str)],
    ) -> Result<T, Reported> {
        let all: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
        let kind = all.join(" or ");
        let text = self.text_of(node, what, &kind)?;
        let found = words.iter().find(|(word, _)| *word == text);
        found.map(|(_, value)| value.clone()).ok_or_else(|| {
            let message = format!("{what} is {kind}, not `{text}`");
            let plain = letters(text);
            let other = others.iter().find(|(other, _)| *other == plain);
            let near = || did_you_mean(text, words.iter().map(|(word, _)| *word));
            let hint = other
                .map(|(_, hint)| (*hint).to_owned())
                .or_else(near)
                .unwrap_or_else(|| match all.as_slice() {
                    [only] => format!("write {only}"),
                    all => format!("write one of {}", all.join(", ")),
                });
            self.refuse(ProblemCode::InvalidValue, node.position, message, hint)
        })
    }

    /// Reports a value of another kind than is expected, or none.
    fn expected(&mut self, node: &Node, what: &str, kind: &str, hint: &str) -> Reported {
        let found = match &node.kind {
            NodeKind::Text(_) => "a text",
            NodeKind::Null => return self.nothing_written(node, what, kind),
            NodeKind::List(_) => "a list",
            NodeKind::Map(_) => "a map",
        };
        let example = self.vocabulary().example_of(what);
        let hint = example.map_or_else(
            || hint.to_owned(),
            |example| format!("write it as `{example}`"),
        );
        let message = format!("{what} is {kind}, not {found}");
        self.refuse(ProblemCode::WrongType, node.position, message, hint)
    }

    /// Reports that nothing is written, where this kind of value belongs.
    fn nothing_written(&mut self, node: &Node, what: &str, kind: &str) -> Reported {
        let example = self.vocabulary().example_of(what);
        let such_as = example.map(|example| format!(", such as `{example}`"));
        let such_as = such_as.unwrap_or_default();
        let quote = match kind {
            TEXT => "; quote a text that is `null` or `~`",
            _ => "",
        };
        let message = format!("nothing is written here: {what} is {kind}");
        let hint = format!("write {kind}{such_as}, or take the line out{quote}");
        self.refuse(ProblemCode::NothingWritten, node.position, message, hint)
    }
}

/// What to write instead of a text that is not a whole number of this range.
fn number_hint(text: &str, range: &RangeInclusive<u16>) -> String {
    let (from, to) = (range.start(), range.end());
    let radix = [("0x", 16), ("0o", 8), ("0b", 2)];
    let plain = text.replace(['_', ' ', '+'], "").to_ascii_lowercase();
    let of_radix = radix.into_iter().find_map(|(prefix, radix)| {
        let digits = plain.strip_prefix(prefix)?;
        u16::from_str_radix(digits, radix).ok()
    });
    let whole = plain.split('.').next().unwrap_or_default();
    let leading: String = whole.chars().take_while(char::is_ascii_digit).collect();
    let negative = text.starts_with('-');
    // `1e1` and `18.0` are whole numbers too.
    let value: Option<f64> = plain.parse().ok();
    let written_out = value.filter(|value| value.fract() == 0.0);
    let written_out = written_out.and_then(|value| format!("{value:.0}").parse::<u16>().ok());
    let number = of_radix.or(written_out);
    let number = number.or_else(|| leading.parse::<u16>().ok());
    match number.filter(|number| range.contains(number)) {
        Some(number) => format!("write the number alone, in decimal digits: `{number}`"),
        None if negative => format!("the minimum is `{from}`"),
        None if !leading.is_empty() || of_radix.is_some() => format!("the maximum is `{to}`"),
        None => format!("write digits alone, from `{from}` to `{to}`"),
    }
}
