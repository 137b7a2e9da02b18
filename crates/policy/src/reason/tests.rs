//! The codes and their words.

use std::collections::BTreeSet;

use super::*;

#[test]
fn every_reason_has_a_name_and_words_of_its_own() {
    let names: BTreeSet<&str> = ReasonCode::ALL.map(ReasonCode::as_str).into();
    let words: BTreeSet<&str> = ReasonCode::ALL.map(ReasonCode::in_words).into();
    assert_eq!(names.len(), ReasonCode::ALL.len());
    assert_eq!(words.len(), ReasonCode::ALL.len());
    assert!(!words.contains(""));
}
