//! What of a context is copied.

use super::*;

fn claimed(name: &str, text: &str) -> Option<ClaimValue> {
    claim(name, &StrictJson::parse(text.as_bytes()).unwrap())
}

#[test]
fn a_claim_that_is_too_long_for_any_is_not_copied() {
    let texts = |count: usize, bytes: usize| {
        let texts = vec![format!("\"{}\"", "a".repeat(bytes)); count];
        format!("[{}]", texts.join(","))
    };
    for name in ["acr", "acrs", "amr", "auth_time"] {
        for (count, bytes) in [(33, 1), (1000, 1), (1, 257), (32, 257), (2, 100_000)] {
            let found = claimed(name, &texts(count, bytes));
            assert_eq!(found, Some(ClaimValue::Other), "{name} {count} {bytes}");
        }
        let long = format!("\"{}\"", "a".repeat(257));
        assert_eq!(claimed(name, &long), Some(ClaimValue::Other), "{name}");
        assert_eq!(claimed(name, "null"), None);
    }
    let at_most = claimed("amr", &texts(32, 256));
    assert_eq!(at_most, Some(ClaimValue::Texts(vec!["a".repeat(256); 32])));
}
