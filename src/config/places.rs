//! The places of the settings of a file.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

/// The places of the keys of a file.
#[derive(Debug)]
pub(super) struct Places<'f> {
    pub(super) path: &'f str,
    pub(super) text: &'f str,
    pub(super) document: &'f DeTable<'f>,
}

impl Places<'_> {
    /// The place of the key at the end of this path, or of the last one on it that there is.
    pub(super) fn of(&self, keys: &[&str]) -> String {
        place_of(self.path, self.text, &self.find(keys).0)
    }

    /// The place of the key at the end of this path, if there is one.
    pub(super) fn of_all(&self, keys: &[&str]) -> Option<String> {
        let (span, found) = self.find(keys);
        (found == keys.len()).then(|| place_of(self.path, self.text, &span))
    }

    /// The span of the last key on this path that there is, and how many of them there are.
    fn find(&self, keys: &[&str]) -> (Range<usize>, usize) {
        let (mut table, mut span, mut count) = (Some(self.document), 0..0, 0_usize);
        for key in keys {
            let found =
                table.and_then(|table| table.iter().find(|(name, _)| name.get_ref() == key));
            let Some((name, value)) = found else { break };
            span = name.span();
            count = count.saturating_add(1);
            table = match value.get_ref() {
                DeValue::Table(table) => Some(table),
                _ => None,
            };
        }
        (span, count)
    }
}

/// A place as `path:line:column`, both counted from one.
pub(super) fn place_of(path: &str, text: &str, span: &Range<usize>) -> String {
    let before = text.get(..span.start).unwrap_or(text);
    let line = before.matches('\n').count().saturating_add(1);
    let column = before.chars().rev().take_while(|c| *c != '\n').count();
    format!("{path}:{line}:{}", column.saturating_add(1))
}
