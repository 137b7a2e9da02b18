//! The names in one log line: a bounded number of them.

use std::fmt::Write as _;

/// How many names one line has.
const NAMES_MAX: usize = 20;

/// The first of these names, and how many more there are.
pub(super) fn first<'t>(names: impl ExactSizeIterator<Item = &'t str>, separator: &str) -> String {
    let more = names.len().saturating_sub(NAMES_MAX);
    let mut shown = names.take(NAMES_MAX).collect::<Vec<_>>().join(separator);
    if more > 0 {
        // Writing to a `String` cannot fail.
        let _ = write!(shown, " and {more} more");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_names_are_shown_and_the_others_counted() {
        let names: Vec<String> = (0..23).map(|n| n.to_string()).collect();
        let of = |count| first(names.iter().take(count).map(String::as_str), "; ");
        assert_eq!(of(0), "");
        assert_eq!(of(2), "0; 1");
        assert!(of(20).ends_with("; 18; 19"), "{}", of(20));
        assert!(of(23).ends_with("; 18; 19 and 3 more"), "{}", of(23));
    }
}
