//! The entries of a map, taken by name. Entries that are not taken are errors.

use super::{
    decoder::{Decoder, Reported},
    location::Position,
    node::{Key, Node},
    suggestion::did_you_mean,
};

/// The entries of a map, taken by name.
#[derive(Debug)]
pub struct Fields<'n> {
    entries: &'n [(Key, Node)],
    /// Where the map stands.
    pub position: Position,
    /// The keys that were asked for.
    known: Vec<&'static str>,
}

impl<'n> Fields<'n> {
    pub(super) fn new(entries: &'n [(Key, Node)], position: Position) -> Self {
        Self {
            entries,
            position,
            known: Vec::new(),
        }
    }

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
    pub fn require(
        &mut self,
        name: &'static str,
        decoder: &mut Decoder<'_>,
    ) -> Result<&'n Node, Reported> {
        let missing = || format!("`{name}` is missing");
        self.take(name)
            .ok_or_else(|| decoder.error(self.position, missing(), None))
    }

    /// This key, if the map has it and does not have the other: then the file is of another kind.
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
pub fn unknown_key<'k>(
    decoder: &mut Decoder<'_>,
    key: &Key,
    known: impl Iterator<Item = &'k str>,
) -> Reported {
    let known: Vec<&str> = known.collect();
    let hint = did_you_mean(&key.name, known.iter().copied())
        .or_else(|| Some(format!("known here: {}", known.join(", "))));
    decoder.error(key.position, format!("unknown key `{}`", key.name), hint)
}
