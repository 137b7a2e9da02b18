//! The revision of a policy set: a digest of its meaning.

use super::*;

const FRONT: &str = "\
version: 1
policies:
  a:
    require:
      - verified_within: 30d
      - scopes: [NAME, PHONE]
        otherwise: step_up
";

fn revision(text: &str) -> String {
    read(text).unwrap().revision().to_string()
}

#[test]
fn the_revision_is_that_of_the_meaning() {
    let one = revision(FRONT);
    assert_eq!(one.len(), 16);
    for same in [
        FRONT.replace("30d", "720h"),
        FRONT.replace("version: 1", "# a comment\nversion:    1"),
        FRONT.replace("\n      - ", "\n\n      - "),
        FRONT.replace("  a:\n", "  a:\n    description: for people\n"),
        FRONT.replace("30d", "30d\n        otherwise: deny"),
        FRONT
            .replace("30d\n", "30d\n      - status: [VERIFIED]\n")
            .replace(
                "      - verified_within: 30d\n      - status: [VERIFIED]\n",
                "      - status: [VERIFIED]\n      - verified_within: 30d\n",
            ),
    ] {
        assert_eq!(revision(&same), one, "{same}");
    }
    for other in [
        FRONT.replace("30d", "31d"),
        FRONT.replace("  a:", "  b:"),
        FRONT.replace("step_up", "deny"),
        FRONT.replace("[NAME, PHONE]", "[PHONE, NAME]"),
        format!("{FRONT}    reuse: {{allow: 1s}}\n"),
        format!("{FRONT}    evidence: {{stale_for: 1s}}\n"),
    ] {
        assert_ne!(revision(&other), one, "{other}");
    }
}

#[test]
fn the_revision_is_the_same_in_every_process() {
    expect!["3392627ccaa4d8b4"].assert_eq(&revision(FRONT));
}
