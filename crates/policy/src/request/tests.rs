//! Identifiers and names, at their bounds.

use super::*;

#[test]
fn an_id_that_could_lead_elsewhere_is_refused() {
    let long = "a".repeat(129);
    for text in [
        "",
        ".",
        "..",
        "../../integration/authorize/server",
        "a/b",
        "a%2fb",
        "a b",
        "a\0",
        "ä",
        "a?b",
        "a#b",
        long.as_str(),
    ] {
        assert!(VerificationId::parse(text).is_err(), "{text:?}");
    }
    assert!(VerificationId::parse("55a951eb-265c-4706-9ebf-99ae35c745ab").is_ok());
    assert!(VerificationId::parse(&"a".repeat(128)).is_ok());
}

#[test]
fn a_policy_name_begins_and_ends_with_a_letter_or_digit() {
    let long = "a".repeat(65);
    for text in [
        "",
        "-a",
        "a-",
        ".",
        "Front",
        "a b",
        "ä",
        "a/b",
        long.as_str(),
    ] {
        assert!(PolicyName::parse(text).is_err(), "{text:?}");
    }
    for text in ["a", "0", "front-door", "a.b_c-1", &"a".repeat(64)] {
        assert!(PolicyName::parse(text).is_ok(), "{text:?}");
    }
}
