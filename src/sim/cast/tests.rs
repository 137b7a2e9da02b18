//! Casts that can be read, and mistakes in casts.

use super::*;
use crate::policy::from_millis;

#[test]
fn the_built_in_cast_can_be_read() {
    let cast = Cast::read("cast.yaml", BUILT_IN, from_millis(0)).unwrap();
    assert!(cast.verifications.len() >= 8);
    assert!(cast.verifications.values().all(|v| v.about.is_some()));
}

#[test]
fn every_mistake_in_a_cast_is_reported() {
    let text = "people:\n  ada: { ful_name: Ada }\nverifications:\n  a/b: { person: bob }\n";
    let problems = Cast::read("cast.yaml", text, from_millis(0)).unwrap_err();
    let report = problems.to_string();
    for expected in [
        "did you mean `full_name`?",
        "`a/b` cannot name a verification",
        "`bob` is not among the people",
    ] {
        assert!(report.contains(expected), "{report}");
    }
}
