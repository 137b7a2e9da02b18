//! Suggestions for words that are misspelled.

/// Nothing longer is a misspelling.
const WORD_CHARS_MAX: usize = 64;

/// A hint at the nearest word, if one is near.
pub fn did_you_mean<'k>(text: &str, words: impl Iterator<Item = &'k str>) -> Option<String> {
    if text.chars().nth(WORD_CHARS_MAX).is_some() {
        return None;
    }
    words
        .map(|word| (strsim::damerau_levenshtein(text, word), word))
        .filter(|(distance, word)| *distance <= (word.len() / 3).max(1))
        .min()
        .map(|(_, word)| format!("did you mean `{word}`?"))
}
