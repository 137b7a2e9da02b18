//! Keys and files of age itself, and what is no key and no file.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{file::PAYLOAD_BYTES_MAX, *};

/// Made with rage 0.11: a key, its public key, and a file that is sealed to it, which has a stanza of another type too.
const SECRET_KEY: &str =
    "AGE-SECRET-KEY-107EGFKW60KZ72LEDSW7X0RJMWV2YP7H9NE0R8ZFY522NUECAC35SWKMY00";
const PUBLIC_KEY: &str = "age1g964x522krwy7z7pp39gqqll2dzlapnwa3hvtv9mjavmpqpwpgnslvrn2s";
const FILE: &str = "YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSArK1hBWVFUTmVXdVlsVktGUUlieUJxRU5Gd3hRUGtPbkRwcmczSEVXSEY0CkF5RUVuNUV6THpxVjNtcUx4TlMvZG5aNEwxbjZmQjFQajg0RGQrdkNxMFUKLT4gYStPQHItZ3JlYXNlIDkgYUI8ICVtayo4CkVTcE5tVko2YUQ0UUxLaytPMWFJNnYxdzV3S3ZWa1dVdFA0KzZXQU9sUEdnWjlha2wwLzNtdS8wNFhnTU5qdVIKSnhMdEs1cXBSMXorcFhLaEZ6UFI2TzFtd2MxVTlxZwotLS0gT2huRklybnNueGEvRFIvOHI4ejJiUEF4MzF0RWc3bGJhYXZhMUlXVnp4TQpZcWeKDMxEVChPZxDonT8CCf3Ibn1biwVApYs+yovB9qnd6Z/K5j8oS6Ee1GAVE7FDaNnjFFff/Mg4NVhiei+/";

fn key() -> AuditorKey {
    AuditorKey::parse(SECRET_KEY).unwrap()
}

#[test]
fn a_key_and_a_file_of_age_itself_are_read() {
    assert_eq!(key().recipient().to_string(), PUBLIC_KEY);
    assert_eq!(Recipient::parse(PUBLIC_KEY), Ok(key().recipient()));
    assert_eq!(*key().to_text(), SECRET_KEY);
    let text =
        format!("# created: 2026-01-31\r\n# public key: {PUBLIC_KEY}\r\n\r\n{SECRET_KEY}\r\n");
    assert_eq!(
        AuditorKey::parse(&text).unwrap().recipient(),
        key().recipient()
    );
    let file = STANDARD.decode(FILE).unwrap();
    assert_eq!(
        **key().open(&file).unwrap(),
        *b"0123456789abcdef0123456789abcdef"
    );
}

#[test]
fn what_is_sealed_to_a_key_is_opened_by_that_key_alone() {
    for length in [0, 1, 32, PAYLOAD_BYTES_MAX] {
        let payload = &*vec![7; length];
        let file = key().recipient().seal(payload).unwrap();
        assert_eq!(**key().open(&file).unwrap(), *payload);
        assert_ne!(file, key().recipient().seal(payload).unwrap());
        let other = AuditorKey::generate().unwrap();
        assert_eq!(other.open(&file).err(), Some(AgeError::OtherKey));
    }
    let too_long = vec![0; PAYLOAD_BYTES_MAX + 1];
    assert_eq!(key().recipient().seal(&too_long), Err(AgeError::Form));
}

#[test]
fn a_file_that_was_changed_anywhere_is_not_opened() {
    let file = key().recipient().seal(b"the key of the data").unwrap();
    for at in 0..file.len() {
        for flip in [1, 128] {
            let mut changed = file.clone();
            changed[at] ^= flip;
            assert!(key().open(&changed).is_err(), "byte {at}");
        }
        assert!(key().open(&file[..at]).is_err(), "cut to {at}");
    }
    let longer = [&file[..], b"x"].concat();
    assert_eq!(key().open(&longer).err(), Some(AgeError::Damaged));
}

#[test]
fn what_is_no_key_is_rejected_and_never_quoted() {
    let damaged = PUBLIC_KEY.replace("g964", "g965");
    for text in [
        "",
        "age1",
        &damaged,
        "age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t",
        PUBLIC_KEY.get(..40).unwrap(),
        "npub1g964x522krwy7z7pp39gqqll2dzlapnwa3hvtv9mjavmpqpwpgnslvrn2s",
    ] {
        assert_eq!(
            Recipient::parse(text),
            Err(AgeKeyError::NoRecipient),
            "{text}"
        );
    }
    assert_eq!(Recipient::parse(SECRET_KEY), Err(AgeKeyError::Secret));
    let zero = bech32::encode::<Bech32>(RECIPIENT, &[0; 32]).unwrap();
    assert_eq!(Recipient::parse(&zero), Err(AgeKeyError::SmallOrder));
    let twice = format!("{SECRET_KEY}\n{SECRET_KEY}\n");
    let damaged = SECRET_KEY.replace("KW60", "KW61");
    for (text, expected) in [
        ("", AgeKeyError::NoSecret),
        ("# a comment\n", AgeKeyError::NoSecret),
        (PUBLIC_KEY, AgeKeyError::NoSecret),
        (&twice, AgeKeyError::BadSecret),
        (&damaged, AgeKeyError::BadSecret),
        (SECRET_KEY.get(..60).unwrap(), AgeKeyError::BadSecret),
    ] {
        let error = AuditorKey::parse(text).unwrap_err();
        assert_eq!(error, expected, "{text}");
        assert!(!error.to_string().contains("07EGF"));
    }
    assert_eq!(format!("{:?}", key()), "AuditorKey(…)");
}
