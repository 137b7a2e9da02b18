//! The texts that fuzzing kept, thrown again: what was mended stays mended, on every machine.

use std::{fs, panic::catch_unwind, path::Path};

#[path = "../../fuzz/throw.rs"]
mod throw;

/// Throws every text that was kept for a target.
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
fn whatever_a_policy_file_says_it_is_read_or_its_problems_are_told() {
    throw_all("policies", throw::policies);
}

#[test]
fn whatever_a_case_file_says_it_is_run_or_its_problems_are_told() {
    throw_all("cases", throw::cases);
}

#[test]
fn whatever_two_policies_differ_in_is_told_by_examples_that_are_so() {
    throw_all("differences", throw::differences);
}
