//! Which texts are identities, and in which form.

use super::*;

const UUID: &str = "9b1c6f0e-2f57-4b41-8a55-6f1d3f1f6c0a";

fn canonical(text: &str) -> Option<String> {
    let identity = Identity::parse(text).ok()?;
    Some(identity.as_str().to_owned())
}

#[test]
fn a_uuid_in_any_form_is_36_lower_case_characters() {
    let simple = UUID.replace('-', "");
    for bare in [UUID, &simple] {
        for form in [
            bare.to_owned(),
            format!("{{{bare}}}"),
            format!("({bare})"),
            format!("urn:uuid:{bare}"),
            format!("URN:Uuid:{{{bare}}}"),
        ] {
            for form in [form.clone(), form.to_ascii_uppercase()] {
                assert_eq!(canonical(&form).as_deref(), Some(UUID), "{form}");
            }
        }
    }
}

#[test]
fn what_only_resembles_a_uuid_is_an_identity_of_its_own() {
    for text in [
        &UUID.replacen('9', "", 1),
        &UUID.replace("9b", "9g"),
        &UUID.replacen('-', "", 1),
        &format!("{{{UUID}"),
        &format!("{UUID}-A"),
        &format!("urn:{UUID}"),
    ] {
        assert_eq!(canonical(text).as_ref(), Some(text));
        assert!(!is_hyphenated_uuid(text), "{text}");
    }
}

#[test]
fn an_identity_has_letters_and_digits_of_any_script_and_signs_of_ascii() {
    let signs: String = ('!'..='~').collect();
    for text in [
        "id-ada",
        "ID-ADA",
        &signs,
        "ä@example.com",
        "人-1",
        "नमस्ते",
        "ที่อยู่",
        "น้ำ",
        "שָׁלוֹם",
        "Ελλάδα",
        "عربي١٢",
        "한국어",
        "q\u{307}\u{323}x"
            .replace("\u{307}\u{323}", "\u{323}\u{307}")
            .as_str(),
        &"x".repeat(256),
    ] {
        assert_eq!(canonical(text).as_deref(), Some(text));
    }
}

#[test]
fn a_blank_anywhere_is_no_part_of_an_identity() {
    for blank in [
        ' ', '\t', '\n', '\r', '\u{b}', '\u{85}', '\u{a0}', '\u{1680}', '\u{2003}', '\u{2028}',
        '\u{202f}', '\u{205f}', '\u{3000}',
    ] {
        for text in [
            format!("id-ada{blank}"),
            format!("{blank}id-ada"),
            format!("id{blank}ada"),
            format!("{UUID}{blank}"),
            format!("{blank}{UUID}"),
        ] {
            assert_eq!(canonical(&text), None, "{text:?}");
        }
    }
}

#[test]
fn what_nobody_sees_is_no_part_of_an_identity() {
    for unseen in [
        0,
        7,
        0x7f,
        0xad,
        0x34f,
        0x61c,
        0x115f,
        0x1160,
        0x17b4,
        0x180b,
        0x180e,
        0x200b,
        0x200c,
        0x200d,
        0x200e,
        0x202a,
        0x202e,
        0x2060,
        0x2066,
        0x206f,
        0x2800,
        0x3164,
        0xe000,
        0xfe00,
        0xfe0f,
        0xfeff,
        0xfff9,
        0xfffd,
        0xffa0,
        0xffff,
        0xe0001,
        0xe0020,
        0xe0041,
        0xe0100,
        0x0010_ffff,
    ] {
        let unseen = char::from_u32(unseen).unwrap();
        for text in [
            format!("id-1{unseen}"),
            format!("{unseen}id-1"),
            format!("id{unseen}1"),
            format!("{UUID}{unseen}"),
        ] {
            assert_eq!(canonical(&text), None, "{text:?}");
        }
    }
}

#[test]
fn another_normal_form_of_an_identity_is_none() {
    for text in [
        "a\u{308}da",
        "한"
            .to_owned()
            .as_str()
            .replace('한', "\u{1112}\u{1161}\u{11ab}")
            .as_str(),
        "\u{212b}ngstrom",
        "q\u{307}\u{323}",
        "ａｄａ",
        "１２",
        "ﬁn",
        "x²",
        "①",
        "Ⅷ",
        "𝐚da",
        "ｱ",
        "ﷺ",
    ] {
        assert_eq!(canonical(text), None, "{text:?}");
    }
}

#[test]
fn signs_beyond_ascii_and_lone_marks_are_no_part_of_an_identity() {
    for text in [
        "€1",
        "id–ada",
        "“id”",
        "id·1",
        "😀",
        "\u{301}id",
        "id-\u{301}",
        "½",
    ] {
        assert_eq!(canonical(text), None, "{text:?}");
    }
    for text in ["", &"x".repeat(257), &"ä".repeat(129)] {
        assert_eq!(canonical(text), None, "{text:?}");
    }
}

#[test]
fn a_list_takes_one_plain_identity_and_a_uuid_of_36_characters() {
    let upper = UUID.to_ascii_uppercase();
    for (text, read) in [
        (UUID, UUID),
        (&upper, UUID),
        ("id-ada", "id-ada"),
        ("ä@example.com", "ä@example.com"),
        ("auth0|5f7c8ec7", "auth0|5f7c8ec7"),
        ("EXAMPLE\\ada", "EXAMPLE\\ada"),
        ("o'neill@example.com", "o'neill@example.com"),
        (
            "ada_example.com#EXT#@example.com",
            "ada_example.com#EXT#@example.com",
        ),
        (
            "a/b:c+d=e?f&g!h$i%j^k~l.m_n-o",
            "a/b:c+d=e?f&g!h$i%j^k~l.m_n-o",
        ),
    ] {
        let listed = listed(text).map(|id| id.as_str().to_owned());
        assert_eq!(listed.as_deref(), Ok(read));
    }
    let simple = UUID.replace('-', "");
    for text in [
        simple.as_str(),
        &format!("{{{UUID}}}"),
        &format!("urn:uuid:{UUID}"),
        "\"id-ada\"",
        "'id-ada'",
        "'id-ada",
        "`id-ada`",
        "id-ada,Ada",
        "id-ada,",
        "id-ada;Ada",
        "id-ada\tAda",
        "id-ada Ada",
        "[id-ada]",
        "{id-ada}",
        "(id-ada)",
        "id-ada(Ada)",
        "<ada@example.com>",
        "*@example.com",
        "# id-ada",
        "#id-ada",
        "//id-ada",
        "- id-ada",
        "id-ada\u{200b}",
        "",
    ] {
        assert!(listed(text).is_err(), "{text:?}");
    }
}

#[test]
fn an_error_shows_what_cannot_be_seen_and_never_the_identity() {
    let shown = |text: &str| listed(text).unwrap_err().to_string();
    assert_eq!(
        shown("id-ada\u{200b}"),
        "it has U+200B, which is not a letter, a digit or a printable ASCII character"
    );
    assert_eq!(
        shown("id-ada,Ada"),
        "it has a comma, as between two identities or columns"
    );
    assert_eq!(shown("\u{feff}id-ada"), "it has a byte order mark, U+FEFF");
    assert_eq!(listed("id-ada,Ada").unwrap_err().column(), 7);
    assert_eq!(
        format!("{:?}", Identity::parse("id-ada")),
        "Ok(Identity(…))"
    );
}
