//! Suggestions for words that are misspelled.

use super::vocabulary::letters;

/// Nothing longer is a misspelling.
const WORD_CHARS_MAX: usize = 64;

/// A hint at the nearest word, if one is near.
pub fn did_you_mean<'k>(text: &str, words: impl Iterator<Item = &'k str>) -> Option<String> {
    nearest(text, words).map(|word| format!("did you mean `{word}`?"))
}

/// The nearest word, if one is near: one of the same letters in another spelling, such as `step-up` or `DENY`, before one that
/// a few letters are missing from.
pub(crate) fn nearest<'k>(text: &str, words: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    if text.chars().nth(WORD_CHARS_MAX).is_some() {
        return None;
    }
    let plain = letters(text);
    let distance = |word: &str| {
        let plain_word = letters(word);
        if plain_word == plain && !plain.is_empty() {
            return 0;
        }
        let exact = strsim::damerau_levenshtein(text, word);
        let spelled = strsim::damerau_levenshtein(&plain, &plain_word).saturating_add(1);
        exact.min(spelled)
    };
    words
        .map(|word| (distance(word), word))
        .filter(|(distance, word)| *distance <= (word.len() / 3).max(1))
        .min()
        .map(|(_, word)| word)
}
