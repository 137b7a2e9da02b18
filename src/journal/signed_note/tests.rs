//! Notes and keys of others, and what is no note and no key.

use super::*;

/// The example of C2SP signed-note.
const EXAMPLE_KEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const EXAMPLE: &str = "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
/// The example of golang.org/x/mod/sumdb/note, with both of its keys.
const GO_VERIFIER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const GO_SIGNER: &str =
    "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const GO_TEXT: &str = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const GO_SIGNATURE: &str = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

fn verified(note: &str, key: &str) -> Result<String, NoteError> {
    let key = VerifierKey::parse(key).unwrap();
    Note::parse(note.as_bytes())?
        .verified_by(&key)
        .map(str::to_owned)
}

#[test]
fn the_examples_of_the_format_are_verified() {
    let text = "This is an example message.\n";
    assert_eq!(verified(EXAMPLE, EXAMPLE_KEY).as_deref(), Ok(text));
    let note = format!("{GO_TEXT}\n{GO_SIGNATURE}");
    assert_eq!(verified(&note, GO_VERIFIER).as_deref(), Ok(GO_TEXT));
    let both = format!("{note}— example.com/other AAAAAAA=\n");
    assert_eq!(verified(&both, GO_VERIFIER).as_deref(), Ok(GO_TEXT));
    for (key, text) in [(EXAMPLE_KEY, EXAMPLE_KEY), (GO_VERIFIER, GO_VERIFIER)] {
        assert_eq!(VerifierKey::parse(key).unwrap().to_string(), text);
    }
}

#[test]
fn a_signing_key_of_other_tools_signs_as_they_do() {
    let key = SigningKey::parse(&format!("{GO_SIGNER}\n")).unwrap();
    assert_eq!(key.verifier().to_string(), GO_VERIFIER);
    assert_eq!(key.note(GO_TEXT), format!("{GO_TEXT}\n{GO_SIGNATURE}"));
}

#[test]
fn a_new_key_is_read_from_its_text_and_signs_for_its_verifier() {
    let text = signing_key_text("journal.example/1", &[7; 32]).unwrap();
    let key = SigningKey::parse(&text).unwrap();
    let verifier = VerifierKey::parse(&key.verifier().to_string()).unwrap();
    let note = key.note("a\n\nb\n");
    let parsed = Note::parse(note.as_bytes()).unwrap();
    assert_eq!(parsed.verified_by(&verifier), Ok("a\n\nb\n"));
    let other = signing_key_text("journal.example/1", &[8; 32]).unwrap();
    let other = SigningKey::parse(&other).unwrap();
    assert_eq!(
        parsed.verified_by(other.verifier()),
        Err(NoteError::OtherKey)
    );
    assert_eq!(
        signing_key_text("a b", &[7; 32]).unwrap_err(),
        KeyError::BadName
    );
}

#[test]
fn a_note_with_any_byte_changed_is_not_verified() {
    for at in 0..EXAMPLE.len() {
        for change in [1, 0x20, 0x80] {
            let mut bytes = EXAMPLE.as_bytes().to_vec();
            bytes[at] ^= change;
            let key = VerifierKey::parse(EXAMPLE_KEY).unwrap();
            let verified = Note::parse(&bytes).is_ok_and(|note| note.verified_by(&key).is_ok());
            assert!(!verified, "{at} {change}");
        }
    }
    for length in 0..EXAMPLE.len() {
        let cut = EXAMPLE.as_bytes().get(..length).unwrap();
        let key = VerifierKey::parse(EXAMPLE_KEY).unwrap();
        assert!(!Note::parse(cut).is_ok_and(|note| note.verified_by(&key).is_ok()));
    }
}

#[test]
fn what_is_no_note_is_rejected() {
    let line = EXAMPLE.lines().last().unwrap();
    let many = format!("{line}\n").repeat(17);
    let long = "x".repeat(NOTE_BYTES_MAX);
    let cases = [
        (String::new(), NoteError::NoSignatures),
        ("a\n".to_owned(), NoteError::NoSignatures),
        (format!("a\n{line}\n"), NoteError::NoSignatures),
        (format!("a\n\n{line}"), NoteError::NoSignatures),
        (format!("a\n\n{line}\nb\n"), NoteError::BadSignature(2)),
        (format!("a\n\n{line}\n\n"), NoteError::NoSignatures),
        ("a\n\n\n".to_owned(), NoteError::NoSignatures),
        (format!("a\r\n\n{line}\n"), NoteError::NotText),
        (format!("a\u{9b}\n\n{line}\n"), NoteError::NotText),
        ("a\n\n— x AAAA\n".to_owned(), NoteError::BadSignature(1)),
        ("a\n\n— x AAAAAAA\n".to_owned(), NoteError::BadSignature(1)),
        ("a\n\n— x AAAAAAB=\n".to_owned(), NoteError::BadSignature(1)),
        (
            "a\n\n— x+y AAAAAAA=\n".to_owned(),
            NoteError::BadSignature(1),
        ),
        ("a\n\n—  AAAAAAA=\n".to_owned(), NoteError::BadSignature(1)),
        ("a\n\n- x AAAAAAA=\n".to_owned(), NoteError::BadSignature(1)),
        (format!("a\n\n{many}"), NoteError::TooManySignatures),
        (format!("{long}\n\n{line}\n"), NoteError::TooLong),
    ];
    for (note, expected) in cases {
        assert_eq!(
            Note::parse(note.as_bytes()).unwrap_err(),
            expected,
            "{note}"
        );
    }
    assert_eq!(Note::parse(b"a\xff\n\n").unwrap_err(), NoteError::NotText);
}

#[test]
fn a_damaged_key_is_rejected_and_never_quoted() {
    for at in 0..EXAMPLE_KEY.len() {
        let mut key = EXAMPLE_KEY.as_bytes().to_vec();
        key[at] ^= 1;
        let key = String::from_utf8(key).unwrap();
        assert!(VerifierKey::parse(&key).is_err(), "{key}");
    }
    assert_eq!(VerifierKey::parse(GO_SIGNER), Err(KeyError::Private));
    assert_eq!(
        VerifierKey::parse("a+00000000+AgAA"),
        Err(KeyError::OtherType)
    );
    for at in "PRIVATE+KEY+".len()..GO_SIGNER.len() {
        let mut key = GO_SIGNER.as_bytes().to_vec();
        key[at] ^= 1;
        let error = SigningKey::parse(&String::from_utf8(key).unwrap()).unwrap_err();
        assert!(!error.to_string().contains("AYEK"), "{error}");
    }
}
