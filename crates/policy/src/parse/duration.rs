//! Durations in a document. Not a part of the reader of YAML, which knows nothing of the language.

use std::time::Duration;

use crate::{
    time::parse_duration,
    yaml::{Decoder, Node},
};

impl Decoder<'_> {
    /// A duration such as `30d`.
    pub fn duration(&mut self, node: &Node, what: &str) -> Option<Duration> {
        let text = self.text(node, what)?;
        let duration = parse_duration(text);
        if duration.is_err() {
            let hint = "a duration is a sum of whole numbers with units, such as `30d`, `12h` or `1d12h` (units: ms, s, m, h, d, w)";
            let message = format!("{what}: `{text}` is not a duration");
            self.error(node.position, message, Some(hint.to_owned()));
        }
        duration.ok()
    }
}
