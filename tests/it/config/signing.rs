//! The key that signs the journal, and where its checkpoints are kept.

use std::{fs, path::PathBuf};

use tempfile::TempDir;
use verigate::journal::signed_note::{SigningKey, signing_key_text};

use super::{GOOD, load};

/// A folder with a journal's name, and checkpoints that another key has signed.
struct Prepared {
    folder: TempDir,
    key: String,
}

impl Prepared {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let others = signing_key_text("gate.example.org", &[3; 32]).unwrap();
        let root = "AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM=";
        let note = SigningKey::parse(&others).unwrap();
        let note = note.note(&format!("gate.example.org\n1\n{root}\n"));
        for name in ["by-others", "signed.checkpoints"] {
            fs::write(folder.path().join(name), &note).unwrap();
        }
        let key = signing_key_text("door.example.org", &[3; 32]).unwrap();
        let key = key.to_string();
        Self { folder, key }
    }

    fn path(&self, name: &str) -> String {
        let path: PathBuf = self.folder.path().join(name);
        path.display().to_string()
    }

    /// What is wrong with these settings of a journal at this path.
    fn refused(journal: &str, settings: &str) -> String {
        let file = format!("[journal]\npath = '{journal}'\n{settings}\n{GOOD}");
        let error = load(&file, &[]).unwrap_err();
        assert!(!error.contains("AwMD"), "{error}");
        error
    }
}

#[test]
fn a_key_that_cannot_sign_is_refused_and_not_quoted() {
    let place = Prepared::new();
    let key = SigningKey::parse(&place.key).unwrap();
    let verifier = key.verifier().to_string();
    let seed = "AgMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMD";
    let other_type = format!("PRIVATE+KEY+door.example.org+00000000+{seed}");
    let other_name = place.key.replace("door.", "gate.");
    for (key, expected) in [
        ("x", "signing_key is no signing key"),
        (&*verifier, "signing_key is no signing key"),
        (&other_type, "is not of the type Ed25519"),
        (&other_name, "signing_key is damaged"),
    ] {
        let settings = format!("signing_key = '{key}'");
        let error = Prepared::refused(&place.path("journal"), &settings);
        assert!(error.contains(expected), "{error}");
    }
    for (file, expected) in [
        ("no-such-key", "no-such-key` cannot be read"),
        ("by-others", "by-others` is no signing key"),
    ] {
        let settings = format!("signing_key_file = '{}'", place.path(file));
        let error = Prepared::refused(&place.path("journal"), &settings);
        assert!(error.contains(expected), "{error}");
    }
    let signing = format!("signing_key = '{}'", place.key);
    for (journal, expected) in [
        (
            &*place.path("signed"),
            "does not end with a checkpoint by the key `door.example.org`",
        ),
        ("-", "there is no file for checkpoints"),
    ] {
        let error = Prepared::refused(journal, &signing);
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_copy_that_cannot_be_made_is_refused() {
    let place = Prepared::new();
    let journal = place.path("journal");
    let error = Prepared::refused(&journal, "checkpoint_copy = 'copy'");
    assert!(error.contains("journal.signing_key_file is not"), "{error}");
    for (path, copy, expected) in [
        ("-", place.path("copy"), "there is no file for checkpoints"),
        (&journal, place.path("by-others"), "does not end with"),
        (&journal, journal.clone(), "is a file of the journal itself"),
        (
            &journal,
            format!("{journal}.checkpoints"),
            "is a file of the journal itself",
        ),
        (&journal, place.path("no/copy"), "there is no folder"),
        (&journal, place.path("."), "is not a regular file"),
        (&journal, "ftp://a.example/".to_owned(), "neither a file"),
        (
            &journal,
            "https://u:p@a.example/".to_owned(),
            "neither a file",
        ),
    ] {
        let key = &place.key;
        let settings = format!("signing_key = '{key}'\ncheckpoint_copy = '{copy}'");
        let error = Prepared::refused(path, &settings);
        assert!(error.contains(expected), "{copy}: {error}");
    }
}

#[test]
fn a_key_with_or_without_a_copy_is_accepted_and_nothing_is_created() {
    let place = Prepared::new();
    let (journal, copy) = (place.path("journal"), place.path("copy"));
    for (path, copy) in [
        (&*journal, ""),
        (&journal, "http://a.example/checkpoints"),
        (&journal, &copy),
        ("-", "https://a.example/checkpoints"),
    ] {
        let key = &place.key;
        let settings = format!("signing_key = '{key}'\ncheckpoint_copy = '{copy}'");
        let file = format!("[journal]\npath = '{path}'\n{settings}\n{GOOD}");
        let config = load(&file, &[]).unwrap();
        assert!(config.journal.signing_key.is_some());
        assert_eq!(config.journal.checkpoint_copy.is_some(), !copy.is_empty());
    }
    assert_eq!(fs::read_dir(place.folder.path()).unwrap().count(), 2);
}
