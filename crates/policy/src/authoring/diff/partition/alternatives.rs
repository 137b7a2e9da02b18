//! Alternatives in words: `a or b or 3 more`.

/// How many texts of a list are shown.
const SHOWN_MAX: usize = 5;

/// These texts as alternatives.
pub(super) fn alternatives(texts: &[&str]) -> String {
    let more = texts.len().saturating_sub(SHOWN_MAX);
    let mut shown: Vec<String> = texts
        .iter()
        .take(SHOWN_MAX)
        .map(|&text| text.to_owned())
        .collect();
    if more > 0 {
        shown.push(format!("{more} more"));
    }
    shown.join(" or ")
}
