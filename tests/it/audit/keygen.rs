//! `verigate audit keygen`: a new key, its mode, and files that are never overwritten.

use std::{fs, os::unix::fs::PermissionsExt as _};

use verigate::journal::{
    AuditorKey, IdentifierKey,
    signed_note::{Note, SigningKey, VerifierKey},
};

use super::{audit, ended};

#[test]
fn a_new_key_is_for_its_owner_alone_and_its_verifier_key_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("journal.key");
    let path = file.to_str().unwrap();
    let (code, printed, message) = ended(&audit(&["keygen", path, "--name", "journal.example/1"]));
    assert_eq!(code, 0, "{message}");
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    let text = fs::read_to_string(&file).unwrap();
    let key = SigningKey::parse(&text).unwrap();
    assert_eq!(printed, format!("{}\n", key.verifier()));
    let verifier = VerifierKey::parse(printed.trim_end()).unwrap();
    assert_eq!(verifier.name(), "journal.example/1");
    let note = key.note("text\n");
    let note = Note::parse(note.as_bytes()).unwrap();
    assert_eq!(note.verified_by(&verifier), Ok("text\n"));
    assert!(!format!("{printed}{message}").contains(text.trim_end()));
}

#[test]
fn two_keys_are_different_and_the_default_name_is_verigate() {
    let folder = tempfile::tempdir().unwrap();
    let made = ["a", "b"].map(|name| {
        let file = folder.path().join(name);
        let (code, printed, _) = ended(&audit(&["keygen", file.to_str().unwrap(), "--json"]));
        assert_eq!(code, 0);
        let printed: serde_json::Value = serde_json::from_str(&printed).unwrap();
        assert_eq!(printed["name"], "verigate");
        printed["verifier_key"].as_str().unwrap().to_owned()
    });
    assert_ne!(made[0], made[1]);
}

#[test]
fn a_file_that_exists_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("journal.key");
    fs::write(&file, "mine").unwrap();
    let dangling = folder.path().join("link");
    std::os::unix::fs::symlink(folder.path().join("nowhere"), &dangling).unwrap();
    for path in [&file, &dangling] {
        let (code, printed, message) = ended(&audit(&["keygen", path.to_str().unwrap()]));
        assert_eq!((code, printed.as_str()), (2, ""));
        assert!(message.contains("is not overwritten"), "{message}");
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    assert!(!folder.path().join("nowhere").exists());
}

#[test]
fn a_key_without_a_usable_name_or_place_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("journal.key");
    let path = file.to_str().unwrap();
    for name in ["", "a b", "a+b", "a\nb", "\u{a0}"] {
        let (code, printed, message) = ended(&audit(&["keygen", path, "--name", name]));
        assert_eq!((code, printed.as_str()), (2, ""), "{name:?}");
        assert!(message.contains("spaces, `+`"), "{message}");
        assert!(!file.exists());
    }
    let missing = folder.path().join("no-such-folder/journal.key");
    let (code, _, message) = ended(&audit(&["keygen", missing.to_str().unwrap()]));
    assert_eq!(code, 2);
    assert!(message.contains("no-such-folder"), "{message}");
}

#[test]
fn the_key_of_an_auditor_is_one_of_age_and_its_public_key_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("auditor.key");
    let path = file.to_str().unwrap();
    let (code, printed, message) = ended(&audit(&["keygen", "--auditor", path]));
    assert_eq!(code, 0, "{message}");
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o7777,
        0o600
    );
    let text = fs::read_to_string(&file).unwrap();
    let key = AuditorKey::parse(&text).unwrap();
    assert_eq!(printed, format!("{}\n", key.recipient()));
    assert_eq!(text, format!("# public key: {printed}{}\n", *key.to_text()));
    assert!(!format!("{printed}{message}").contains("AGE-SECRET-KEY"));
    let again = ended(&audit(&["keygen", "--auditor", path]));
    assert_eq!((again.0, &*again.1), (2, ""));
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
}

#[test]
fn the_key_of_identifiers_is_secret_and_its_id_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("identifiers.key");
    let path = file.to_str().unwrap();
    let (code, printed, message) = ended(&audit(&["keygen", "--identifiers", path, "--json"]));
    assert_eq!(code, 0, "{message}");
    let text = fs::read_to_string(&file).unwrap();
    let key = IdentifierKey::parse(&text).unwrap();
    let expected = serde_json::json!({"file": path, "key_id": key.id()});
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&printed).unwrap(),
        expected
    );
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o7777,
        0o600
    );
    for wrong in [
        &["--auditor", "--identifiers"][..],
        &["--auditor", "--name", "x"],
        &["--identifiers", "--name", "x"],
    ] {
        let other = folder.path().join("other");
        let given = [&["keygen", other.to_str().unwrap()], wrong].concat();
        assert_eq!(ended(&audit(&given)).0, 2, "{wrong:?}");
        assert!(!other.exists());
    }
}
