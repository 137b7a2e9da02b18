//! Texts written, and read back.

use std::sync::Arc;

use super::*;
use crate::yaml::{Decoder, Diagnostics, NodeKind, SourceText};

/// These scalars in a list, decoded.
fn read_back(scalars: &[String]) -> Vec<NodeKind> {
    let (path, text) = ("p.yaml".to_owned(), format!("a: [{}]", scalars.join(", ")));
    let mut diagnostics = Diagnostics::default();
    let mut decoder = Decoder::new(Arc::new(SourceText { path, text }), &mut diagnostics);
    let root = decoder.document(usize::MAX);
    assert!(diagnostics.is_empty(), "{diagnostics}");
    let NodeKind::Map(entries) = root.unwrap().kind else {
        panic!("it is a map");
    };
    let NodeKind::List(items) = &entries[0].1.kind else {
        panic!("it is a list");
    };
    items.iter().map(|item| item.kind.clone()).collect()
}

fn assert_read_back(texts: &[String]) {
    let scalars: Vec<String> = texts.iter().map(|text| scalar(text)).collect();
    for (text, node) in texts.iter().zip(read_back(&scalars)) {
        assert!(
            matches!(&node, NodeKind::Text(read) if read == text),
            "{text:?}: {node:?}"
        );
    }
}

#[test]
fn every_character_is_read_back() {
    let all: Vec<char> = (0..=0x10_ffff).filter_map(char::from_u32).collect();
    let texts: Vec<String> = all
        .chunks(4096)
        .map(|chunk| chunk.iter().collect())
        .collect();
    assert_read_back(&texts);
    let ascii = || (0..0x80).filter_map(char::from_u32);
    let alone = ascii().map(|c| c.to_string());
    let inside = ascii().map(|c| format!("a{c}b"));
    let first = ascii().map(|c| format!("{c} b"));
    assert_read_back(&alone.chain(inside).chain(first).collect::<Vec<_>>());
}

#[test]
fn a_quoted_text_is_visible() {
    let all: String = (0..=0x10_ffff).filter_map(char::from_u32).collect();
    for c in quoted(&all).chars() {
        assert!(!c.is_control() && (c == ' ' || !c.is_whitespace()), "{c:?}");
        assert!(
            !matches!(c, '\u{200b}' | '\u{202e}' | '\u{feff}' | '\u{fffd}'),
            "{c:?}"
        );
    }
    assert_eq!(
        scalar("a\u{7}\t\u{85}\u{200b}\u{2028}\u{feff}\u{e0001}ä😀\"\\"),
        r#""a\u0007\t\u0085\u200B\u2028\uFEFF\U000E0001ä😀\"\\""#
    );
}

#[test]
fn a_text_is_bare_where_it_can_mean_nothing_else() {
    for text in [
        "a",
        "VERIFIED",
        "v-1",
        "a.b_c-1",
        "55a951eb-265c",
        "12h",
        "_",
        "e5",
    ] {
        assert_eq!(scalar(text), text);
    }
    for text in [
        "",
        "~",
        "null",
        "Null",
        "yes",
        "No",
        "on",
        "y",
        "TRUE",
        "1",
        "007",
        "1_000",
        "1.5",
        "1e5",
        "1.5e-3",
        "0x1f",
        "0b1",
        "2026-01-31",
        "-",
        "-a",
        "---",
        "...",
        ".inf",
        "+1",
        "a b",
        "a:",
        "a: b",
        "#a",
        "a #b",
        "- a",
        "[a]",
        "{a}",
        "a,b",
        "&a",
        "*a",
        "!a",
        "|",
        ">",
        "'",
        "\"",
        "%a",
        "@a",
        "`a",
        "?",
        ":",
        " a",
        "a ",
        "ä",
    ] {
        assert_eq!(scalar(text), quoted(text), "{text}");
    }
}

#[test]
fn the_invisible_ranges_are_in_order_and_apart() {
    for pair in INVISIBLE.windows(2) {
        assert!(pair[0].end() < pair[1].start(), "{pair:?}");
    }
}

#[test]
fn a_character_is_escaped_as_json_does_it_also_beyond_the_basic_plane() {
    assert_eq!(json_escape('\u{1b}'), r"\u001b");
    assert_eq!(json_escape('\u{202e}'), r"\u202e");
    assert_eq!(json_escape('\u{e0001}'), r"\udb40\udc01");
}
