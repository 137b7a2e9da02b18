//! The entries of a map, taken by name. Entries that are not taken are errors.

use super::{
    decoder::{Decoder, Reported},
    location::Position,
    node::{Key, Node},
    problem::ProblemCode,
    suggestion::did_you_mean,
    vocabulary::{Vocabulary, letters},
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
        self.take(name).ok_or_else(|| {
            let example = decoder.vocabulary().example_of(&format!("`{name}`"));
            let hint = example.map_or_else(
                || format!("add `{name}:` with its value"),
                |example| format!("add it, such as `{example}`"),
            );
            let message = format!("`{name}` is missing");
            decoder.refuse(ProblemCode::MissingKey, self.position, message, hint)
        })
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
pub(crate) fn unknown_key<'k>(
    decoder: &mut Decoder<'_>,
    key: &Key,
    known: impl Iterator<Item = &'k str>,
) -> Reported {
    let known: Vec<&str> = known.collect();
    let hint = meant(decoder.vocabulary(), &key.name, &known)
        .unwrap_or_else(|| format!("known here: {}", known.join(", ")));
    let message = format!("unknown key `{}`", key.name);
    decoder.refuse(ProblemCode::UnknownKey, key.position, message, hint)
}

/// What the author of an unknown key may mean: a key of the same letters, one that the guess stands for, the same key elsewhere, or
/// one that is near.
fn meant(vocabulary: Vocabulary, written: &str, known: &[&str]) -> Option<String> {
    let same = known.iter().find(|key| letters(key) == letters(written));
    if let Some(key) = same {
        return Some(format!("did you mean `{key}`?"));
    }
    let guesses = vocabulary.meant_by(written).iter();
    let guesses: Vec<String> = guesses
        .filter(|key| known.contains(key))
        .map(|key| format!("`{key}`"))
        .collect();
    if !guesses.is_empty() {
        return Some(format!("did you mean {}?", guesses.join(" or ")));
    }
    if let Some(place) = vocabulary.place_of(written) {
        return Some(format!("`{written}` belongs {place}"));
    }
    let near = did_you_mean(written, known.iter().copied());
    near.or_else(|| {
        let elsewhere = vocabulary.meant_by(written).first()?;
        let place = vocabulary.place_of(elsewhere)?;
        Some(format!("did you mean `{elsewhere}`? it belongs {place}"))
    })
}
