//! The search for words, on texts that are made up.

use super::{BANNED, Hit, hits};

fn found(file: &str, text: &str) -> Vec<(usize, &'static str)> {
    let found = hits(file, text, BANNED).into_iter();
    found.map(|hit| (hit.line, hit.phrase)).collect()
}

#[test]
fn a_word_is_found_in_comments_strings_and_identifiers() {
    let text = "\
/// Tell them.
fn told_twice() { let x = \"it tells\"; }
struct NoWish;
const MAKES_IT_SO: u8 = 0;
";
    let expected = [
        (1, "tell"),
        (2, "tells"),
        (2, "told"),
        (3, "wish"),
        (4, "makes it so"),
    ];
    assert_eq!(found("src/a.rs", text), expected);
}

#[test]
fn a_word_within_another_is_not_found() {
    let text = "satellite, intelligent, foretold, scoreboard, unquestionable, HTTPServer, mender, forgettable";
    assert_eq!(found("docs/a.md", text), []);
}

#[test]
fn a_phrase_is_found_across_the_end_of_a_line() {
    let text = "//! The upstream is well\n//! again: it was left in\n//! peace.\n";
    assert_eq!(
        found("src/a.rs", text),
        [(1, "well again"), (2, "in peace")]
    );
}

#[test]
fn case_does_not_matter() {
    assert_eq!(
        found("README.md", "WHOEVER asks\nLikewise"),
        [(1, "whoever"), (2, "likewise")]
    );
}

#[test]
fn the_name_of_a_file_is_read_too() {
    assert_eq!(found("src/step_up/wish.rs", ""), [(0, "wish")]);
}

#[test]
fn a_name_is_found_as_code_and_between_backticks_alone() {
    let text =
        "// Door controllers ask; see [`Door`].\nuse crate::incode::Door;\nstruct DoorKey;\n";
    assert_eq!(found("src/a.rs", text), [(1, "Door"), (2, "Door")]);
    assert_eq!(
        found("docs/a.md", "Door controllers, `Door`"),
        [(1, "Door")]
    );
    assert_eq!(found("docs/a.md", "Doors and a Door"), []);
}

const OLD: &str = "\
## Unreleased
### Upgrade notes
- `verigate_fetches_total` is `verigate_evidence_fetches_total`
- `verigate_upstream_second_tries_total`, `verigate_upstream_held_back_total`
### Fixed
- `verigate_fetches_total`
- `verigate_upstream_held_back_total`
";

#[test]
fn old_names_of_metrics_stand_in_the_upgrade_notes_alone() {
    let last = (7, "verigate_upstream_held_back_total");
    let expected = [(6, "verigate_fetches_total"), (7, "held back"), last];
    assert_eq!(found("CHANGELOG.md", OLD), expected);
    assert_eq!(found("docs/operations.md", OLD).len(), 8);
}

#[test]
fn a_field_that_was_renamed_is_found_by_its_whole_name() {
    assert_eq!(
        found("src/a.rs", "warn!(left_out); let not_left_out = 1;"),
        [(1, "left_out")]
    );
    assert_eq!(found("docs/a.md", "A key that is left out"), []);
}

#[test]
fn the_name_of_a_test_is_read_in_the_record_of_a_decision_as_elsewhere() {
    let text = "It is told: `nobody_who_asks_is_told`, `told_once`.";
    let expected = [(1, "told"), (1, "told"), (1, "told")];
    for file in ["docs/adr/0001-a.md", "docs/a.md", "tests/it/a.rs"] {
        assert_eq!(found(file, text), expected);
    }
}

#[test]
fn other_words_do_not_stand_even_there() {
    let notes = "### Upgrade notes\n- whoever reads `verigate_fetches_total`\n";
    assert_eq!(found("CHANGELOG.md", notes), [(2, "whoever")]);
}

#[test]
fn a_hit_says_where_it_is_and_what_to_write() {
    let hits = hits("src/a.rs", "\n// from nought\n", BANNED);
    let shown: Vec<String> = hits.iter().map(Hit::to_string).collect();
    assert_eq!(shown, ["src/a.rs:2: `nought` -> zero\n    // from nought"]);
}
