//! The words of a language for the hints of a decoder: what people write for its keys, where each key belongs, and an example.

/// The words of a language, for hints. They change no meaning.
#[derive(Debug, Clone, Copy)]
pub struct Vocabulary {
    /// What people write for a key, and the keys that they may mean. In lower case, without punctuation.
    pub guesses: &'static [(&'static str, &'static [&'static str])],
    /// A key, and where it belongs, in words.
    pub places: &'static [(&'static str, &'static str)],
    /// A key, and how it is written with its value.
    pub examples: &'static [(&'static str, &'static str)],
}

impl Vocabulary {
    /// No words.
    pub const NONE: Self = Self {
        guesses: &[],
        places: &[],
        examples: &[],
    };

    /// The keys that somebody who wrote this may mean.
    pub(super) fn meant_by(self, written: &str) -> &'static [&'static str] {
        let plain = letters(written);
        let guess = self.guesses.iter().find(|(guess, _)| *guess == plain);
        guess.map_or(&[], |(_, keys)| keys)
    }

    /// Where this key belongs, in words.
    pub(super) fn place_of(self, key: &str) -> Option<&'static str> {
        let place = self.places.iter().find(|(known, _)| *known == key)?;
        Some(place.1)
    }

    /// How this is written. `what` names it in backticks: "`from`", "an item of `status`".
    pub(super) fn example_of(self, what: &str) -> Option<&'static str> {
        let key = what.split('`').nth(1)?;
        let is_item = !what.starts_with('`');
        let example = self.examples.iter().find(|(known, _)| *known == key)?;
        (!is_item).then_some(example.1)
    }
}

/// The letters and digits of a word in lower case, to compare different spellings.
pub(crate) fn letters(word: &str) -> String {
    let kept = word.chars().filter(|c| c.is_alphanumeric());
    kept.flat_map(char::to_lowercase).collect()
}
