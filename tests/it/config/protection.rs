//! The keys to which facts are sealed, and under which identifiers are recorded.

use std::fs;

use verigate::journal::AuditorKey;

use super::{GOOD, load};

const RECIPIENT: &str = "age1g964x522krwy7z7pp39gqqll2dzlapnwa3hvtv9mjavmpqpwpgnslvrn2s";
const SECRET: &str = "AGE-SECRET-KEY-107EGFKW60KZ72LEDSW7X0RJMWV2YP7H9NE0R8ZFY522NUECAC35SWKMY00";

fn settings(settings: &str) -> String {
    format!("[journal]\npath = '-'\n{settings}\n{GOOD}")
}

#[test]
fn facts_are_sealed_to_a_public_key_of_age_and_to_nothing_else() {
    let sealed = format!("facts = 'sealed'\nage_recipient = '{RECIPIENT}'");
    let config = load(&settings(&sealed), &[]).unwrap();
    let expected = AuditorKey::parse(SECRET).unwrap().recipient();
    assert_eq!(config.journal.auditor, Some(expected));
    let config = load(&settings(""), &[]).unwrap();
    assert_eq!(config.journal.auditor, None);
    let secret = format!("facts = 'sealed'\nage_recipient = '{SECRET}'");
    let unused = format!("age_recipient = '{RECIPIENT}'");
    for (wrong, expected) in [
        ("facts = 'sealed'", "journal.age_recipient is not set"),
        (
            "facts = 'sealed'\nage_recipient = 'age1x'",
            "journal.age_recipient is no public key",
        ),
        (&*secret, "journal.age_recipient is a secret key"),
        (
            &*unused,
            "journal.age_recipient is set, but journal.facts is `verdicts`",
        ),
        (
            "facts = 'all'",
            "journal.facts: `all` is not one of: verdicts, sealed",
        ),
    ] {
        let error = load(&settings(wrong), &[]).unwrap_err();
        assert!(error.contains(expected), "{wrong}: {error}");
        assert!(!error.contains("07EGFKW60"), "{error}");
    }
}

#[test]
fn identifiers_are_keyed_by_64_digits_that_are_never_quoted() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("identifiers.key");
    fs::write(&file, format!("{}\n", "0a".repeat(32))).unwrap();
    let keyed = format!(
        "identifiers = 'keyed'\nidentifier_key_file = '{}'",
        file.display()
    );
    assert!(
        load(&settings(&keyed), &[])
            .unwrap()
            .journal
            .identifier_key
            .is_some()
    );
    assert!(
        load(&settings(""), &[])
            .unwrap()
            .journal
            .identifier_key
            .is_none()
    );
    let unused = keyed.replace("keyed", "plain");
    for (wrong, expected) in [
        (
            "identifiers = 'keyed'",
            "journal.identifier_key_file is not set",
        ),
        (
            "identifiers = 'keyed'\nidentifier_key = '0a0b'",
            "journal.identifier_key is no key of 64",
        ),
        (
            &*unused,
            "journal.identifier_key_file is set, but journal.identifiers is `plain`",
        ),
        (
            "identifiers = 'hashed'",
            "journal.identifiers: `hashed` is not one of: plain, keyed",
        ),
    ] {
        let error = load(&settings(wrong), &[]).unwrap_err();
        assert!(error.contains(expected), "{wrong}: {error}");
        assert!(!error.contains("0a0b"), "{error}");
    }
}
