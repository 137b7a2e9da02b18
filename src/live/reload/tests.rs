//! How problems are shown.

use super::*;

#[test]
fn a_long_text_is_cut_and_says_so() {
    assert_eq!(truncated("a\nb\n", 2, 10), "a\nb");
    assert_eq!(truncated("a\nb\nc", 2, 10), "a\nb\n…");
    assert_eq!(truncated("äöü", 2, 2), "äö\n…");
}
