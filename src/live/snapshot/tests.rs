//! How often files are parsed, and what a digest distinguishes.

use std::fs;

use tempfile::TempDir;

use super::*;

const POLICY: &str =
    "version: 1\npolicies: {p: {require: [identity_not_in: {file: blocked.txt}]}}\n";

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("p.yaml"), POLICY).unwrap();
    fs::write(folder.path().join("blocked.txt"), "id-ada\n").unwrap();
    folder
}

/// Reads once as a reload does, and compiles what is new. Returns the digest, and how often files were parsed until now.
fn look(folder: &TempDir, known: Option<Digest>, parsed: &mut Parsed) -> (Digest, usize) {
    let snapshot = Snapshot::stable(folder.path(), known, parsed);
    let digest = snapshot.digest;
    if known != Some(digest) {
        snapshot.compile(folder.path(), parsed).unwrap();
    }
    (digest, parsed.times)
}

#[test]
fn files_are_parsed_once_and_not_again_until_they_change() {
    let (folder, mut parsed) = (folder(), Parsed::default());
    let (first, times) = look(&folder, None, &mut parsed);
    assert_eq!(times, 1);
    assert_eq!(look(&folder, Some(first), &mut parsed), (first, 1));
    fs::write(
        folder.path().join("p.yaml"),
        format!("# A remark.\n{POLICY}"),
    )
    .unwrap();
    let (second, times) = look(&folder, Some(first), &mut parsed);
    assert_ne!(second, first);
    assert_eq!(times, 2);
    assert_eq!(look(&folder, Some(second), &mut parsed), (second, 2));
}

#[test]
fn a_list_that_changes_is_noticed_without_parsing_the_policies() {
    let (folder, mut parsed) = (folder(), Parsed::default());
    let (first, _) = look(&folder, None, &mut parsed);
    fs::write(folder.path().join("blocked.txt"), "id-ben\n").unwrap();
    let snapshot = Snapshot::stable(folder.path(), Some(first), &mut parsed);
    assert_ne!(snapshot.digest, first);
    assert_eq!(parsed.times, 1);
    snapshot.compile(folder.path(), &mut parsed).unwrap();
    assert_eq!(parsed.times, 2);
}

#[test]
fn files_that_cannot_be_compiled_are_parsed_once_too() {
    let (folder, mut parsed) = (folder(), Parsed::default());
    fs::write(folder.path().join("p.yaml"), "version: 1\npolicies: [\n").unwrap();
    let snapshot = Snapshot::stable(folder.path(), None, &mut parsed);
    let digest = snapshot.digest;
    assert!(snapshot.compile(folder.path(), &mut parsed).is_err());
    assert_eq!(look(&folder, Some(digest), &mut parsed), (digest, 1));
}

#[test]
fn texts_that_only_join_to_the_same_have_another_digest() {
    let digest = |texts: [&str; 2]| Digest::of(texts.map(str::as_bytes));
    assert_ne!(digest(["ab", "c"]), digest(["a", "bc"]));
}
