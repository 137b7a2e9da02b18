//! Runs the fuzz targets on their corpus, so that a fixed defect stays fixed on every machine.

use std::{fs, panic::catch_unwind, path::Path};

#[path = "../../fuzz/throw.rs"]
mod throw;

/// Runs a target on every text of its corpus.
fn throw_all(target: &str, throw: fn(&str)) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(files.len() >= 20, "{target} has lost its corpus");
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let thrown = catch_unwind(|| throw(&text));
        assert!(thrown.is_ok(), "{}", file.display());
    }
}

#[test]
fn any_policy_file_is_read_or_its_problems_are_reported() {
    throw_all("policies", throw::policies);
}

#[test]
fn any_case_file_is_run_or_its_problems_are_reported() {
    throw_all("cases", throw::cases);
}

#[test]
fn any_difference_of_two_policies_has_examples_that_are_decided_so() {
    throw_all("differences", throw::differences);
}
