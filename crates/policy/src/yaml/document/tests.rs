//! Documents as people write them.

use super::*;
use crate::yaml::{Diagnostics, Fields, SourceText, did_you_mean};

/// What is told of a text that may have so many bytes, and of the map that it should be.
fn told(text: &str, bytes_max: usize, look: impl Fn(&mut Decoder<'_>, Fields<'_>)) -> String {
    let (path, text) = ("p.yaml".to_owned(), text.to_owned());
    let mut diagnostics = Diagnostics::default();
    let mut decoder = Decoder::new(SourceText { path, text }.into(), &mut diagnostics);
    if let Ok(node) = decoder.document(bytes_max) {
        let fields = decoder.fields(&node, "it").unwrap();
        look(&mut decoder, fields);
    }
    diagnostics.to_string()
}

#[test]
fn a_text_may_be_as_large_and_as_deep_as_is_said_and_no_more() {
    let of = |text: &str, bytes_max| told(text, bytes_max, |_, _| {});
    assert_eq!(of("a: 1", 4), "");
    assert!(of("a: 12", 4).contains("the file is larger"));
    let nested = |depth| format!("{}1{}", "{a: ".repeat(depth), "}".repeat(depth));
    assert_eq!(of(&nested(32), 1000), "");
    assert!(of(&nested(33), 1000).contains("nested more than 32 deep"));
}

#[test]
fn an_empty_text_is_told() {
    let told = told("a: ''", 1000, |decoder, mut fields| {
        let text = fields.take("a").map(|node| decoder.text(node, "`a`"));
        assert!(text.unwrap().is_err());
    });
    assert!(told.contains("`a` is empty"), "{told}");
}

#[test]
fn a_word_is_near_if_a_third_of_it_or_less_is_another() {
    let of = |text| did_you_mean(text, ["verified_within"].into_iter()).is_some();
    assert_eq!(
        ["verified_wi", "verified_w", "verified_"].map(of),
        [true, true, false]
    );
}
