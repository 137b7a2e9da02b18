//! Durations in a document. Not a part of `yaml`, which knows nothing of the language.

use std::time::Duration;

use crate::{
    time::parse_duration,
    yaml::{Decoder, Node, Reported},
};

impl Decoder<'_> {
    /// A duration such as `30d`.
    pub fn duration(&mut self, node: &Node, what: &str) -> Result<Duration, Reported> {
        let text = self.text(node, what)?;
        parse_duration(text).map_err(|_| {
            let hint = "a duration is a sum of whole numbers with units, such as `30d`, `12h` or `1d12h` (units: ms, s, m, h, d, w)";
            let message = format!("{what}: `{text}` is not a duration");
            self.error(node.position, message, Some(hint.to_owned()))
        })
    }
}
